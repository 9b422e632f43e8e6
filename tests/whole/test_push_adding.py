"""New members of whom Mailchimp refuses values, when Mailchimp goes away in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from processor.converge import Outcome, Sighting, Verdict
from processor.domain.contact import Contact, MemberStatus
from processor.domain.plan import ContactChange, MemberChange, MemberState, Plan
from processor.domain.policy import FieldRule, Policy
from processor.errors import Passing
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.members import Added, NewMember, Refused
from processor.push.add import add_all
from processor.store import connections
from processor.store.members import new_member
from tests.web.house import ACME, Clock, make_connection, open_api

POLICY = Policy(fields=(FieldRule(field="tel", target="TEL"), FieldRule(field="city", target="CITY")))


@dataclass
class GoesAway:
    """A Mailchimp that names a refused value, twice in the same words, and is not there for the next call."""

    asked: list[list[dict[str, Any]]] = field(default_factory=list)

    def add_members(self, audience_id: str, new: Sequence[NewMember]) -> Added:
        self.asked.append([dict(one.merge_fields) for one in new])
        if len(self.asked) > 1:
            raise Passing("network")
        told = Refused("JO@maple-street.test", "field_value", "TEL: Please enter a number", field="TEL")
        return Added([], [told, told, Refused("kim@maple-street.test", "email_fake", "looks fake")])


def _to_add(row_id: int, email: str) -> Outcome:
    up = MemberChange(create=MemberStatus.SUBSCRIBED, fields={"tel": "call me", "city": "Leeds"})
    plan = Plan(ContactChange(), up, None, MemberState.WAITING)
    row = replace(new_member("con_a", contact_id=str(row_id)), id=row_id)
    return Outcome(
        Sighting(email, None, row_id), Verdict.CHANGED, row, plan, Contact(ACME, str(row_id), email)
    )


def test_who_would_come_in_without_a_value_is_tried_again_when_mailchimp_is_back(tmp_path: Path) -> None:
    """What failed last is what holds them up, and it passes; who was refused for good is told so."""
    gone = GoesAway()
    with open_api(tmp_path, Clock()) as api:
        connection_id = make_connection(api.house, audience_id="a")
        with api.house.store.read() as c:
            row = connections.get(c, connection_id)
    assert row is not None
    names = ("jo@maple-street.test", "kim@maple-street.test", "Jo@maple-street.test", "lee@maple-street.test")
    outcomes = [_to_add(n, name) for n, name in enumerate(names)]
    sent = add_all(cast("Mailchimp", gone), replace(row, policy=POLICY), outcomes, lambda: False)
    codes = [one.error.code if one.error else None for one in sent]
    assert codes == ["network", "email_fake", "email_taken", "member_exists"]
    assert gone.asked[1] == [{"CITY": "Leeds"}]
