"""One account with several audiences: one contact, a membership in each, and consent to each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processor import connect, install, preview, report, setup, uninstall
from processor.domain.contact import ConsentStatus
from processor.domain.ledger import Side
from processor.domain.plan import MemberState
from processor.errors import Conflict, NotFound
from processor.seals import token_bind
from processor.store import connections, consents
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, begin, prepared, until, world

JO = "jo@maple-street.test"
PAT = "pat@maple-street.test"
ANEW = {"status": "subscribed", "at": "", "source": "asked again"}


class Two:
    """An account with two audiences of one Mailchimp account, both in step."""

    def __init__(self, acme: World) -> None:
        self.acme = acme
        self.news = acme.audience
        made = acme.control.audience(acme.mailchimp_account, "Shop", merge_fields=[{"tag": "CITY"}])
        self.shop = made.id
        self.shop_connection = connect.another(acme.kit, ACCOUNT, acme.connection_id).id

    def start(self) -> Two:
        """Choose the second audience, and wait until it is in step."""
        begin(self.acme.house, self.shop_connection, self.shop)
        until(lambda: self.state(self.shop_connection) == "in_sync")
        until(self.acme.settled)
        return self

    def state(self, connection_id: str) -> str:
        with self.acme.house.store.read() as c:
            row = connections.get(c, connection_id)
        assert row is not None
        return row.state

    def status(self, audience: str, email: str = JO) -> str | None:
        found = self.acme.control.member(audience, email)
        return found["status"] if found else None

    def standing(self, connection_id: str, contact_id: str = "1") -> report.Standing:
        found = report.standings(self.acme.kit, ACCOUNT, contact_id)
        return next(one for one in found if one.connection.id == connection_id)

    def joined(self, contact_id: str = "1", email: str = JO) -> None:
        """Somebody says yes on the platform, and arrives in both audiences."""
        self.acme.put(contact_id, email=email, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
        until(lambda: self.status(self.news, email) == self.status(self.shop, email) == "subscribed")
        until(self.acme.settled)

    def foreseen(self) -> dict[str, preview.PreviewRow]:
        """What a preview of the second audience says of each person."""
        kit, connection_id = self.acme.kit, self.shop_connection
        setup.save(kit, connection_id, setup.Choices(self.shop), "a test")
        preview.begin(kit, connection_id, "a test")
        made = until(lambda: (now := preview.latest(kit, connection_id)) and now.is_ended and now)
        return {row.address: row for row in preview.rows(kit, made.run.id)}

    def quiet(self) -> None:
        """Wait until nothing is under way on any side."""
        self.acme.control.settle()
        until(self.acme.settled)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with world(tmp_path) as made:
        yield Two(made).start()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Two]:
    with world(tmp_path) as made:
        yield Two(made)


def test_an_edit_on_the_platform_goes_to_both(two: Two) -> None:
    """One contact, two memberships: each audience has what the platform says."""
    two.joined()
    two.acme.put("1", fields={"first_name": "Joanna"})
    for audience in (two.news, two.shop):
        until(lambda a=audience: two.acme.control.member(a, JO)["merge_fields"]["FNAME"] == "Joanna")


def test_an_edit_in_one_audience_goes_on_to_the_other_and_comes_to_rest(two: Two) -> None:
    """It arrives without waiting for a sweep, and goes round once."""
    two.joined()
    two.acme.control.forget_requests()
    two.acme.control.edit(two.news, JO, merge_fields={"CITY": "Split"})
    until(lambda: two.acme.control.member(two.shop, JO)["merge_fields"]["CITY"] == "Split")
    two.quiet()
    patches = two.acme.control.requests(method="PATCH")
    assert [two.shop in call["path"] for call in patches] == [True]


def test_who_leaves_one_audience_stays_in_the_other(two: Two) -> None:
    """An opt-out is believed for its own audience: the other is left alone, the contact's own consent stays,
    and feed and ledger say in which audience they left."""
    two.joined()
    two.acme.control.unsubscribe(two.news, JO)
    until(lambda: two.standing(two.acme.connection_id).consent.status is ConsentStatus.UNSUBSCRIBED)
    two.acme.put("1", fields={"first_name": "Joanna"})
    two.quiet()
    assert (two.status(two.news), two.status(two.shop)) == ("unsubscribed", "subscribed")
    assert two.acme.contact(JO).consent.status is ConsentStatus.SUBSCRIBED
    assert two.standing(two.shop_connection).consent.status is ConsentStatus.SUBSCRIBED
    feed = [row.change.what for row in two.acme.changes()]
    told = [what["audience_consent"] for what in feed if "audience_consent" in what]
    assert {one["after"]["connection"] for one in told} == {two.acme.connection_id}
    assert told[0]["after"]["status"] == "unsubscribed"
    with two.acme.house.store.read() as c:
        lines = consents.of_contact(c, ACCOUNT, ["1"], 50)
    left = [line.entry for line in lines if line.entry.after == "unsubscribed"]
    assert {(entry.connection_id, entry.side) for entry in left} == {(two.acme.connection_id, Side.HERE)}


def test_an_old_yes_brings_nobody_back_and_a_new_one_asks_them(two: Two) -> None:
    """The platform may say the old yes as often as it likes; a later one has Mailchimp ask, in the audience
    that they had left."""
    two.joined()
    two.acme.control.unsubscribe(two.news, JO)
    two.quiet()
    two.acme.put("1", consent={**SUBSCRIBED, "source": "an export"}, fields={"first_name": "J."})
    two.quiet()
    assert two.status(two.news) == "unsubscribed"
    soon = datetime.now(UTC) + timedelta(seconds=2)
    two.acme.put("1", consent={**ANEW, "at": soon.isoformat()})
    until(lambda: two.status(two.news) == "pending")
    two.quiet()
    assert two.status(two.shop) == "subscribed"


def test_who_leaves_on_the_platform_leaves_both(two: Two) -> None:
    """What a person says to the platform concerns every audience; who then signs up for one by its form is
    in that one again."""
    two.joined()
    two.acme.put("1", consent={"status": "unsubscribed"})
    until(lambda: two.status(two.news) == two.status(two.shop) == "unsubscribed")
    two.quiet()
    two.acme.control.subscribe(two.shop, JO)
    until(lambda: two.standing(two.shop_connection).consent.status is ConsentStatus.SUBSCRIBED)
    two.quiet()
    assert (two.status(two.news), two.status(two.shop)) == ("unsubscribed", "subscribed")


def test_another_audience_takes_nobody_who_has_left_the_first(one: Two) -> None:
    """Who left the only audience is out on the platform; a second audience does not get them, leaves those of
    them alone who are in it by their own act, and takes the rest."""
    one.acme.put("1", email=JO, consent=SUBSCRIBED)
    one.acme.put("2", email=PAT, consent=SUBSCRIBED)
    until(lambda: one.status(one.news) and one.status(one.news, PAT))
    until(one.acme.settled)
    one.acme.control.unsubscribe(one.news, JO)
    one.acme.put("3", email="kim@maple-street.test", consent=SUBSCRIBED)
    until(lambda: one.status(one.news, "kim@maple-street.test"))
    until(lambda: one.acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)
    one.acme.control.unsubscribe(one.news, "kim@maple-street.test")
    until(lambda: one.acme.contact("kim@maple-street.test").consent.status is ConsentStatus.UNSUBSCRIBED)
    one.acme.control.put_members(one.shop, [{"email_address": JO, "status": "subscribed"}])
    foreseen = one.foreseen()
    assert foreseen["kim@maple-street.test"].left_alone == "unsubscribed"
    assert [(d.side, d.before, d.after) for d in foreseen[JO].changes if d.field == "consent"] == [
        ("platform", "none", "subscribed")
    ]
    one.start()
    one.quiet()
    assert one.status(one.shop, "kim@maple-street.test") is None
    assert one.status(one.shop, JO) == "subscribed"
    assert one.status(one.news, JO) == "unsubscribed"
    assert one.status(one.shop, PAT) == "subscribed"


def test_who_left_one_of_two_is_not_added_to_a_third(two: Two) -> None:
    """The yes on the platform is older than their leaving: it leads nowhere any more."""
    two.joined()
    two.acme.control.unsubscribe(two.news, JO)
    two.quiet()
    third = two.acme.control.audience(two.acme.mailchimp_account, "Offers").id
    made = connect.another(two.acme.kit, ACCOUNT, two.acme.connection_id)
    begin(two.acme.house, made.id, third)
    until(lambda: two.state(made.id) == "in_sync")
    two.quiet()
    assert two.status(third) is None
    assert (two.standing(made.id).state, two.standing(made.id).member.reason) == (
        MemberState.EXCLUDED,
        "unsubscribed",
    )


@pytest.mark.parametrize("rest", ["another", "none"])
def test_who_left_an_audience_that_was_disconnected_is_not_added_to_the_next(two: Two, rest: str) -> None:
    """Their leaving outlives the connection: the preview says so, nobody is added on the older yes, and on a
    later one they are."""
    two.joined()
    two.joined("2", PAT)
    two.acme.control.unsubscribe(two.shop, JO)
    until(lambda: two.standing(two.shop_connection).consent.status is ConsentStatus.UNSUBSCRIBED)
    two.quiet()
    third = two.acme.control.audience(two.acme.mailchimp_account, "Offers").id
    made = connect.another(two.acme.kit, ACCOUNT, two.acme.connection_id).id
    uninstall.uninstall(two.acme.kit, two.shop_connection)
    if rest == "none":
        uninstall.uninstall(two.acme.kit, two.acme.connection_id)
    two.shop, two.shop_connection = third, made
    assert two.foreseen()[JO].left_alone == "unsubscribed"
    two.start()
    until(lambda: two.status(third, PAT) == "subscribed")
    assert two.status(third) is None
    two.acme.put("1", consent={**ANEW, "at": datetime.now(UTC).isoformat()})
    until(lambda: two.status(third) == "subscribed")


def test_disconnecting_one_leaves_the_other_at_work(two: Two) -> None:
    """Its webhook and its copy of the access go; the other works on, and the receipt says not to withdraw
    the access."""
    two.joined()
    receipt = uninstall.uninstall(two.acme.kit, two.acme.connection_id)
    assert receipt.finished_at is not None
    assert receipt.what["removed"]["webhooks"] == 1
    assert "leave our access in Mailchimp as it is" in " ".join(receipt.what["to_do"])
    assert two.acme.control.audience_info(two.news)["webhooks"] == []
    assert len(two.acme.control.audience_info(two.shop)["webhooks"]) == 1
    two.acme.put("1", fields={"first_name": "Joanna"})
    until(lambda: two.acme.control.member(two.shop, JO)["merge_fields"]["FNAME"] == "Joanna")
    two.acme.control.unsubscribe(two.shop, JO)
    until(lambda: two.acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)
    last = uninstall.uninstall(two.acme.kit, two.shop_connection)
    assert "can also be withdrawn" in " ".join(last.what["to_do"])


def test_one_sign_in_mends_every_connection_of_the_account(two: Two) -> None:
    """The old token is worth nothing to either; what waited is carried out in both."""
    two.joined()
    two.acme.control.revoke(two.acme.mailchimp_account)
    two.acme.put("1", fields={"first_name": "Joanna"})
    both = (two.acme.connection_id, two.shop_connection)
    until(lambda: {two.state(one) for one in both} == {"reconnect"})
    with pytest.raises(Conflict, match="Reconnect first"):
        connect.another(two.acme.kit, ACCOUNT, two.shop_connection)
    two.acme.reconnect()
    assert {two.state(one) for one in both} == {"in_sync"}
    for audience in (two.news, two.shop):
        until(lambda a=audience: two.acme.control.member(a, JO)["merge_fields"]["FNAME"] == "Joanna")


def test_an_audience_is_connected_once(one: Two) -> None:
    """It is shown as taken, and refused in words; who asks for another connection twice gets one."""
    again = connect.another(one.acme.kit, ACCOUNT, one.acme.connection_id)
    assert again.id == one.shop_connection
    offers = {offer.id: offer.taken_by for offer in setup.offers(one.acme.kit, again.id)}
    assert offers == {one.news: one.acme.connection_id, one.shop: None}
    with pytest.raises(Conflict, match="keeps this audience in step already"):
        setup.save(one.acme.kit, again.id, setup.Choices(one.news), "a test")
    with pytest.raises(NotFound):
        connect.another(one.acme.kit, "birch", one.acme.connection_id)


@pytest.mark.slow
def test_connections_of_one_mailchimp_account_share_its_limit(tmp_path: Path) -> None:
    """However much both have to do, the Mailchimp account sees no more calls at once than one may make."""
    with world(tmp_path, mailchimp_connections=2, worker_threads=8) as acme:
        two = Two(acme).start()
        acme.control.latency(0.05)
        for n in range(24):
            acme.put(f"c{n}", email=f"c{n}@maple-street.test", consent=SUBSCRIBED)
        until(lambda: len(acme.control.members(two.news)) == len(acme.control.members(two.shop)) == 24)
        assert acme.control.most_in_flight(acme.mailchimp_account) == 2


def test_tenants_at_one_mailchimp_account_share_its_limit_too(tmp_path: Path) -> None:
    """The places are Mailchimp's account's, whoever's connection takes one."""
    with prepared(tmp_path, mailchimp_connections=2) as acme:
        with acme.house.store.read() as c:
            mine = connections.get(c, acme.connection_id)
        assert mine is not None
        token = acme.kit.sealer.unseal(mine.token_sealed or "", token_bind(mine.id))
        sealed = acme.kit.sealer.seal(token, token_bind("con_birch"))
        theirs = replace(mine, id="con_birch", account_id="birch", token_sealed=sealed)
        acme.control.latency(0.1)
        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(acme.kit.mailchimp(row).audiences) for row in (mine, theirs) * 4]
        assert {len(call.result()) for call in calls} == {1}
        assert acme.control.most_in_flight(acme.mailchimp_account) == 2


def test_bad_news_is_believed_for_its_own_audience_while_it_rests(two: Two) -> None:
    """A paused connection asks nobody, and still writes down who has left its audience."""
    two.joined()
    install.pause(two.acme.kit, two.acme.connection_id)
    two.acme.control.unsubscribe(two.news, JO)
    until(lambda: two.standing(two.acme.connection_id).consent.status is ConsentStatus.UNSUBSCRIBED)
    assert two.acme.contact(JO).consent.status is ConsentStatus.SUBSCRIBED
    install.resume(two.acme.kit, two.acme.connection_id)
    two.quiet()
    assert (two.status(two.news), two.status(two.shop)) == ("unsubscribed", "subscribed")
