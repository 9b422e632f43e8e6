"""`/portal`: the customer's own pages, from connecting Mailchimp to disconnecting it.

They hold no rule: each reads what it was asked, calls a verb in a thread, and shows what came of it in words.
Every page works without scripts; scripts only keep it fresh.
"""

from __future__ import annotations

from processor.web.portal.routes import routes

__all__ = ["routes"]
