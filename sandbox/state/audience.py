"""One audience, which the API calls a list: its settings, fields, groups, tags, webhooks and members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.state.fields import MergeField, default_options
from sandbox.state.member import Member
from sandbox.state.members import Members

EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")
_PERMISSION_TEXTS = ("Email", "Direct Mail", "Customized Online Advertising")


@dataclass(slots=True)
class Tag:
    """A tag, or a saved segment: Mailchimp shows tags as static segments."""

    id: int
    name: str
    created_seconds: int
    updated_seconds: int
    kind: str = "static"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Interest:
    """One box to tick in a category of interests."""

    id: str
    name: str
    display_order: int = 0


@dataclass(slots=True)
class Category:
    """A group of interests. `number` is the old numeric id that only webhooks still carry."""

    id: str
    number: int
    title: str
    type: str = "checkboxes"
    display_order: int = 0
    interests: dict[str, Interest] = field(default_factory=dict)


@dataclass(slots=True)
class Hook:
    """A webhook of an audience. With a `secret` its deliveries are signed."""

    id: str
    url: str
    events: dict[str, bool]
    sources: dict[str, bool]
    secret: str = ""


@dataclass(slots=True)
class Note:
    """What somebody wrote down about a member."""

    id: int
    text: str
    created_seconds: int
    updated_seconds: int


@dataclass(slots=True)
class Beside:
    """What few members have: notes, the events that an API client recorded, and what happened to them."""

    notes: list[Note] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    activity: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Audience:
    """One audience. `settings` holds what the API shows and the rules do not read (contact, defaults, …)."""

    id: str
    web_id: int
    name: str
    created_seconds: int
    double_optin: bool = False
    marketing_permissions: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    fields: dict[int, MergeField] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    tags: dict[int, Tag] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    permissions: dict[str, str] = field(default_factory=dict)
    forgotten: set[bytes] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    """Lower-cased addresses that Mailchimp does not take for now, with its words."""
    beside: dict[int, Beside] = field(default_factory=dict)
    next_merge_id: int = 1
    next_tag_id: int = 1
    last_sub_seconds: int = 0
    last_unsub_seconds: int = 0
    members: Members = field(init=False)

    def __post_init__(self) -> None:
        self.members = Members(self.id)

    def web_id_of(self, member: Member) -> int:
        """The member's number in the Mailchimp app; it stays when the address changes."""
        return self.web_id * 1000 + member.serial * 4

    def beside_of(self, member: Member) -> Beside:
        """Notes, events and activity of a member, made when first asked for."""
        return self.beside.setdefault(member.serial, Beside())

    def add_field(self, tag: str, name: str, kind: str = "text", **more: Any) -> MergeField:
        """Add a merge field; `more` are fields of MergeField. Without a tag Mailchimp makes one up."""
        merge_id = self.next_merge_id
        self.next_merge_id += 1
        more["options"] = default_options(kind, more.get("options"))
        more["display_order"] = more.get("display_order") or merge_id + 1
        made = MergeField(merge_id, tag or f"MMERGE{merge_id}", name, kind, **more)
        self.fields[merge_id] = made
        return made

    def field_by_tag(self, tag: str) -> MergeField | None:
        """The merge field with this tag."""
        return next((known for known in self.fields.values() if known.tag == tag), None)

    def tag_named(self, name: str, now_second: int) -> Tag:
        """The tag with this name, made if it is not there."""
        found = next((tag for tag in self.tags.values() if tag.kind == "static" and tag.name == name), None)
        if found is None:
            found = Tag(self.web_id * 10 + self.next_tag_id * 4, name, now_second, now_second)
            self.next_tag_id += 1
            self.tags[found.id] = found
        return found

    def add_permissions(self, ids: list[str]) -> None:
        """Give the audience the three marketing permissions that Mailchimp's GDPR fields start with."""
        self.permissions = dict(zip(ids, _PERMISSION_TEXTS, strict=True))

    def interest_ids(self) -> list[str]:
        """The ids of all interests of all categories."""
        return [interest for category in self.categories.values() for interest in category.interests]
