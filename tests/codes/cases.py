"""How each failure that Mailchimp can cause comes about, what is said of it, to whom, and how it is mended.

What Mailchimp says is what is on record of it; where that is not known, the sandbox's words are used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from processor import setup
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.issue import IssueKind
from processor.kit import utc_now
from processor.store import connections
from tests.codes.place import OPERATOR, Customer

PEOPLE = 20
LOCKED = {
    "field": "email address",
    "message": 'This member\'s status is "cleaned." You can only update email addresses for members with a '
    'status of "subscribed."',
}
NOT_ARCHIVED = (
    "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived"
)
Act = Callable[[Customer], object]


def _nothing(_: Customer) -> None:
    """Nothing to prepare."""


@dataclass(frozen=True)
class Case:
    """One failure. `before` is done before the first sync; `mend` is what somebody does on either side, and
    the button of the portal where one is to be pressed. `reader` None is the customer; `arrives` says that
    the contact is in Mailchimp afterwards."""

    code: str
    provoke: Act
    says: str
    mend: Act
    before: Act = _nothing
    kind: IssueKind = IssueKind.CONTACTS
    reader: str | None = None
    arrives: bool = True


def refused(words: str) -> Act:
    """Let Mailchimp refuse to add somebody, in these words."""

    def provoke(c: Customer) -> None:
        c.refuse(words)
        c.put()

    return provoke


def tried_again(code: str, button: str = "Try again") -> Act:
    """Let the cause be put right in Mailchimp, then press the button on the issue's page."""

    def mend(c: Customer) -> None:
        c.mend()
        c.presses(button, c.path_of(code))

    return mend


def broken(status: int, **more: str | bool) -> Act:
    """Let every call fail in this way, while a change waits."""

    def provoke(c: Customer) -> None:
        c.break_mailchimp(status, **more)
        c.put()

    return provoke


def _signs_up_anew(c: Customer) -> None:
    """The person comes back by Mailchimp's own form."""
    c.mend()
    c.control.subscribe(c.audience, c.address(), merge_fields={"BADGE": "yes"})


def _was_deleted(c: Customer) -> None:
    c.control.add(c.audience, c.address(), merge_fields={"BADGE": "yes"})
    c.control.delete(c.audience, c.address())


def _two_at_one(c: Customer) -> None:
    c.put("y", email=c.address("y"))
    c.put("x")
    c.until(lambda: c.member("x") and c.member("y"))
    c.until(lambda: c.standing("x") == c.standing("y") == "in_sync")
    c.put("x", email=c.address("y"))


def _moves(c: Customer) -> None:
    """Somebody's new address is refused: they bounced after we had looked."""
    c.put(email=c.address("old"))
    c.until(lambda: c.member("old") and c.standing() == "in_sync")
    c.break_mailchimp(400, title="Invalid Resource", method="PATCH", errors=[LOCKED])
    c.put()


def _limit(c: Customer) -> None:
    c.put("first")
    c.until(lambda: c.member("first"))
    c.control.change_account(c.mailchimp_account, plan_limit=1)
    c.put()


def _no_limit(c: Customer) -> None:
    c.control.change_account(c.mailchimp_account, plan_limit=0)
    c.presses("Try again")


def account(**changes: object) -> Act:
    """Let the Mailchimp account change, while a change waits."""

    def provoke(c: Customer) -> None:
        c.control.change_account(c.mailchimp_account, **changes)
        c.put()

    return provoke


def signed_in_again(**changes: object) -> Act:
    """Let the Mailchimp account be put right, then press Reconnect."""

    def mend(c: Customer) -> None:
        if changes:
            c.control.change_account(c.mailchimp_account, **changes)
        c.signs_in_again()

    return mend


def _withdraws(c: Customer) -> None:
    c.control.revoke(c.mailchimp_account)
    c.put()


def _drops(c: Customer) -> None:
    c.control.drop_audience(c.audience)
    c.put()


def _chooses_another(c: Customer) -> None:
    c.audience = c.control.audience(c.mailchimp_account, f"{c.audience_name}, anew").id
    setup.save(c.town.place.kit, c.connection_id, setup.Choices(c.audience), "a test")
    c.begin()


def _is_braked_soon(c: Customer) -> None:
    for n in range(PEOPLE):
        c.put(f"p{n}")
    kit = c.town.place.kit
    with kit.store.write() as db:
        row = connections.get(db, c.connection_id)
        assert row is not None
        policy = row.policy.model_copy(update={"brake_share": 0.1, "brake_from": 5})
        connections.update(db, c.connection_id, kit.now(), policy=policy)


def _many_leave(c: Customer) -> None:
    for n in range(PEOPLE):
        c.put(f"p{n}", consent=Consent(ConsentStatus.UNSUBSCRIBED, utc_now(), "a list that was imported"))


