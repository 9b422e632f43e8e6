"""Every error that Bothways raises on purpose.

    BothwaysError
    ├── ConfigError             the settings cannot work; all problems at once, no values
    ├── NotUnderstood           a delivery was kept but cannot be read
    ├── IllegalTransition       a state change that the tables of `domain.event` do not know
    ├── Conflict                somebody else changed it first, or it exists already
    ├── NotFound                no such account, contact, connection, event
    ├── Expired                 a place that the changes feed does not have, or not any more
    ├── Invalid                 the caller's input is wrong, and says where
    ├── Unfit                   a picture is not taken: too large, no picture, from where nobody may fetch
    ├── StoreDown               the database does not answer
    ├── StorageDown             the place where pictures are kept does not answer, or is full
    ├── Unreached               an address that somebody gave us may not be called, or did not answer
    └── MailchimpError          Mailchimp refused, or could not be reached; carries a catalogue code
        ├── Reconnect           401: the token is dead, stop and ask the customer
        ├── Gone                404: the resource is not there (any more)
        ├── MemberExists        400 on create: the address is a member already
        └── Passing             it passes by itself: limits, outages, time-outs

`code` is the key of the catalogue of failures (`domain.catalogue`), where who acts, whether it is tried
again and the words for people are kept. A test holds that each leaf has an entry there.
"""

from __future__ import annotations

from collections.abc import Mapping


class BothwaysError(Exception):
    """Anything that Bothways raises on purpose. `code` names its entry in the catalogue."""

    code: str = "internal"


class ConfigError(BothwaysError):
    """The settings cannot work. `problems` are sentences with a remedy each, never a value."""

    code = "config"

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class NotUnderstood(BothwaysError):
    """A delivery was kept, but what it says cannot be read."""

    code = "event_not_understood"


class IllegalTransition(BothwaysError):
    """A change of state that the table of transitions does not allow."""


class Conflict(BothwaysError):
    """It exists already, or somebody else changed it since it was read."""

    code = "conflict"


class NotFound(BothwaysError):
    """No such thing for this caller."""

    code = "not_found"


class Expired(BothwaysError):
    """A cursor of the changes feed is older than what is kept, or beyond its end: its reader misses
    something."""

    code = "cursor_expired"


class Invalid(BothwaysError):
    """The caller's input is wrong. `field` says where, the text says what to do about it."""

    code = "invalid"

    def __init__(self, message: str, field: str | None = None) -> None:
        self.field = field
        super().__init__(message)


class StoreDown(BothwaysError):
    """The database does not answer; nothing was written."""

    code = "store_down"


class Unfit(BothwaysError):
    """A picture is not taken. `code` is the catalogue's, `facts` (name, size, limit …) are for its words."""

    code = "photo_type"

    def __init__(self, code: str, **facts: str) -> None:
        self.code = code
        self.facts = facts
        super().__init__(code)


class StorageDown(BothwaysError):
    """The place where pictures are kept does not answer, or is full; nothing was kept."""

    code = "photo_storage"


class Unreached(BothwaysError):
    """An address that somebody gave us may not be called, or did not answer. `reason` is one word for it;
    `REASONS` has the sentences."""

    code = "unreached"
    REASONS: Mapping[str, str] = {
        "not_an_address": "it is not the address of a web server",
        "not_https": "it does not begin with https://",
        "has_password": "it has a user name or password in it",
        "not_outside": "it leads into a private network",
        "name_not_found": "its name is not known",
        "connect": "nothing answers there",
        "tls": "its certificate is not valid for it",
        "timeout": "it did not answer in time",
        "cut_off": "it broke off",
        "not_http": "what it answers is not HTTP",
        "too_large": "it answers with more than is taken",
    }

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(self.REASONS[reason])

    @property
    def may_not_be_called(self) -> bool:
        """Whether it was refused by us, rather than by the network."""
        return self.reason in {"not_an_address", "not_https", "has_password", "not_outside"}


class Unposted(BothwaysError):
    """The mail server did not take a mail. The text is its own words, without the mail's; `is_final` says
    that it will not take it later either."""

    code = "mail_unsent"

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        self.is_final = is_final
        super().__init__(reason)


class MailchimpError(BothwaysError):
    """Mailchimp refused a call, or could not be reached.

    `status` is None when there was no answer at all. `instance` is Mailchimp's number for the answer
    (it equals `X-Request-Id`), which their support asks for. `field_errors` are (field, message) pairs.
    `title` and `detail` are Mailchimp's own words and may hold a contact's address: not for logs.
    """

    def __init__(
        self,
        code: str,
        *,
        status: int | None = None,
        title: str = "",
        detail: str = "",
        instance: str = "",
        field_errors: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.code = code
        self.status = status
        self.title = title
        self.detail = detail
        self.instance = instance
        self.field_errors = field_errors
        super().__init__(code if status is None else f"{code} ({status})")


class Reconnect(MailchimpError):
    """The token is no longer accepted: stop this connection's work and ask the customer."""


class Gone(MailchimpError):
    """The audience, member, webhook or batch that was named is not there."""


class MemberExists(MailchimpError):
    """The address that was to be added is a member already, in whatever status."""


class Passing(MailchimpError):
    """Limits, outages, time-outs: the same call may succeed later."""
