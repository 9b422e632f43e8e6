"""Writes docs/failures.md from the catalogue: `make docs`."""

from __future__ import annotations

from processor.domain.catalogue import ENTRIES, words

HEAD = """# What can fail, and what to do

Made from the catalogue in `processor/domain/failures.py` by `make docs`; change it there.

*Tried again*: by itself; after a fix (as soon as the cause is mended); never.
"""
EXAMPLE = {
    "name": "Jo",
    "email": "jo@maple-street.test",
    "field": "Birthday",
    "value": "soon",
    "audience": "News",
    "detail": "Please enter a date.",
    "instance": "c70d656a-3f1e-4d5a-9c58-1f0d2b6a7e11",
    "reference": "evt_42",
    "limit": "10 MB",
    "size": "14 MB",
    "ours": "Leeds",
    "theirs": "Ghent",
    "winner": "Mailchimp",
    "other": "contact 43",
    "changes": "37 changes are",
}


def page() -> str:
    """Return the page, in Markdown."""
    parts = [HEAD]
    for code, found in ENTRIES.items():
        said = words(code, **EXAMPLE)
        parts.append(
            f"## {said.title}\n\n`{code}` · who can act: {found.who.value} · "
            f"tried again: {found.retry.value.replace('_', ' ')}\n\n{said.happened}\n\n**{said.todo}**\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
