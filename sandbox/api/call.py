"""One API call as its handler sees it, apart from HTTP, so that a batch can make calls as well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import clock, problem
from sandbox.api.selection import Selection
from sandbox.state.account import Account
from sandbox.state.acts import Occasion
from sandbox.state.audience import Audience
from sandbox.world import World

MAX_COUNT = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers; `body` None is a 204."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


NO_CONTENT = Answer(None, 204)


@dataclass(slots=True)
class Call:
    """A call that was let in. `base_url` is how the caller reached us, without a slash at its end."""

    world: World
    account: Account
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    base_url: str
    ip: str = ""
    secret: str = ""
    batch: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    def audience(self) -> Audience:
        """The audience that the path names. Raises Problem 404 for one that is not in this account."""
        found = self.account.audiences.get(self.params["list_id"])
        if found is None:
            raise problem.not_found()
        return found

    def document(self) -> dict[str, Any]:
        """The body, which must be a JSON object. Raises Problem."""
        if not isinstance(self.body, dict):
            raise problem.invalid_field("", "Schema describes object, NULL found instead")
        return self.body

    def required(self, *names: str) -> dict[str, Any]:
        """The body, which must have these fields filled in. Raises Problem."""
        body = self.document()
        missing = [name for name in names if body.get(name) in (None, "")]
        if missing:
            raise problem.invalid_field("", f"Required fields were not provided: {', '.join(missing)}")
        return body

    def page(self) -> tuple[int, int]:
        """`offset` and `count` (10 if not given, 1000 at most). Raises Problem."""
        # A batched GET without a count returns the whole collection (documented).
        usual = 10**9 if self.batch else 10
        return self._whole("offset", 0, 10**12), self._whole(
            "count", usual, 10**9 if self.batch else MAX_COUNT
        )

    def _whole(self, name: str, usual: int, most: int) -> int:
        text = self.query.get(name, "")
        if text == "":
            return usual
        if not text.isdigit() or int(text) > most:
            raise problem.invalid_field(name, f"Please enter a number from 0 to {most}.")
        return int(text)

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false."""
        return self.query.get(name, "").lower() in ("1", "true", "yes")

    def moment(self, name: str) -> float | None:
        """A query parameter that is a time, in seconds since 1970. Raises Problem."""
        text = self.query.get(name)
        if not text:
            return None
        try:
            return clock.parse(text)
        except ValueError:
            raise problem.invalid_field(name, "Please enter a valid date and time.") from None

    def selection(self) -> Selection:
        """Which parts of the answer the caller wants."""
        return Selection(self.query.get("fields", ""), self.query.get("exclude_fields", ""))

    def occasion(self) -> Occasion:
        """When and from where this call changes something."""
        return Occasion(
            second=self.world.clock.second(),
            ip=self.ip,
            skip_required=self.flag("skip_merge_validation"),
            plan_full=self.account.full(),
        )

    def url(self, path: str) -> str:
        """The full address of a path under `/3.0`."""
        return f"{self.base_url}/3.0{path}"

    def links(self, *links: tuple[str, str, str]) -> list[dict[str, str]]:
        """`_links` of (rel, path, method)."""
        return [{"rel": rel, "href": self.url(path), "method": method} for rel, path, method in links]

    def listed(
        self, name: str, items: list[Any], path: str, total: int | None = None, **beside: Any
    ) -> Answer:
        """A collection: `items` is one page where `total` is given, else all, and the page is cut here."""
        if total is None:
            offset, count = self.page()
            total, items = len(items), items[offset : offset + count]
        body = {name: items, **beside, "total_items": total}
        body["_links"] = self.links(("self", path, "GET"))
        return self.chosen(body)

    def chosen(self, body: dict[str, Any]) -> Answer:
        """The answer with only the fields that were asked for."""
        return Answer(self.selection().of(body))


Handler = Callable[[Call], "Answer | Awaitable[Answer]"]
