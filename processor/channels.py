"""Ways to tell the operator beside mail: any that Apprise knows. The only house of it, and it may not be
installed (`bothways[apprise]`).

A channel goes by a name that is made of its URL, since the URL itself has the channel's secret in it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from processor.errors import ConfigError, Unposted

SETTING = "OPERATOR_CHANNELS"
TALKATIVE = ("apprise", "requests", "urllib3")
LONGEST_CHARACTERS = 4_000
"""Of a text: what is longer is split into several messages by some channels, and refused by others."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The operator's channels, by name; none where none is set."""

    by_name: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the setting."""
        return tuple(self.by_name)

    def send(self, name: str, title: str, text: str) -> None:
        """Tell by this channel. Raises Unposted where it did not take the message. Telling twice tells
        twice: a channel knows no repetition."""
        channel = self.by_name.get(name)
        if channel is None:
            raise Unposted("this channel is not set any more", is_final=True)
        try:
            taken = channel.notify(body=text[:LONGEST_CHARACTERS], title=title)
        except Exception as error:  # a channel of others: whatever it does, nothing of ours stops
            raise Unposted(f"the channel failed ({type(error).__name__})") from None
        if not taken:
            raise Unposted("the channel did not take it: the log of Apprise says why")


def open_channels(urls: Sequence[str]) -> Channels:
    """Return the channels of these Apprise URLs. Opens no connection. Raises ConfigError where Apprise is not
    installed or does not know one; no message has any part of a URL in it."""
    if not urls:
        return Channels()
    try:
        from apprise import Apprise
    except ImportError:
        raise ConfigError(
            [f"{SETTING}: channels need Apprise. Install it: pip install 'bothways[apprise]'"]
        ) from None
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)  # below that they name addresses with secrets in
    found: dict[str, Any] = {}
    problems: list[str] = []
    for n, url in enumerate(urls, 1):
        channel = Apprise.instantiate(url, suppress_exceptions=True)
        if channel is None:
            problems.append(f"{SETTING}: number {n} is none that Apprise knows. See `apprise --help`.")
        else:
            found[_name_of(url)] = channel
    if problems:
        raise ConfigError(problems)
    return Channels(found)


def _name_of(url: str) -> str:
    return f"channel-{hashlib.sha256(url.encode()).hexdigest()[:12]}"
