"""`/v1/accounts/{account}/notify-email` and `…/mails`: telling the customer by mail."""

from __future__ import annotations

from processor import mailing
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.mail import (
    MailAddressAnswer,
    MailAddressAsked,
    MailAnswer,
    MailsAnswer,
    MailsAsked,
    mail_answer,
    mails_answer,
)

ADDRESS = "/v1/accounts/{account}/notify-email"


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
    return Reply(mail_answer(mailing.test(call.kit, call.path["account"])), 202)


def find(call: Call[MailsAsked, None]) -> Reply:
    """List what was sent to the customer, or waits."""
    return Reply(mails_answer(*mailing.sent(call.kit, call.path["account"], after=call.query.after)))


def one(call: Call[Nothing, None]) -> Reply:
    """Tell what became of one mail."""
    return Reply(mail_answer(mailing.mail(call.kit, call.path["mail"], call.caller.account_id)))


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
