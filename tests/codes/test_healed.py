"""What passes or is mended without a person: nobody is asked to do anything, and what was mended is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from processor import hook, report
from processor.sweep import sweep
from tests.codes.place import Customer, Town, town
from tests.web.browser import text_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """An installation that tries more than once."""
    with town(tmp_path_factory.mktemp("town"), event_attempts=4) as running:
        yield running


@pytest.fixture
def customer(made: Town, request: pytest.FixtureRequest) -> Customer:
    """A customer in step."""
    one = made.customer("".join(c if c.isalnum() else "-" for c in request.node.name)[-40:].strip("-"))
    one.begin()
    one.until(lambda: one.connection().row.state == "in_sync")
    return one


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("gone", {"status": 404, "method": "PATCH", "path": "/lists/*/members/*"}),
        ("member_exists", {"status": 400, "title": "Member Exists", "method": "POST", "path": "/lists/*"}),
        ("rate_limited", {"status": 403, "html": "<html>Slow down</html>"}),
    ],
)
def test_a_refusal_that_passes_asks_nobody(code: str, refusal: dict[str, object], customer: Customer) -> None:
    """The contact arrives all the same, and there is no issue and no mail."""
    customer.put(fields={"city": "Leeds"})
    customer.until(lambda: customer.member() and customer.standing() == "in_sync")
    customer.break_mailchimp(**refusal, remaining=1)  # type: ignore[arg-type]
    customer.put(fields={"city": "Ghent"})
    customer.put("y")
    customer.until(lambda: customer.member("y"))
    customer.until(lambda: (customer.member() or {})["merge_fields"]["CITY"] == "Ghent")
    customer.until(lambda: customer.standing() == customer.standing("y") == "in_sync")
    assert customer.issue(code) is None
    assert customer.got(f"{customer.name}@maple-street.test") == []


def _hook(c: Customer) -> dict[str, object]:
    (ours,) = c.control.audience_info(c.audience)["webhooks"]
    return dict(ours)


def _at(c: Customer) -> str:
    return f"/lists/{c.audience}/webhooks"


def _deleted(c: Customer) -> None:
    c.mailchimp("DELETE", f"{_at(c)}/{_hook(c)['id']}")


def _lame(c: Customer) -> None:
    c.mailchimp("PATCH", f"{_at(c)}/{_hook(c)['id']}", events={"profile": False})


def _made_by_hand(c: Customer) -> None:
    """Somebody deletes it and enters the same address again: nobody told us the new secret."""
    url = _hook(c)["url"]
    every = dict.fromkeys(("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"), True)
    _deleted(c)
    sources = {"user": True, "admin": True, "api": True}
    c.mailchimp("POST", _at(c), url=url, events=every, sources=sources)


def _two_at_once(c: Customer) -> None:
    """Two workers find none at the same moment."""
    _deleted(c)
    c.control.latency(0.3)
    with ThreadPoolExecutor(2) as both:
        row = c.connection().row
        list(both.map(lambda _: hook.register(c.town.place.kit, row), range(2)))
    c.control.latency(0)


@pytest.mark.parametrize(
    ("code", "spoil", "says"),
    [
        ("webhook_gone", _deleted, "was deleted or switched off there"),
        ("webhook_incomplete", _lame, "no longer told us of every change"),
        ("webhook_unsigned", _made_by_hand, "was signed in another way than we knew"),
        ("webhook_doubled", _two_at_once, "told us of everything twice"),
    ],
)
def test_a_webhook_that_was_spoilt_is_mended_and_said(
    code: str, spoil: Callable[[Customer], None], says: str, customer: Customer
) -> None:
    """By the next full look; in the portal, by the API and on the command line, as information: no issue, no
    mail, and one webhook that works."""
    spoil(customer)
    customer.until(lambda: sweep(customer.town.place.kit, customer.connection_id, full=True) is not None)
    notice = customer.town.api.get(f"/v1/connections/{customer.connection_id}").json()["notice"]
    assert notice["code"] == code
    assert says in notice["happened"]
    assert says in text_of(customer.person.gets(customer.here))
    shown = json.loads(customer.town.command("connections", "show", customer.connection_id, "--json"))
    assert says in shown["mended"]
    assert customer.issue(code) is None
    assert report.issues(customer.town.place.kit, customer.name).issues == []
    _hook(customer)
    customer.control.subscribe(customer.audience, customer.address(), merge_fields={"BADGE": "yes"})
    customer.until(lambda: customer.contact_with(customer.address()))


@pytest.mark.parametrize(
    ("code", "message", "says"),
    [
        (
            "webhook_unreachable",
            "We couldn't verify the URL is working. Please double check and try again. HTTP Code: 502",
            "got no good answer",
        ),
        (
            "webhook_exists",
            "Sorry, you can't set up multiple WebHooks for one URL",
            "left by an attempt that was cut short",
        ),
    ],
)
def test_a_webhook_that_mailchimp_refuses_stops_the_beginning_and_says_why(
    code: str, message: str, says: str, made: Town
) -> None:
    """Nothing has begun; pressed once more when the cause is gone, it begins."""
    one = made.customer(f"begins-{code}")
    errors = [{"field": "url", "message": message}]
    one.break_mailchimp(400, title="Invalid Resource", method="POST", path="/lists/*/webhooks", errors=errors)
    start = f"/v1/connections/{one.connection_id}/sync"
    refused = made.api.post(start, json={"skip_preview": True})
    assert refused.json()["code"] == code
    one.presses("Make a preview", "/preview")
    one.until(lambda: "Start first sync" in text_of(one.person.gets(f"{one.here}/preview")))
    page = one.presses("Start first sync", "/preview")
    assert says in text_of(page)
    assert one.connection().row.state == "setup"
    one.mend()
    one.presses("Start first sync", "/preview")
    one.until(lambda: one.connection().row.state == "in_sync")
