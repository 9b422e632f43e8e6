"""Access is lost in the middle, and comes back: nothing is lost, and nothing else is changed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from processor import connect, install
from processor.domain.contact import ConsentStatus
from processor.domain.event import EventStatus
from processor.errors import Invalid, NotFound
from processor.store import connections
from processor.store.connections import ConnectionRow
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until

JO = "jo@maple-street.test"
PAT = "pat@maple-street.test"


def _row(acme: World, connection_id: str | None = None) -> ConnectionRow:
    with acme.house.store.read() as c:
        row = connections.get(c, connection_id or acme.connection_id)
    assert row is not None
    return row


def _sign_in(acme: World, account: str, connection_id: str | None = None) -> ConnectionRow:
    """Sign in at Mailchimp from the portal, with this Mailchimp account."""
    begun = connect.begin_for(acme.kit, ACCOUNT, connection_id)
    said = {"account": account, "answer": "allow"}
    back: Any = dict(
        parse_qsl(urlsplit(httpx.post(begun.authorize_url, data=said).headers["location"]).query)
    )
    return connect.complete(
        acme.kit, acme.house.http, state=back["state"], browser=begun.browser, code=back["code"]
    )


def _lose_access(acme: World) -> None:
    acme.control.revoke(acme.mailchimp_account)
    acme.put("lost", email="lost@maple-street.test", consent=SUBSCRIBED)
    until(lambda: _row(acme).state == "reconnect")


def test_a_lost_access_stops_everything_and_keeps_what_waits(acme: World) -> None:
    """After the refusal no call is made; changes and deliveries are kept, and carried out after a reconnect
    with the mapping that there was."""
    acme.put("1", email=JO, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    until(acme.settled)
    mapping = _row(acme).policy
    _lose_access(acme)
    until(lambda: not acme.is_at_work())
    acme.control.forget_requests()
    acme.put("1", fields={"first_name": "Joanna"})
    acme.control.edit(acme.audience, JO, merge_fields={"CITY": "Split"})
    acme.control.settle()
    until(lambda: not acme.is_at_work())
    assert acme.control.calls() == {}
    assert _sign_in(acme, acme.mailchimp_account, acme.connection_id).state == "in_sync"
    assert _row(acme).policy == mapping
    until(lambda: acme.member(JO)["merge_fields"]["FNAME"] == "Joanna")
    until(lambda: acme.contact(JO).fields.get("city") == "Split")
    until(lambda: acme.member("lost@maple-street.test"))


def test_who_leaves_meanwhile_is_believed_at_once(acme: World) -> None:
    """Mailchimp is not asked, but the platform knows within moments; a later yes of theirs still counts."""
    for n, email in (("1", JO), ("2", PAT)):
        acme.put(n, email=email, consent=SUBSCRIBED)
    until(lambda: acme.member(JO) and acme.member(PAT))
    until(acme.settled)
    _lose_access(acme)
    acme.control.unsubscribe(acme.audience, JO)
    acme.control.clean(acme.audience, PAT)
    until(lambda: acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)
    until(lambda: acme.contact(PAT).consent.status is ConsentStatus.CLEANED)
    assert len(acme.events(EventStatus.RECEIVED)) >= 2
    _sign_in(acme, acme.mailchimp_account, acme.connection_id)
    until(acme.settled)
    assert acme.member(JO)["status"] == "unsubscribed"


def test_who_leaves_while_it_is_paused_is_believed_too(acme: World) -> None:
    """A pause is the customer's; an opt-out is the person's."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    until(acme.settled)
    install.pause(acme.kit, acme.connection_id)
    acme.control.unsubscribe(acme.audience, JO)
    until(lambda: acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)
    assert _row(acme).state == "paused"


def test_another_mailchimp_account_is_refused_in_one_sentence(acme: World) -> None:
    """Both accounts are named, nothing is changed, and the foreign token is not kept."""
    stranger = acme.control.account("Birch")
    _lose_access(acme)
    before = _row(acme)
    with pytest.raises(Invalid) as refused:
        _sign_in(acme, stranger.id, acme.connection_id)
    assert "“Acme”" in str(refused.value)
    assert "“Birch”" in str(refused.value)
    assert _row(acme) == before
    with acme.house.store.read() as c:
        assert len(connections.for_account(c, ACCOUNT)) == 1
    assert _sign_in(acme, acme.mailchimp_account, acme.connection_id).state == "in_sync"


def test_it_returns_to_what_it_was(acme: World) -> None:
    """Paused stays paused; a first sync that was never begun is not begun by a sign-in; one that is of the
    house alone may be reconnected by its account alone."""
    install.pause(acme.kit, acme.connection_id)
    with acme.house.store.write() as c:
        connections.set_state(c, acme.connection_id, "reconnect", acme.kit.now(), problem_code="reconnect")
    assert _sign_in(acme, acme.mailchimp_account, acme.connection_id).state == "paused"
    install.resume(acme.kit, acme.connection_id)
    second = _sign_in(acme, acme.mailchimp_account)
    assert (second.id == acme.connection_id, second.state) == (False, "setup")
    with acme.house.store.write() as c:
        connections.set_state(c, second.id, "reconnect", acme.kit.now(), problem_code="reconnect")
    assert _sign_in(acme, acme.mailchimp_account).id == second.id
    assert (_row(acme, second.id).state, _row(acme).state) == ("setup", "in_sync")
    with pytest.raises(NotFound):
        connect.begin_for(acme.kit, "birch", acme.connection_id)


def test_a_link_is_seen_without_being_used_up(acme: World) -> None:
    """A page may be shown before its button is pressed; the button works once."""
    link = connect.make_link(acme.kit, ACCOUNT).partition("link=")[2]
    assert [connect.whose(acme.kit, link) for _ in range(2)] == [ACCOUNT, ACCOUNT]
    connect.begin(acme.kit, link)
    for again in (connect.whose, connect.begin):
        with pytest.raises(Invalid, match="used or is too old"):
            again(acme.kit, link)
