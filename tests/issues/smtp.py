"""A small real mail server on the loopback, which can refuse, break off, hang, and be away."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

TAKEN = b"250 taken"


@dataclass
class MailServer:
    """What has arrived, oldest first, and the answers to the next mails: bytes, or what to do before them;
    None breaks off instead. `after` is called when a mail has arrived, before the answer."""

    got: list[EmailMessage] = field(default_factory=list)
    answers: list[bytes | None] = field(default_factory=list)
    to_recipients: list[bytes] = field(default_factory=list)
    after: Callable[[], None] | None = None
    port: int = 0
    _server: socketserver.ThreadingTCPServer | None = None

    @property
    def url(self) -> str:
        """For SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to answer, on the same port as before."""
        server = _Server(("127.0.0.1", self.port), _Session)
        server.mails = self
        self.port, self._server = server.server_address[1], server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Answer nobody. Safe to repeat."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    @property
    def ids(self) -> list[str]:
        """The Message-ID of each mail that arrived."""
        return [str(one["Message-ID"]) for one in self.got]

    @property
    def subjects(self) -> list[str]:
        """The subject of each mail that arrived."""
        return [str(one["Subject"]) for one in self.got]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    mails: MailServer


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Speak as much SMTP as a client needs."""
        mails = self.server.mails
        self._say(b"220 mail.test")
        while line := self.rfile.readline():
            word = line.strip().upper()
            if word == b"QUIT":
                self._say(b"221 bye")
                return
            if word == b"DATA":
                self._say(b"354 go on")
                raw = b"".join(iter(self.rfile.readline, b".\r\n"))
                said = mails.answers.pop(0) if mails.answers else TAKEN
                if said == TAKEN or said is None:
                    mails.got.append(_parsed(raw))
                if mails.after is not None:
                    mails.after()
                if said is None:
                    return
                self._say(said)
            elif word.startswith(b"RCPT") and mails.to_recipients:
                self._say(mails.to_recipients.pop(0))
            else:
                self._say(b"250 mail.test")

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


def _parsed(raw: bytes) -> EmailMessage:
    made = email.message_from_bytes(raw.replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
    assert isinstance(made, EmailMessage)
    return made


def text_of(message: EmailMessage) -> str:
    """Return the plain part."""
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(message: EmailMessage) -> str:
    """Return the HTML part."""
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run one."""
    made = MailServer()
    made.start()
    try:
        yield made
    finally:
        made.stop()
