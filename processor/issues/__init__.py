"""Failures that people can act on: found by their causes, told once, and dealt with.

`review` reconciles what is kept of a connection's issues with what fails there now; `acknowledge`, `mute`,
`resolve` and `retry` are what a person does with one.
"""

from __future__ import annotations

from processor.issues.deal import acknowledge, mute, resolve, retry, unmute
from processor.issues.review import review

__all__ = ["acknowledge", "mute", "resolve", "retry", "review", "unmute"]
