"""`/ops`: the operator's pages. What moves and what stands still and why, events in full, replays.

They hold no rule: each reads what it was asked, calls a verb in a thread, and shows what came of it. Every
page works without scripts; scripts only keep it fresh.
"""

from __future__ import annotations

from processor.web.ops.routes import routes

__all__ = ["routes"]
