"""A mail as it is sent: text and HTML, from the same words."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from processor.domain.issue import News
from processor.kit import Kit
from processor.store.mails import MailRow

MOST_SHOWN = 20
"""Issues that one mail tells in full."""

_POLICY = policy.SMTP.clone(max_line_length=250)
"""Longer than a subject: some programs show a folded one with the fold in it."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"], default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def message_of(kit: Kit, held: MailRow, link: str | None) -> EmailMessage:
    """Return the mail of a claimed row, the same at every attempt but for its link. `link` opens the
    customer's portal; None for the operator's mail, which names the command instead, and the operator's page
    where it is known under which address that is."""
    message = EmailMessage(_POLICY)
    message["From"] = kit.settings.mail_from
    message["To"] = held.address or ""
    message["Subject"] = held.subject or ""
    message["Message-ID"] = f"<{held.ref}@{urlsplit(kit.settings.public).hostname}>"
    message["Date"] = format_datetime(held.created_at)
    message["Auto-Submitted"] = "auto-generated"
    values = _values(kit, held, link)
    message.set_content(_TEMPLATES.get_template("mail.txt").render(values))
    message.add_alternative(_TEMPLATES.get_template("mail.html").render(values), subtype="html")
    return message


def text_of(kit: Kit, held: MailRow, link: str | None) -> str:
    """Return the same as plain text, for a channel."""
    return _TEMPLATES.get_template("mail.txt").render(_values(kit, held, link)).strip()


def _values(kit: Kit, held: MailRow, link: str | None) -> dict[str, Any]:
    return {
        "subject": held.subject,
        "asking": [one for one in held.items if one["news"] != News.RESOLVED][:MOST_SHOWN],
        "solved": [one for one in held.items if one["news"] == News.RESOLVED][:MOST_SHOWN],
        "more": max(0, len(held.items) - MOST_SHOWN),
        "link": link,
        "is_test": not held.items,
        "ops": f"{kit.settings.public_url.rstrip('/')}/ops" if kit.settings.public_url else None,
    }
