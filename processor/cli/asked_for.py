"""A group whose first word may be what it is about, instead of a command: `bothways contact 42`."""

from __future__ import annotations

from collections.abc import Sequence

import click


class Shows(click.Group):
    """Calls `show` where the first word is none of its commands."""

    def parse_args(self, ctx: click.Context, args: Sequence[str]) -> list[str]:
        """Read the words; put `show` before what is no command."""
        words = list(args)
        if words and words[0] not in self.commands and words[0] not in {"-h", "--help"}:
            words.insert(0, "show")
        return super().parse_args(ctx, words)
