"""The way to the mail server: one mail, one connection, an answer in words."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from processor.errors import Unposted

TIMEOUT_SECONDS = 20.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Post:
    """A mail server by its URL, and who mails are from. Without a URL no mail is sent.

    `smtps://` is TLS from the beginning (port 465 unless named); `smtp://` becomes TLS by STARTTLS (port
    587), which only a server on the loopback may lack.
    """

    url: str = field(default="", repr=False)
    sender: str = ""
    timeout_seconds: float = TIMEOUT_SECONDS

    @property
    def is_set(self) -> bool:
        """Whether there is a mail server."""
        return bool(self.url)

    def send(self, message: EmailMessage) -> str | None:
        """Hand one mail over; return what the server said of readers whom it refused beside others, or None.
        It has its own `Message-ID`, by which a reader knows a repetition. Raises Unposted, final where the
        server will not take this mail later either."""
        with _in_words(), self._opened() as server:
            refused = server.send_message(message)
        return "; ".join(_shown(*said) for said in refused.values())[:SHOWN_CHARACTERS] or None

    def check(self) -> None:
        """Return when the server answers and lets us in; sends nothing. Raises Unposted."""
        with _in_words(), self._opened() as server:
            server.noop()

    @contextmanager
    def _opened(self) -> Iterator[smtplib.SMTP]:
        parts = urlsplit(self.url)
        host, context = parts.hostname or "", ssl.create_default_context()
        server: smtplib.SMTP
        if parts.scheme == "smtps":
            server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=self.timeout_seconds, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=self.timeout_seconds)
        try:
            server.ehlo()
            if parts.scheme == "smtp" and (host not in LOOPBACK or server.has_extn("starttls")):
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            yield server
            with suppress(OSError, smtplib.SMTPException):  # it has the mail: how it parts does not matter
                server.quit()
        finally:
            server.close()


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise Unposted(_shown(code, said), is_final=500 <= code < 600) from None
    except smtplib.SMTPAuthenticationError as error:
        raise Unposted(_shown(error.smtp_code, error.smtp_error)) from None
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        raise Unposted(
            _shown(error.smtp_code, error.smtp_error), is_final=error.smtp_code in {552, 554}
        ) from None
    except smtplib.SMTPResponseException as error:
        raise Unposted(_shown(error.smtp_code, error.smtp_error)) from None
    except (OSError, ValueError, smtplib.SMTPException) as error:
        raise Unposted(f"it does not answer as it should ({type(error).__name__})") from None


def _shown(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"[:SHOWN_CHARACTERS]
