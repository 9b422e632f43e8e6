"""Edits of one contact that come together go up together, and who leaves waits for nobody."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from processor.domain.connection import ConnectionState
from processor.domain.plan import MemberState
from processor.tick import due_soon
from tests.web.house import Clock, make_connection, open_api
from tests.whole.test_left_behind import are
from tests.whole.world import World, until, world

JO, KIM = "jo@maple-street.test", "kim@maple-street.test"


def edit_ten_times(acme: World, within_seconds: float) -> str:
    """Edit Jo ten times, and return the last name; once more where this machine was too slow for it."""

    jo = acme.contact(JO).id

    def edited() -> bool:
        until(lambda: are(acme, MemberState.IN_SYNC, jo))
        acme.control.forget_requests()
        began = time.monotonic()
        for n in range(10):
            acme.put(jo, fields={"first_name": f"Jo {began} {n}"})
        return time.monotonic() - began < within_seconds

    until(edited)
    return str(acme.contact(JO).fields["first_name"])


def test_ten_edits_of_one_contact_are_one_write(tmp_path: Path) -> None:
    """The last value arrives, by one call."""
    people = [{"email_address": JO, "status": "subscribed"}]
    with world(tmp_path, members=people, push_wait_seconds=0.3) as acme:
        name = edit_ten_times(acme, 0.25)
        until(lambda: acme.member(JO)["merge_fields"]["FNAME"] == name)
        until(lambda: are(acme, MemberState.IN_SYNC, acme.contact(JO).id))
        assert len(acme.control.requests(method="PATCH")) == 1


def test_who_leaves_does_not_wait(tmp_path: Path) -> None:
    """Not even behind an edit of their own that waits for more; the edits of others wait on."""
    people = [{"email_address": JO, "status": "subscribed"}, {"email_address": KIM, "status": "subscribed"}]
    with world(tmp_path, members=people, push_wait_seconds=60) as acme:
        jo, kim = acme.contact(JO), acme.contact(KIM)
        for one in (jo, kim):
            acme.put(one.id, fields={"city": "Leeds"})
        acme.put(jo.id, consent={"status": "unsubscribed"})
        until(lambda: acme.member(JO)["status"] == "unsubscribed")
        assert acme.member(KIM)["merge_fields"]["CITY"] == ""


def test_the_clock_knows_beforehand_what_becomes_due(tmp_path: Path) -> None:
    """So that an edit waits for its second, and not for the next tick as well."""
    clock = Clock()
    with open_api(tmp_path, clock, push_wait_seconds=1.0) as api:
        here = make_connection(api.house, audience_id="a", state=ConnectionState.IN_SYNC)
        make_connection(api.house, audience_id="b", state=ConnectionState.PAUSED)
        assert due_soon(api.kit) == []
        began = clock.moment
        api.put("jo", email=JO)
        clock.pass_seconds(0.5)
        api.put("kim", email=KIM)
        assert due_soon(api.kit) == [(here, began + timedelta(seconds=1))]
        clock.pass_seconds(1)
        assert due_soon(api.kit) == []
