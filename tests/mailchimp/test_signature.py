"""Strangers stay out: the signature of a delivery."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.mailchimp.webhook import BadSignature, SignatureFault, sign, verify

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
BODY = b"type=profile&data%5Bid%5D=8a25ff1d98"
SECRET = "0123456789abcdef"


def by_hand(secret: str, body: bytes, stamp: int) -> str:
    """The signature as facts.md 1.6 spells it, written without the code under test."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()


def test_what_mailchimp_signed_is_let_in() -> None:
    """The header as documented, made by hand, passes."""
    stamp = int(NOW.timestamp())
    verify([SECRET], f"t={stamp},v1={by_hand(SECRET, BODY, stamp)}", BODY, NOW)


def test_our_own_signing_makes_the_documented_header() -> None:
    """`sign` and the documented recipe agree, so tools and tests may use it."""
    stamp = int(NOW.timestamp())
    assert sign(SECRET, BODY, NOW) == f"t={stamp},v1={by_hand(SECRET, BODY, stamp)}"


@pytest.mark.parametrize(
    "spelling", ["t={t}, v1={v}", "v1={v},t={t}", "t={t},v1={v},v2=other", "t={t},v1={V}"]
)
def test_harmless_spellings_of_the_header_are_let_in(spelling: str) -> None:
    """Order, spaces, letter case and further schemes do not matter."""
    stamp = int(NOW.timestamp())
    digest = by_hand(SECRET, BODY, stamp)
    verify([SECRET], spelling.format(t=stamp, v=digest, V=digest.upper()), BODY, NOW)


def test_one_right_signature_among_several_is_enough() -> None:
    """While Mailchimp rotates, a header may hold the old and the new signature."""
    stamp = int(NOW.timestamp())
    header = f"t={stamp},v1={by_hand('old', BODY, stamp)},v1={by_hand(SECRET, BODY, stamp)}"
    verify([SECRET], header, BODY, NOW)


def test_while_we_rotate_both_secrets_are_believed() -> None:
    """A delivery signed with either of two secrets passes."""
    for secret in ("first", "second"):
        verify(["first", "second"], sign(secret, BODY, NOW), BODY, NOW)


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (None, SignatureFault.MISSING),
        ("", SignatureFault.MISSING),
        ("   ", SignatureFault.MISSING),
        ("t=1", SignatureFault.MALFORMED),
        ("v1=abc", SignatureFault.MALFORMED),
        ("t=,v1=abc", SignatureFault.MALFORMED),
        ("t=soon,v1=abc", SignatureFault.MALFORMED),
        ("t=-5,v1=abc", SignatureFault.MALFORMED),
        ("t=١٢٣,v1=abc", SignatureFault.MALFORMED),
        ("t=1,t=2,v1=abc", SignatureFault.MALFORMED),
        ("t=9999999999999999999999,v1=abc", SignatureFault.MALFORMED),
        ("t=1,v1=abc", SignatureFault.STALE),
        (f"t={int(NOW.timestamp())},v1=abc", SignatureFault.WRONG),
        (f"t={int(NOW.timestamp())},v1=äöü", SignatureFault.WRONG),
    ],
)
def test_each_bad_header_is_refused_with_its_reason(header: str | None, fault: SignatureFault) -> None:
    """Missing, malformed, stale and wrong are told apart."""
    with pytest.raises(BadSignature) as refusal:
        verify([SECRET], header, BODY, NOW)
    assert refusal.value.reason is fault


def test_a_changed_body_is_refused() -> None:
    """One byte more, and the signature is wrong."""
    with pytest.raises(BadSignature):
        verify([SECRET], sign(SECRET, BODY, NOW), BODY + b"&", NOW)


@pytest.mark.parametrize(("age_seconds", "passes"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_old_and_future_signatures_are_refused(age_seconds: int, passes: bool) -> None:
    """Five minutes each way pass, a second more does not: a captured delivery cannot be sent for ever."""
    header = sign(SECRET, BODY, NOW - timedelta(seconds=age_seconds))
    if passes:
        verify([SECRET], header, BODY, NOW)
    else:
        with pytest.raises(BadSignature, match="stale"):
            verify([SECRET], header, BODY, NOW)


@pytest.mark.parametrize("secrets", [[], [""]])
def test_an_empty_secret_lets_nobody_in(secrets: list[str]) -> None:
    """Without a secret nothing can be right, also not what was signed with the empty one."""
    stamp = int(NOW.timestamp())
    with pytest.raises(BadSignature, match="wrong"):
        verify(secrets, f"t={stamp},v1={by_hand('', BODY, stamp)}", BODY, NOW)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))), st.binary())
def test_no_header_breaks_the_check(header: str, body: bytes) -> None:
    """Whatever the header's bytes: refused, never another exception."""
    with pytest.raises(BadSignature):
        verify([SECRET], header, body, NOW)


@given(st.text(st.characters(codec="latin-1")))
def test_no_stamp_and_digest_break_the_check(digest: str) -> None:
    """A well-formed header with any digest is refused, never another exception."""
    with pytest.raises(BadSignature):
        verify([SECRET], f"t={int(NOW.timestamp())},v1={digest}", BODY, NOW)
