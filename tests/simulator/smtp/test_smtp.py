"""The simulated mail server as Python's own client sees it."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from muhurat.config.sections import EmailSection
from muhurat.simulator.options import SimOptions
from muhurat.simulator.smtp.simulation import SmtpSimulation
from tests.simulator.file_venues import FRIDAY, at, conductor_at

IMPATIENT_S = 0.5


@dataclass
class Served:
    simulation: SmtpSimulation
    urls: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.urls["smtp"].rpartition(":")[2])

    def send(self, subject: str = "Job late", timeout: float = 5, password: str = "sim-mail-password") -> None:
        """As a desk sends: log in, hand over, leave."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "desk@example.org", "ops@example.org", subject
        message["Date"] = "Fri, 20 Nov 2026 09:00:00 +0530"
        message.set_content("NSE bhavcopy is late ₹\n")
        with smtplib.SMTP("127.0.0.1", self.port, timeout=timeout) as smtp:
            smtp.login("simdesk", password)
            smtp.send_message(message)

    async def asked(self, method: str, path: str, json: Any = None) -> Any:
        async with httpx.AsyncClient(base_url=self.urls["smtp_sim"], trust_env=False) as client:
            answer = await client.request(method, path, json=json)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def messages(self) -> Any:
        return await self.asked("GET", "/_sim/messages")

    async def strike(self, fault: str, **how: Any) -> None:
        await self.asked("POST", "/_sim/faults", {"fault": fault, **how})


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    simulation = SmtpSimulation(SimOptions(FRIDAY), conductor_at(tmp_path, at("09:00")))
    yield Served(simulation, await simulation.start({}))
    await simulation.stop()


async def test_what_is_sent_can_be_read(served: Served) -> None:
    await asyncio.to_thread(served.send)
    assert await served.messages() == [
        {
            "from": "desk@example.org",
            "to": ["ops@example.org"],
            "subject": "Job late",
            "date": "Fri, 20 Nov 2026 09:00:00 +0530",
            "body": "NSE bhavcopy is late ₹\n",
            "received": "2026-11-20T09:00:00+05:30",
        }
    ]


async def test_messages_are_forgotten_on_request(served: Served) -> None:
    for subject in ("one", "two"):
        await asyncio.to_thread(served.send, subject)
    assert [message["subject"] for message in await served.messages()] == ["one", "two"]
    assert await served.asked("DELETE", "/_sim/messages") == {"cleared": 2}
    assert await served.messages() == []


async def test_an_html_mail_without_text_shows_its_html(served: Served) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@example.org", "ops@example.org", "Report"
    message.set_content("<p>green</p>", subtype="html")

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", served.port, timeout=5) as smtp:
            smtp.send_message(message)

    await asyncio.to_thread(send)
    assert (await served.messages())[0]["body"].strip() == "<p>green</p>"


async def test_a_wrong_password_is_refused(served: Served) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
        await asyncio.to_thread(served.send, password="guess")
    assert refusal.value.smtp_code == 535
    assert await served.messages() == []


async def test_login_refused_refuses_the_right_password_too(served: Served) -> None:
    await served.strike("login_refused", count=1)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await asyncio.to_thread(served.send)
    await asyncio.to_thread(served.send)
    assert len(await served.messages()) == 1
    assert (await served.asked("GET", "/_sim/stats"))["logins_refused"] >= 1


async def test_try_later_takes_the_mail_the_second_time(served: Served) -> None:
    await served.strike("try_later", count=1)
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        await asyncio.to_thread(served.send)
    assert refusal.value.smtp_code == 451
    await asyncio.to_thread(served.send)
    assert len(await served.messages()) == 1


async def test_recipient_refused_names_the_recipient(served: Served) -> None:
    await served.strike("recipient_refused", count=1)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        await asyncio.to_thread(served.send)
    code, text = refusal.value.recipients["ops@example.org"]
    assert code == 550
    assert b"ops@example.org" in text


async def test_unavailable_says_so_and_hangs_up(served: Served) -> None:
    await served.strike("unavailable", count=1)
    with pytest.raises(smtplib.SMTPConnectError) as refusal:
        await asyncio.to_thread(served.send)
    assert refusal.value.smtp_code == 421


async def test_hang_accepts_and_says_nothing(served: Served) -> None:
    await served.strike("hang", count=1)
    with pytest.raises((smtplib.SMTPServerDisconnected, TimeoutError), match="timed out"):
        await asyncio.to_thread(served.send, timeout=IMPATIENT_S)
    await asyncio.to_thread(served.send)
    assert len(await served.messages()) == 1


async def test_drop_loses_the_connection_and_the_mail(served: Served) -> None:
    await served.strike("drop", count=1)
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        await asyncio.to_thread(served.send)
    assert await served.messages() == []


async def test_the_overlay_is_a_mail_section(served: Served) -> None:
    section = EmailSection.model_validate(served.simulation.overlay()["notify"]["email"])
    assert section.smtp == f"smtp://simdesk:sim-mail-password@127.0.0.1:{served.port}"
    assert section.to


def closed(client: socket.socket) -> bool:
    """Whether the other side has gone, by an end or by a reset."""
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True
    finally:
        client.close()


async def test_stopping_is_prompt_with_a_client_that_hangs_on(tmp_path: Path) -> None:
    simulation = SmtpSimulation(SimOptions(FRIDAY), conductor_at(tmp_path, at("09:00")))
    served = Served(simulation, await simulation.start({}))
    held = socket.create_connection(("127.0.0.1", served.port), timeout=3)
    assert (await asyncio.to_thread(held.recv, 100)).startswith(b"220 ")
    await served.strike("hang")
    silent = socket.create_connection(("127.0.0.1", served.port), timeout=3)
    await asyncio.sleep(0.05)

    began = time.monotonic()
    await simulation.stop()
    assert time.monotonic() - began < 1.5
    for client in (held, silent):
        assert await asyncio.to_thread(closed, client)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", served.port), timeout=1)
