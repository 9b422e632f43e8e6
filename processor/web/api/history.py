"""What became of one contact: `…/contacts/{id}/history` and `/consent`; and the ledger of a whole account.

These addresses come before the contact's own, whose id may have slashes in it: a contact whose id ends in
`/history` or `/consent` is written and deleted like any other, and read in the feed and in the list.
"""

from __future__ import annotations

from processor import report
from processor.errors import NotFound
from processor.web.api.operation import Call, File, Nothing, Operation, Reply
from processor.web.models.history import (
    ConsentLinesAnswer,
    HistoryAnswer,
    PageAsked,
    consents_answer,
    history_answer,
)

ONE = "/v1/accounts/{account}/contacts/{id:path}"
CSV = "text/csv"


def history(call: Call[PageAsked, None]) -> Reply:
    """Tell what happened to a contact."""
    account, contact_id = call.path["account"], call.path["id"]
    page = report.history(call.kit, account, contact_id, limit=call.query.limit, after=call.query.after)
    return Reply(history_answer(page, report.standings(call.kit, account, contact_id)))


def consent(call: Call[PageAsked, None]) -> Reply:
    """Tell what a contact's consent is, and was."""
    account, contact_id = call.path["account"], call.path["id"]
    page = report.consent_lines(call.kit, account, contact_id, limit=call.query.limit, after=call.query.after)
    return Reply(consents_answer(page))


def consents(call: Call[Nothing, None]) -> Reply:
    """Download the whole ledger of an account."""
    account = call.path["account"]
    if not report.is_account(call.kit, account):
        raise NotFound(f"There is no account “{account}”.")
    return Reply(file=File("consents.csv", CSV, report.consents_csv(call.kit, account)))


OPERATIONS = (
    Operation(
        "GET",
        f"{ONE}/history",
        "readHistory",
        "Read what happened to a contact",
        handler=history,
        query=PageAsked,
        answers={200: HistoryAnswer},
        description="What was written here and what was sent to Mailchimp, newest first, with values before "
        "and after, the cause, and what Mailchimp said. `standing` says why the contact is, or is not, in "
        "step.",
    ),
    Operation(
        "GET",
        f"{ONE}/consent",
        "readConsent",
        "Read a contact's consents",
        handler=consent,
        query=PageAsked,
        answers={200: ConsentLinesAnswer},
        description="Every change of the status, here and sent to Mailchimp: who, when, and on what "
        "evidence. Lines are never changed; only an erasure takes them away.",
    ),
    Operation(
        "GET",
        "/v1/accounts/{account}/consents.csv",
        "downloadConsents",
        "Download all consents of an account",
        handler=consents,
        files={200: CSV},
        description="The whole ledger as CSV, by contact, each contact's oldest line first.",
    ),
)
