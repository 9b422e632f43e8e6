"""`/v1/accounts/{account}/notify-email` and `…/mails`: telling the customer by mail."""

from __future__ import annotations

from processor import mailing, report
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.mail import (
    MailAddressAnswer,
    MailAddressAsked,
    MailAnswer,
    MailsAnswer,
    MailsAsked,
    ReadersAnswer,
    ReadersAsked,
    mail_answer,
    mails_answer,
)

ADDRESS = "/v1/accounts/{account}/notify-email"
READERS = "/v1/connections/{connection}/notify-emails"


def get(call: Call[Nothing, None]) -> Reply:
    """Tell where the customer is told."""
    return Reply(MailAddressAnswer(email=mailing.address_of(call.kit, call.path["account"])))


def change(call: Call[Nothing, MailAddressAsked]) -> Reply:
    """Say where to tell the customer."""
    return Reply(
        MailAddressAnswer(email=mailing.set_address(call.kit, call.path["account"], call.body.email))
    )


def test(call: Call[Nothing, None]) -> Reply:
    """Send a test."""
    return Reply(mail_answer(mailing.send_test(call.kit, call.path["account"])), 202)


def find(call: Call[MailsAsked, None]) -> Reply:
    """List what was sent to the customer, or waits."""
    return Reply(mails_answer(*mailing.sent(call.kit, call.path["account"], after=call.query.after)))


def one(call: Call[Nothing, None]) -> Reply:
    """Tell what became of one mail."""
    return Reply(mail_answer(mailing.mail(call.kit, call.path["mail"], call.caller.account_id)))


def readers(call: Call[Nothing, None]) -> Reply:
    """Tell who is told of a connection."""
    found = mailing.readers_of(call.kit, call.path["connection"], call.caller.account_id)
    return Reply(ReadersAnswer(emails=list(found.own), told=list(found.told)))


def change_readers(call: Call[Nothing, ReadersAsked]) -> Reply:
    """Say who is told of a connection."""
    connection_id, account_id = call.path["connection"], call.caller.account_id
    mailing.set_readers(call.kit, connection_id, account_id, call.body.emails)
    found = mailing.readers_of(call.kit, connection_id, account_id)
    return Reply(ReadersAnswer(emails=list(found.own), told=list(found.told)))


def test_readers(call: Call[Nothing, None]) -> Reply:
    """Send a test to whoever is told of a connection."""
    connection = report.row_of(call.kit, call.path["connection"], call.caller.account_id)
    return Reply(mail_answer(mailing.send_test(call.kit, connection.account_id, connection.id)), 202)


OPERATIONS = (
    Operation(
        "GET",
        ADDRESS,
        "readNotifyEmail",
        "Read where a customer is told by mail",
        handler=get,
        answers={200: MailAddressAnswer},
    ),
    Operation(
        "PUT",
        ADDRESS,
        "changeNotifyEmail",
        "Say where a customer is told by mail",
        handler=change,
        body=MailAddressAsked,
        answers={200: MailAddressAnswer},
        description="They are told of issues that they can mend, when these are opened, after 1, 3 and 7 "
        "days and then weekly while they are open, and when they are solved. Whoever reads these mails gets "
        "into the account's portal. Needs SMTP_URL.",
    ),
    Operation(
        "POST",
        f"{ADDRESS}/test",
        "testNotifyEmail",
        "Send a customer a test mail",
        handler=test,
        answers={202: MailAnswer},
        refusals=(409,),
        description="By the way of every mail; read the mail to see what came of it.",
    ),
    Operation(
        "GET",
        READERS,
        "readNotifyEmails",
        "Read who is told of a connection by mail",
        handler=readers,
        answers={200: ReadersAnswer},
    ),
    Operation(
        "PUT",
        READERS,
        "changeNotifyEmails",
        "Say who is told of a connection by mail",
        handler=change_readers,
        body=ReadersAsked,
        answers={200: ReadersAnswer},
        description="In place of the account's address; with an empty list that one is told again. Whoever "
        "reads these mails gets into the account's portal.",
    ),
    Operation(
        "POST",
        f"{READERS}/test",
        "testNotifyEmails",
        "Send a test mail to whoever is told of a connection",
        handler=test_readers,
        answers={202: MailAnswer},
        refusals=(409,),
        description="By the way of every mail; read the mail to see what came of it.",
    ),
    Operation(
        "GET",
        "/v1/accounts/{account}/mails",
        "listMails",
        "List the mails to a customer",
        handler=find,
        query=MailsAsked,
        answers={200: MailsAnswer},
        description="Kept for 14 days.",
    ),
    Operation("GET", "/v1/mails/{mail}", "readMail", "Read a mail", handler=one, answers={200: MailAnswer}),
)
