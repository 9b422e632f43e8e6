"""Made-up people for the demo: on the platform, in Mailchimp, and some on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

FIRST = (
    "Ada", "Ben", "Cleo", "Dara", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jo",
    "Kim", "Lea", "Max", "Nia", "Otto", "Pia", "Quin", "Rosa", "Sam", "Tove",
)  # fmt: skip
LAST = (
    "Abel", "Brook", "Cole", "Dunn", "Ember", "Frost", "Grove", "Hale", "Ivers", "Jarvis",
    "Kerr", "Lund", "Marsh", "North", "Olsen",
)  # fmt: skip
CITIES = ("Leeds", "Porto", "Ghent", "Turku", "Graz")
DOMAIN = "maple-street.test"

PLATFORM = range(200)
MAILCHIMP = range(140, 290)
"""150 members, 60 of whom the platform knows too."""


def name(n: int) -> tuple[str, str]:
    """Return the first and last name of person n (below 300, no two alike)."""
    return FIRST[n % len(FIRST)], LAST[n // len(FIRST)]


def address(n: int) -> str:
    """Return the e-mail address of person n."""
    first, last = name(n)
    return f"{first}.{last}@{DOMAIN}".lower()


def contacts() -> Iterator[dict[str, Any]]:
    """Yield the platform's contacts as the REST API takes them: most agreed, a few never or no more."""
    for n in PLATFORM:
        first, last = name(n)
        yield {
            "id": f"user-{n + 1}",
            "email": address(n),
            "fields": {"first_name": first, "last_name": last, "city": CITIES[n % len(CITIES)]},
            "tags": ["customer"] if n % 3 else ["customer", "early bird"],
            "consent": _consent(n),
        }


def _consent(n: int) -> dict[str, Any]:
    if n % 23 == 0:
        return {"status": "unsubscribed", "at": "2026-03-01T09:00:00Z", "source": "account settings"}
    if n % 17 == 0:
        return {"status": "none"}
    return {"status": "subscribed", "at": "2026-01-15T09:00:00Z", "source": "checkout"}


def members() -> Iterator[dict[str, Any]]:
    """Yield the audience's members as the sandbox takes them; of those on both sides some differ."""
    for n in MAILCHIMP:
        first, last = name(n)
        spelled = first.upper() if n % 9 == 0 else first
        yield {
            "email_address": address(n),
            "status": "unsubscribed" if n % 29 == 0 else "subscribed",
            "merge_fields": {"FNAME": spelled, "LNAME": last, "CITY": CITIES[n % len(CITIES)]},
            "tags": ["newsletter"],
        }
