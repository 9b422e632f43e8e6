"""Connections of an account, the links that make them, and their audiences."""

from __future__ import annotations

from processor import connect, report, setup, uninstall
from processor.errors import Invalid
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.connection import (
    AnotherAsked,
    ConnectionAnswer,
    ConnectionsAnswer,
    ConnectLinkAnswer,
    connection_answer,
)
from processor.web.models.receipt import ReceiptAnswer, ReceiptsAnswer, receipt_answer
from processor.web.models.settings import (
    AudiencesAnswer,
    ConnectionAsked,
    DraftAnswer,
    audience_answer,
    choices_of,
    draft_answer,
)

ONE = "/v1/connections/{connection}"
LINKS = "/v1/accounts/{account}/connect-links"


def list_all(call: Call[Nothing, None]) -> Reply:
    """Tell how all connections of an account stand."""
    found = report.connections_of(call.kit, call.path["account"])
    return Reply(ConnectionsAnswer(connections=[connection_answer(one) for one in found]))


def add(call: Call[Nothing, AnotherAsked]) -> Reply:
    """Begin another connection, with the access of one that is there."""
    row = connect.another(call.kit, call.path["account"], call.body.beside)
    found = report.connection(call.kit, row.id, call.caller.account_id)
    return Reply(connection_answer(found), 201)


def make_link(call: Call[Nothing, None]) -> Reply:
    """Make a link that lets one browser, once, connect Mailchimp."""
    expires_at = call.kit.now() + connect.LINK_TTL
    url = connect.make_link(call.kit, call.path["account"])
    return Reply(ConnectLinkAnswer(url=url, expires_at=expires_at), 201)


def get(call: Call[Nothing, None]) -> Reply:
    """Tell how one connection stands."""
    return _stands(call, call.path["connection"])


def audiences(call: Call[Nothing, None]) -> Reply:
    """Ask Mailchimp which audiences there are to choose from."""
    found = setup.offers(call.kit, call.path["connection"])
    return Reply(AudiencesAnswer(audiences=[audience_answer(one) for one in found]))


def draft(call: Call[Nothing, None]) -> Reply:
    """Show an audience's fields, the platform's, and one real person on both sides."""
    found = setup.draft(call.kit, call.path["connection"], call.path["audience"])
    return Reply(draft_answer(found))


def change(call: Call[Nothing, ConnectionAsked]) -> Reply:
    """Write down what was chosen."""
    row = report.row_of(call.kit, call.path["connection"], call.caller.account_id)
    audience_id = call.body.audience_id or row.audience_id
    if audience_id is None:
        raise Invalid("Choose one of the audiences that Mailchimp has.", "audience_id")
    by = call.body.statement_by or call.caller.name
    setup.save(call.kit, row.id, choices_of(call.body, audience_id), by)
    return _stands(call, row.id)


def remove(call: Call[Nothing, None]) -> Reply:
    """Undo the installation, and hand over the receipt."""
    receipt = uninstall.uninstall(call.kit, call.path["connection"])
    return Reply(receipt_answer(receipt), 200 if receipt.finished_at else 202)


def list_receipts(call: Call[Nothing, None]) -> Reply:
    """Tell what was uninstalled."""
    found = report.receipts_of(call.kit, call.path["account"])
    return Reply(ReceiptsAnswer(receipts=[receipt_answer(one) for one in found]))


def _stands(call: Call[Nothing, ConnectionAsked] | Call[Nothing, None], connection_id: str) -> Reply:
    return Reply(connection_answer(report.connection(call.kit, connection_id, call.caller.account_id)))


OPERATIONS = (
    Operation(
        "GET",
        "/v1/accounts/{account}/connections",
        "listConnections",
        "List an account's connections",
        handler=list_all,
        answers={200: ConnectionsAnswer},
    ),
    Operation(
        "POST",
        "/v1/accounts/{account}/connections",
        "addConnection",
        "Connect another audience of a Mailchimp account that is connected",
        handler=add,
        body=AnotherAsked,
        answers={201: ConnectionAnswer},
        refusals=(409,),
        description="Takes over the access of a connection that is there, so that nobody need sign in again. "
        "The new one waits for its audience. Safe to repeat: while one waits, it is answered. For an "
        "audience of another Mailchimp account make a link.",
    ),
    Operation(
        "POST",
        LINKS,
        "makeConnectLink",
        "Make a link to connect Mailchimp",
        handler=make_link,
        answers={201: ConnectLinkAnswer},
        description="Send the customer's browser there. It works once, for 15 minutes.",
    ),
    Operation(
        "GET", ONE, "readConnection", "Read a connection", handler=get, answers={200: ConnectionAnswer}
    ),
    Operation(
        "PATCH",
        ONE,
        "changeConnection",
        "Set a connection up, or change its settings",
        handler=change,
        body=ConnectionAsked,
        answers={200: ConnectionAnswer},
        refusals=(409, 502),
        description="Checks what is chosen against the audience as Mailchimp has it, and writes it down. "
        "Begins nothing: ask for a preview, then for the first sync. A connection that works goes on under "
        "the new settings, and everybody is compared anew. Safe to repeat.",
    ),
    Operation(
        "DELETE",
        ONE,
        "removeConnection",
        "Undo an installation",
        handler=remove,
        answers={200: ReceiptAnswer, 202: ReceiptAnswer},
        description="Our webhook, the token, the settings and the stored copies go; people stay on both "
        "sides. 202 while Mailchimp does not answer: the rest is done later by itself, and the receipt is "
        "among the account's receipts.",
    ),
    Operation(
        "GET",
        "/v1/accounts/{account}/receipts",
        "listReceipts",
        "List the receipts of what was uninstalled",
        handler=list_receipts,
        answers={200: ReceiptsAnswer},
    ),
    Operation(
        "GET",
        f"{ONE}/audiences",
        "listAudiences",
        "List the audiences to choose from",
        handler=audiences,
        answers={200: AudiencesAnswer},
        refusals=(409, 502),
        description="Asks Mailchimp.",
    ),
    Operation(
        "GET",
        f"{ONE}/audiences/{{audience}}",
        "draftConnection",
        "See what there is to map in an audience",
        handler=draft,
        answers={200: DraftAnswer},
        refusals=(409, 502),
        description="The audience's fields with the names that would be mapped by themselves, the fields "
        "that the platform uses, and one real contact on both sides. Asks Mailchimp; changes nothing.",
    ),
)
