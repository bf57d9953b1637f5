"""E-mail: a message is handed to the desk's mail server, which delivers it (MISSION B17, RFC 5321, 3207, 4954).

The server is a URL: `smtp://host:25` speaks in the clear to this machine only when the server offers nothing better,
`smtp://user:password@host:587` logs in, which it does over STARTTLS alone, and `smtps://user:password@host:465` speaks
TLS from the first byte. User and password are percent-encoded where they hold one of `:/@%`.
"""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from muhurat.clock import Clock, SystemClock, ist
from muhurat.errors import NotifyError
from muhurat.log import redact, register_secret
from muhurat.notify.base import Message

_PORTS: Final = {"smtp": 25, "smtps": 465}
_LONGEST_SUBJECT: Final = 200
_NOT_NOW: Final = range(400, 500)
_LOGGED_IN: Final = (235, 503)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over; made by `of`."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> MailServer:
        """The server of a URL; raises `NotifyError` naming what is wrong with it, never its password."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in _PORTS or not parts.hostname or port == -1:
            raise NotifyError(
                "notify.email.smtp is no mail server's address",
                permanent=True,
                hint="write smtp://user:password@host:587 or smtps://user:password@host:465",
            )
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        register_secret(password)
        return cls(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "smtps", user, password)

    @property
    def loopback(self) -> bool:
        """Whether the server runs on this machine, so that nobody can listen in."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class EmailChannel:
    """Sends plain-text mail, one connection a message; every step on the wire is limited to `timeout_s`."""

    def __init__(
        self,
        url: str,
        sender: str,
        to: Sequence[str],
        timeout_s: float,
        *,
        clock: Clock | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`clock` dates the mail, the machine's by default; `context` says whom to trust, by default the system's
        authorities. Raises `NotifyError` for a wrong URL."""
        self.server = MailServer.of(url)
        self._sender = sender
        self._to = tuple(to)
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._context = context

    def send(self, message: Message) -> None:
        """Hand the message over to the server; raises `NotifyError` naming it, with its words."""
        mail = self._mail(message)
        try:
            with self._connected() as session:
                self._secure(session)
                self._log_in(session)
                refused = session.send_message(mail)
        except smtplib.SMTPException as error:
            raise self._refused(error) from error
        except ssl.SSLError as error:
            raise self._failed(f"no TLS with it: {error.reason or error}", "check its certificate and port") from error
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise self._failed(why, "check host, port and network, and that the server runs") from error
        if refused:
            raise self._failed(f"it takes nothing for {', '.join(refused)}", "check notify.email.to")

    def _connected(self) -> smtplib.SMTP:
        host, port, limit = self.server.host, self.server.port, self._timeout_s
        if self.server.tls:
            return smtplib.SMTP_SSL(host, port, timeout=limit, context=self._tls())
        return smtplib.SMTP(host, port, timeout=limit)

    def _secure(self, session: smtplib.SMTP) -> None:
        """Turn on TLS where it is offered; a login never travels in the clear, but within this machine."""
        session.ehlo_or_helo_if_needed()
        if self.server.tls:
            return
        if session.has_extn("starttls"):
            session.starttls(context=self._tls())
            session.ehlo()
        elif self.server.user and not self.server.loopback:
            raise self._failed(
                "it offers no STARTTLS, and the password does not travel in the clear", "use its smtps:// port"
            )

    def _log_in(self, session: smtplib.SMTP) -> None:
        user, password = self.server.user, self.server.password
        if not user:
            return
        if (user + password).isascii():
            session.login(user, password)
            return
        # smtplib sends ASCII alone; AUTH PLAIN is UTF-8 (RFC 4616)
        answer = session.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())
        if answer[0] not in _LOGGED_IN:
            raise smtplib.SMTPAuthenticationError(*answer)

    def _tls(self) -> ssl.SSLContext:
        return self._context or ssl.create_default_context()

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = " ".join(message.subject.split())[:_LONGEST_SUBJECT]
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._to)
        mail["Date"] = format_datetime(ist(self._clock.now_ns()))
        mail["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2] or None)
        mail.set_content(message.body)
        return mail

    def _refused(self, error: smtplib.SMTPException) -> NotifyError:
        """What the server said, in its words; 4xx answers and lost connections can pass by themselves."""
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            words = "; ".join(f"{to}: {_words(*answer)}" for to, answer in error.recipients.items())
            later = all(code in _NOT_NOW for code, _ in error.recipients.values())
            return self._failed(words, "check notify.email.to and what the server relays", permanent=not later)
        if isinstance(error, smtplib.SMTPResponseException):
            login = isinstance(error, smtplib.SMTPAuthenticationError)
            hint = "check user and password in notify.email.smtp" if login else "the mail server's log says more"
            later = error.smtp_code in _NOT_NOW
            return self._failed(_words(error.smtp_code, error.smtp_error), hint, permanent=not later)
        hint = "check that it is a mail server and offers what the URL asks for"
        lost = isinstance(error, smtplib.SMTPServerDisconnected)
        return self._failed(str(error), hint, permanent=not lost)

    def _failed(self, why: str, hint: str, *, permanent: bool = False) -> NotifyError:
        return NotifyError(f"the mail server {self.server}: {redact(why)}", permanent=permanent, hint=hint)


def _words(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"
