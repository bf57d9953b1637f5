"""Mail is handed over as the URL says, and what goes wrong is told with the server's words and without the password."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from muhurat.clock import ManualClock
from muhurat.errors import NotifyError
from muhurat.notify.base import Message
from muhurat.notify.email import EmailChannel, MailServer

PASSWORD = "p@ss:wörd/1"
QUOTED = "p%40ss%3Aw%C3%B6rd%2F1"
MESSAGE = Message("Redis is not\nrunning", "since 09:15 – look at it\n")
AT_NINE = 1_790_048_700_000_000_000


class Inbox:
    """Takes mail; `answer` is what it says to a message."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.mails: list[Envelope] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        return self.answer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def serving(inbox: Inbox, **settings: Any) -> Iterator[int]:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **settings)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def known_user(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"desk", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def channel(url: str, timeout_s: float = 5, tls: ssl.SSLContext | None = None) -> EmailChannel:
    return EmailChannel(
        url, "muhurat@desk.in", ("a@desk.in", "b@desk.in"), timeout_s, clock=ManualClock(AT_NINE), context=tls
    )


def received(envelope: Envelope) -> EmailMessage:
    from email import message_from_bytes, policy

    content = envelope.content
    assert isinstance(content, bytes)
    return message_from_bytes(content, policy=policy.default)  # type: ignore[return-value]


def test_a_message_arrives_with_one_line_of_subject_and_the_desks_time() -> None:
    inbox = Inbox()
    with serving(inbox) as port:
        channel(f"smtp://127.0.0.1:{port}").send(MESSAGE)
    [envelope] = inbox.mails
    mail = received(envelope)
    assert envelope.rcpt_tos == ["a@desk.in", "b@desk.in"]
    assert mail["Subject"] == "Redis is not running"
    assert mail.get_content().splitlines() == ["since 09:15 – look at it"]
    assert "+0530" in mail["Date"]


def test_a_login_goes_over_starttls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    inbox = Inbox()
    settings = {"tls_context": server_tls, "require_starttls": True, "authenticator": known_user, "auth_required": True}
    with serving(inbox, **settings) as port:
        channel(f"smtp://desk:{QUOTED}@127.0.0.1:{port}", tls=client_tls).send(MESSAGE)
    assert len(inbox.mails) == 1


def test_smtps_speaks_tls_from_the_first_byte(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    inbox = Inbox()
    with serving(inbox, ssl_context=server_tls) as port:
        channel(f"smtps://127.0.0.1:{port}", tls=client_tls).send(MESSAGE)
    assert len(inbox.mails) == 1


def test_an_unknown_certificate_is_refused(server_tls: ssl.SSLContext) -> None:
    with serving(Inbox(), tls_context=server_tls) as port, pytest.raises(NotifyError, match="no TLS"):
        channel(f"smtp://127.0.0.1:{port}", tls=ssl.create_default_context()).send(MESSAGE)


def test_a_wrong_password_is_told_in_the_servers_words_and_never_shown(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    settings = {"tls_context": server_tls, "require_starttls": True, "authenticator": known_user, "auth_required": True}
    with serving(Inbox(), **settings) as port, pytest.raises(NotifyError) as caught:
        channel(f"smtp://desk:not-the-password@127.0.0.1:{port}", tls=client_tls).send(MESSAGE)
    assert f"127.0.0.1:{port}: 535" in str(caught.value)
    assert "user and password" in caught.value.hint
    assert caught.value.permanent
    assert "not-the-password" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"


@pytest.mark.parametrize(("answer", "permanent"), [("552 too much of it", True), ("451 not now", False)])
def test_a_refused_message_says_whether_trying_again_can_help(answer: str, permanent: bool) -> None:
    with serving(Inbox(answer)) as port, pytest.raises(NotifyError, match=answer) as caught:
        channel(f"smtp://127.0.0.1:{port}").send(MESSAGE)
    assert caught.value.permanent is permanent


def test_a_server_that_is_not_there_is_named() -> None:
    port = free_port()
    with pytest.raises(NotifyError, match=f"127.0.0.1:{port}: Connection refused") as caught:
        channel(f"smtp://127.0.0.1:{port}").send(MESSAGE)
    assert not caught.value.permanent


def test_a_server_that_says_nothing_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(NotifyError, match=f"127.0.0.1:{silent.getsockname()[1]}: .*timed out"),
    ):
        channel(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2).send(MESSAGE)


@pytest.mark.parametrize("url", ["mail.desk.in:25", "http://mail.desk.in", "smtp://", "smtp://u:secret-word@host:port"])
def test_a_wrong_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(NotifyError, match="no mail server's address") as caught:
        channel(url)
    assert "secret-word" not in f"{caught.value}{caught.value.hint}"


def test_the_password_is_in_no_text_about_the_server() -> None:
    server = MailServer.of(f"smtps://desk:{QUOTED}@mail.desk.in")
    assert (server.password, server.port) == (PASSWORD, 465)
    assert PASSWORD not in f"{server} {server!r}"
