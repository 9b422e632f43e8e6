"""Begins the first sync of a connection, and lets a person pause, resume and cancel it.

It has no loop of its own: in the state `importing`, `sweep` reads the audience and `push` sends the contacts.
"""

from __future__ import annotations

from processor.first_sync import Progress
from processor.install.resting import cancel, pause, resume
from processor.install.starting import progress, start

__all__ = ["Progress", "cancel", "pause", "progress", "resume", "start"]
