"""Mailchimp's refusals, told apart: by status, title, detail and field errors, never by `type`, which is
the same address for all of them (facts.md 6.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Sign:
    """A refusal has this code when its words match. `among` says where to look."""

    code: str
    words: str
    status: int = 400


# In this order: the first that matches decides. The words are facts.md 4.3, 6.2 and 6.3; where they are
# not on record, the sign is loose and says so.
_SIGNS: Sequence[_Sign] = (
    _Sign("account_disabled", r"user disabled|account .*(deactivated|disabled|suspended)", 403),
    _Sign("role_too_low", r"", 403),
    _Sign("not_archivable", r"cannot be removed|can ?not archive", 405),
    _Sign("photo_too_large", r"", 413),
    _Sign("member_exists", r"\bmember exists\b|already a list member"),
    _Sign("email_forgotten", r"forgotten email|permanently deleted|previously removed from this audience"),
    _Sign("email_locked", r"only update email addresses for members"),
    _Sign("email_taken", r"already in this list with a status"),
    _Sign("signup_throttled", r"signed up to a lot of lists"),
    _Sign(
        "email_cleaned", r"^(?!.*unsubscribe)(?=.*(compliance state|cannot be subscribed)).*(bounce|cleaned)"
    ),
    _Sign("consent_unsubscribed", r"compliance state|previously unsubscribed|must opt in again"),
    _Sign("email_fake", r"looks fake"),
    _Sign("webhook_exists", r"multiple webhooks for one url"),
    _Sign("webhook_unreachable", r"verify the url|\burl: .*invalid url"),
    _Sign("email_invalid", r"valid email\b|\bemail[ _]address: |email( address)? is (invalid|blank)"),
    _Sign("refused", r"schema describes"),
    # Not on record: what Mailchimp says of a full plan and of photos (facts.md 7).
    _Sign("photo_full", r"(storage|file manager|content studio)[^.]* (full|limit|quota|space)"),
    _Sign("plan_full", r"(plan|contact|audience|account) limit|(upgrade|limit .*) your (plan|account)"),
    _Sign("photo_too_large", r"(file|image)[^.]* (too (large|big)|larger|size)"),
    _Sign("photo_type", r"(file|image)[^.]* (type|extension|format)"),
    _Sign("field_required", r": [^|]*(enter a value|required|not be blank|can'?t be (blank|empty))"),
    _Sign("field_value", r"merge fields were invalid|: "),
)

_COMPILED = tuple((sign, re.compile(sign.words, re.IGNORECASE | re.DOTALL)) for sign in _SIGNS)


def recognise(
    status: int, title: str, detail: str, field_errors: Sequence[tuple[str, str]], has_json: bool
) -> str:
    """Return the catalogue's code of an answer that is not 2xx. `field_errors` are (field, message) pairs.

    What is not known is `refused`, and shown in Mailchimp's own words. Never raises.
    """
    by_status = _by_status(status, has_json)
    if by_status is not None:
        return by_status
    # Field errors as "field: message", so that a sign can tell which field is meant.
    words = " | ".join([title, _without_colons(detail), *(f"{name}: {said}" for name, said in field_errors)])
    for sign, pattern in _COMPILED:
        if sign.status == status and pattern.search(words):
            return sign.code
    return "refused"


def _by_status(status: int, has_json: bool) -> str | None:
    if status == 429 or (status == 403 and not has_json):
        return "rate_limited"
    if status == 401:
        return "reconnect"
    if status >= 500 or status < 400 or status in {408, 425} or (status == 404 and not has_json):
        return "mailchimp_down"
    return "gone" if status == 404 else None


def _without_colons(detail: str) -> str:
    return detail.replace(": ", " ")