def _is_not_heard(c: Customer) -> None:
    """Mailchimp answers a change as if it had taken it, and shows another value."""
    c.put(fields={"city": "Leeds"})
    c.until(lambda: c.member() and c.standing() == "in_sync")
    c.control.ignore(method="PATCH", path=f"/lists/{c.audience}/members/*", account=c.mailchimp_account)
    c.put(fields={"city": "Ghent"})


def _is_heard_again(c: Customer) -> None:
    c.mend()
    c.presses("Try again")


def _wants_away(c: Customer) -> None:
    """The platform deletes a contact whom Mailchimp does not archive."""
    c.put()
    c.until(lambda: c.member() and c.standing() == "in_sync")
    c.break_mailchimp(405, title="Method Not Allowed", detail=NOT_ARCHIVED, method="DELETE")
    deleted = c.town.api.delete(f"/v1/accounts/{c.name}/contacts/x")
    assert deleted.is_success


def _deletes_there(c: Customer) -> None:
    c.control.delete(c.audience, c.address())
    c.presses("Try again", c.path_of("not_archivable"))


CASES = (
    Case(
        "field_value",
        lambda c: c.put(fields={"age": "soon"}),
        "“soon” does not fit “age”",
        lambda c: c.put(fields={"age": 30}),
    ),
    Case(
        "field_required",
        lambda c: c.put(fields={"badge": ""}),
        "requires “badge”",
        lambda c: c.put(),
    ),
    Case(
        "email_invalid",
        lambda c: c.put(email="x@maple"),
        "“x@maple” is not an address that Mailchimp accepts",
        lambda c: c.put(),
    ),
    Case(
        "email_fake",
        lambda c: c.put(email="someone@example.com"),
        "takes “someone@example.com” for a made-up address",
        lambda c: c.put(),
    ),
    Case(
        "email_forgotten",
        lambda c: c.put(),
        "was deleted for good in Mailchimp",
        _signs_up_anew,
        before=_was_deleted,
    ),
    Case(
        "consent_unsubscribed",
        refused("x has previously unsubscribed from this list and must opt in again."),
        "unsubscribed in Mailchimp, so we may not subscribe them again",
        _signs_up_anew,
    ),
    Case(
        "email_cleaned",
        refused("x has bounced and cannot be subscribed."),
        "Mailchimp stopped mailing",
        lambda c: c.put(email=c.address("new")),
        arrives=False,
    ),
    Case("email_taken", _two_at_one, "belongs to another member", lambda c: c.put()),
    Case(
        "email_locked",
        _moves,
        "Mailchimp changes the address of subscribed members only",
        tried_again("email_locked", "Try again"),
    ),
    Case(
        "signup_throttled",
        refused("x has signed up to a lot of lists very recently; we're not allowing more signups for now"),
        "has signed up to a lot of lists very recently",
        tried_again("signup_throttled", "Try again"),
    ),
    Case(
        "refused",
        refused("Schema describes string, NULL found instead"),
        "in its own words: “Schema describes string, NULL found instead”",
        tried_again("refused"),
    ),
    Case("unsettled", _is_not_heard, "its answer still shows another value", _is_heard_again),
    Case(
        "not_archivable",
        _wants_away,
        "Mailchimp archives none of these",
        _deletes_there,
        arrives=False,
    ),
    Case("plan_full", _limit, "the limit of your plan is reached", _no_limit),
    Case(
        "role_too_low",
        account(role="viewer"),
        "lacks the right for this change",
        signed_in_again(role="admin"),
    ),
    Case(
        "reconnect",
        _withdraws,
        "Mailchimp no longer accepts our access",
        signed_in_again(),
        kind=IssueKind.CONNECTION,
    ),
    Case(
        "account_disabled",
        account(disabled=True),
        "Mailchimp has deactivated the account",
        signed_in_again(disabled=False),
        kind=IssueKind.CONNECTION,
    ),
    Case(
        "audience_gone",
        _drops,
        "is not in Mailchimp any more",
        _chooses_another,
        kind=IssueKind.CONNECTION,
        arrives=False,
    ),
    Case(
        "brake",
        _many_leave,
        "We stopped before changing very many contacts at once",
        lambda c: c.presses("Go on with these changes", accept="1"),
        before=_is_braked_soon,
        kind=IssueKind.CONNECTION,
        arrives=False,
    ),
    Case(
        "rate_limited",
        broken(429),
        "Mailchimp is limiting requests for now",
        tried_again("rate_limited", "Try again"),
        reader=OPERATOR,
    ),
    Case(
        "mailchimp_down",
        broken(502, html="<html>Bad gateway</html>"),
        "Mailchimp has trouble at the moment",
        tried_again("mailchimp_down", "Try again"),
        reader=OPERATOR,
    ),
    Case(
        "network",
        broken(0, hang=True, holds=False),
        "No answer came from Mailchimp in time",
        tried_again("network", "Try again"),
        reader=OPERATOR,
    ),
)
