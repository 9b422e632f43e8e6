"""Looks before anything is written: what stands in the way of a sync, and what the customer should know.

Reads only: a few calls to Mailchimp, and one to our own public address. Below the verbs, so that set-up,
preview and install say the same.
"""

from __future__ import annotations

from processor.preflight.checks import findings
from processor.preflight.finding import Finding, Foreseen, finding_json, finding_of
from processor.preflight.young import digest, foreseen, is_young, previewed, young, young_in

__all__ = [
    "Finding",
    "Foreseen",
    "digest",
    "finding_json",
    "finding_of",
    "findings",
    "foreseen",
    "is_young",
    "previewed",
    "young",
    "young_in",
]
