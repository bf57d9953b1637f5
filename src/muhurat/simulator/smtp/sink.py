"""The SMTP side: aiosmtpd inside the simulator's own loop, with the failure habits of real mail servers."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from muhurat.simulator.faults import FaultBoard, Kind
from muhurat.simulator.smtp.mailbox import Mail, read_mail

FAULTS: Final = {
    "login_refused": Kind("535 at login, whatever the password"),
    "try_later": Kind("451 instead of taking a mail"),
    "recipient_refused": Kind("550 for every recipient"),
    "unavailable": Kind("421 instead of a greeting"),
    "hang": Kind("accepts connections and says nothing"),
    "drop": Kind("cuts the connection instead of taking a mail"),
}
"""They last until cleared unless a request says otherwise. A mail's faults count mails, the others connections."""

_HOST: Final = "127.0.0.1"
_OK: Final = "250 2.0.0 Ok: queued"


@dataclass(frozen=True, slots=True)
class MailAccount:
    """Whose mail is taken after a login; obvious fakes."""

    user: str = "simdesk"
    password: str = "sim-mail-password"


class MailSink:
    """Listens for SMTP and keeps what it is given. `now` tells the desk's time as text."""

    def __init__(self, account: MailAccount, faults: FaultBoard, now: Callable[[], str]) -> None:
        self.messages: list[Mail] = []
        self.connections = 0
        self.logins_refused = 0
        self._account = account
        self._faults = faults
        self._now = now
        self._server: asyncio.Server | None = None
        self._live: list[_Connection | _Wordless] = []

    async def start(self, port: int) -> int:
        """Listen on loopback; returns the port."""
        _keep_quiet()
        self._server = await asyncio.get_running_loop().create_server(self._accept, _HOST, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and let go of every client at once."""
        if self._server is not None:
            self._server.close()
        for connection in self._live:
            connection.cut()
        await asyncio.sleep(0)

    def _accept(self) -> asyncio.BaseProtocol:
        self.connections += 1
        connection = self._next_connection()
        self._live = [*(each for each in self._live if each.alive), connection]
        return connection

    def _next_connection(self) -> _Connection | _Wordless:
        if self._faults.take("unavailable"):
            return _Wordless(b"421 4.3.2 Service not available, closing transmission channel\r\n")
        if self._faults.take("hang"):
            return _Wordless(None)
        return _Connection(
            self,
            hostname="mail.sim",
            ident="simulated mail server",
            enable_SMTPUTF8=True,
            authenticator=self._authenticate,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )

    def _authenticate(
        self, server: Any, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        right = hmac.compare_digest(given.login, self._account.user.encode()) and hmac.compare_digest(
            given.password, self._account.password.encode()
        )
        if server.refuses_login is None:
            # Clients try one mechanism after the other: all of that is one login.
            server.refuses_login = self._faults.take("login_refused") is not None
        if right and not server.refuses_login:
            return AuthResult(success=True)
        self.logins_refused += 1
        return AuthResult(success=False, handled=False, message="535 5.7.8 Authentication credentials invalid")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """aiosmtpd asks whether a recipient is known."""
        if self._faults.take("recipient_refused"):
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: _Connection, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd hands over a mail."""
        if self._faults.take("try_later"):
            return "451 4.7.1 Try again later"
        if self._faults.take("drop"):
            server.cut()
            return "451 4.3.0 Connection lost"
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode()
        self.messages.append(read_mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw, self._now()))
        return _OK


class _Connection(SMTP):
    """One client's conversation."""

    refuses_login: bool | None = None

    @property
    def alive(self) -> bool:
        return self.transport is not None

    def cut(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()


class _Wordless(asyncio.Protocol):
    """A connection that says one thing and closes, or, with nothing to say, stays and says nothing."""

    def __init__(self, last_words: bytes | None) -> None:
        self._last_words = last_words
        self._transport: Any = None

    @property
    def alive(self) -> bool:
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._last_words is not None:
            self._transport.write(self._last_words)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _keep_quiet() -> None:
    """aiosmtpd warns at every login of something of its own; without a handler that goes to the terminal."""
    log = logging.getLogger("mail.log")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
