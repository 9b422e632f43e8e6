"""Why an event needed nothing, in words. Each fits into one line of a list (60 characters)."""

from __future__ import annotations

from collections.abc import Mapping

from processor.domain.event import SkipReason

WORDS: Mapping[SkipReason, str] = {
    SkipReason.NOTHING_NEW: "Nothing new: our own change coming back, or known already.",
    SkipReason.NOT_ABOUT_CONTACTS: "Not about a contact, so there is nothing to follow.",
    SkipReason.OTHER_AUDIENCE: "About another audience than the connected one.",
    SkipReason.NO_ADDRESS: "It names nobody whom we could look up in Mailchimp.",
    SkipReason.NOT_KNOWN_HERE: "Neither side has anybody with this address.",
    SkipReason.FORGOTTEN: "About somebody who was deleted for good in Mailchimp.",
    SkipReason.CONNECTION_REMOVED: "It came after the connection was removed.",
}

_BY_VALUE: Mapping[str, str] = {reason.value: said for reason, said in WORDS.items()}


def said(why: str | None) -> str | None:
    """Return an outcome's `why` in words; what is a sentence already, or None, as it is."""
    return None if why is None else _BY_VALUE.get(why, why)
