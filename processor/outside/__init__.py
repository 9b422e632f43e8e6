"""Calling addresses that somebody else gave us: a platform's webhook endpoint, the place of a photo.

Such an address must not lead to what only this machine can reach. A name is resolved once, what it resolves
to is checked, and the connection goes to what was checked: asking again could give another answer. The
certificate is still checked against the name. No redirect is followed, no proxy is used, nothing is kept
open; bytes and time have ceilings, also for a server that trickles.
"""

from processor.outside.addresses import Resolve, is_outside, system_resolve
from processor.outside.calling import Answer, Arriving, Ceilings, Outside

__all__ = ["Answer", "Arriving", "Ceilings", "Outside", "Resolve", "is_outside", "system_resolve"]
