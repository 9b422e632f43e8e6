"""The first sync as a run: how far it is, what it did, and when it is done.

It has no work of its own: `sweep` reads the audience and makes everybody due whom it does not know, `push`
sends them, and both say here what they did. It is `reading` until the audience was read to its end, then
`sending` until nothing is left that a push has not tried. What waits for a cause of its own does not hold it
open; an outage does.
"""

from __future__ import annotations

from processor.first_sync.course import begin, held, look, read, sent, stop
from processor.first_sync.progress import Progress, progress_of

__all__ = ["Progress", "begin", "held", "look", "progress_of", "read", "sent", "stop"]
