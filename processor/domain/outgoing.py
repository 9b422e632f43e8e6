"""Webhooks that we send to the platform: what they tell, how they are signed, when they are sent again.

They are thin: a notice says that there is something to read, and where; what it is, the API says. Signed as
the Standard Webhooks specification has it (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
SECRET_BYTES = 32

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
"""Longer would keep the platform waiting after its endpoint is back."""
JITTER = 0.2
GIVE_UP_AFTER = timedelta(days=3)
"""A notice that no attempt brought there in so long is dead; an endpoint that took nothing is disabled."""
OLD_SECRET_LASTS = timedelta(hours=24)
"""How long both signatures are sent after a secret was changed."""
COALESCE = timedelta(seconds=1)
"""How long a bell waits for more of its kind before it is rung."""
SLOW_SECONDS = 3.0
"""An endpoint whose answer took longer is served apart from the others."""


class NoticeKind(StrEnum):
    """What a notice tells; the value is the `type` that the platform sees."""

    CHANGES_AVAILABLE = "changes.available"
    CONTACTS_FAILING = "contacts.failing"
    CONNECTION_STATE_CHANGED = "connection.state_changed"
    ISSUE_OPENED = "issue.opened"
    ISSUE_RESOLVED = "issue.resolved"
    RUN_COMPLETED = "run.completed"
    ENDPOINT_DISABLED = "endpoint.disabled"
    TEST = "test"


KINDS: Mapping[NoticeKind, str] = {
    NoticeKind.CHANGES_AVAILABLE: "Contacts of `account` changed. Read the changes feed on from your own "
    "cursor; the changes that this notice is about come after the cursor `after`.",
    NoticeKind.CONTACTS_FAILING: "Contacts of `connection` cannot be brought to Mailchimp. Read "
    "`/v1/connections/{connection}/members?state=failing`.",
    NoticeKind.CONNECTION_STATE_CHANGED: "`connection` went from the state `before` (null: it is new) to "
    "`state`; `problem` is a code of the catalogue of failures, or null.",
    NoticeKind.ISSUE_OPENED: "Contacts of `connection`, or the connection itself, fail of one cause, and "
    "retries have ended: `code` is the catalogue's; `state` is open, or reopened for one that had been "
    "resolved. Read `/v1/issues/{issue}`.",
    NoticeKind.ISSUE_RESOLVED: "Nobody fails of it any more. Read `/v1/issues/{issue}`.",
    NoticeKind.RUN_COMPLETED: "A preview or a first sync (`kind`) of `connection` ended as `state`: done, "
    "cancelled or failed.",
    NoticeKind.ENDPOINT_DISABLED: "Another endpoint (`endpoint`) gets nothing any more; `reason` says why.",
    NoticeKind.TEST: "Somebody asked for a test; sent whatever types were chosen.",
}
"""Every type of notice, in words. Whoever adds one writes it here; docs and API read it."""


def sign(secrets: Sequence[str], notice_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one v1 signature for each secret (`whsec_…`), with a space
    between. `timestamp` is in seconds since 1970, the one that `webhook-timestamp` says."""
    signed = f"{notice_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets)


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def secret_of(random: bytes) -> str:
    """Return random bytes as a secret that people pass on."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def cursor_of(seq: int) -> str:
    """Return the place in a feed after the change with this number, as the API writes it."""
    return f"c{seq}"


def wait(attempt: int, chance: float) -> timedelta:
    """Return how long to wait after the attempt with this number (the first is 1) failed: 5 s, 10 s, 20 s …
    an hour. `chance`, from 0 up to 1, spreads the waits."""
    doublings = min(max(attempt, 1) - 1, 20)
    longest = min(FIRST_WAIT * float(2**doublings), LONGEST_WAIT)
    return longest * (1 - JITTER * (1 - chance))
