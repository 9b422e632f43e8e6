"""E-mail addresses: what is accepted, and the ids that are made of them."""

from __future__ import annotations

import hashlib
import re

from sandbox import problem

_VALID = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_][\w-]*[^\W_]", re.UNICODE)
# Recorded: foo@example.com is refused. The others are refused in the same words.
_FAKE_DOMAINS = frozenset({"example.com", "example.org", "test.com"})


def check(email: object) -> str:
    """The address without blanks around it. Raises Problem in Mailchimp's words when it is not accepted."""
    if not isinstance(email, str) or not (text := email.strip()):
        raise problem.invalid("Please provide a valid email address.")
    if len(text) > 254 or ".." in text or not _VALID.fullmatch(text):
        raise problem.invalid("Please provide a valid email address.")
    if text.rpartition("@")[2].lower() in _FAKE_DOMAINS:
        raise problem.invalid(f"{text} looks fake or invalid, please enter a real email address.")
    return text


def digest(email: str) -> bytes:
    """MD5 of the lower-cased address, 16 bytes; its hexadecimal form is the subscriber hash."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).digest()


def unique_number(email: str) -> int:
    """A 40-bit number that names the address across all audiences."""
    return int.from_bytes(hashlib.sha1(email.lower().encode(), usedforsecurity=False).digest()[:5])


def unique_email_id(email: str) -> str:
    """Ten hexadecimal digits: webhooks call this `id`. It changes when the address changes."""
    return f"{unique_number(email):010x}"
