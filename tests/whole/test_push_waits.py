"""Edits of one contact that come together go up together, and who leaves waits for nobody."""

from __future__ import annotations

import time
from pathlib import Path

from processor.domain.plan import MemberState
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
