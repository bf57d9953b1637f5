"""The mail server put together: SMTP on one port, and another on which testers read what arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from muhurat.clock import ist
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.control import ControlDoor
from muhurat.simulator.faults import FaultBoard
from muhurat.simulator.http_server import HttpServer
from muhurat.simulator.options import SimOptions
from muhurat.simulator.smtp.sink import FAULTS, MailAccount, MailSink

DESK_ADDRESS: Final = "desk@mail.sim"


class SmtpSimulation:
    """Mail on loopback; ports `smtp` and `smtp_sim` (HTTP: faults, stats, session, messages)."""

    PORTS: Final = ("smtp", "smtp_sim")

    def __init__(self, options: SimOptions, conductor: Conductor) -> None:
        self.account = MailAccount()
        self.faults = FaultBoard(FAULTS, conductor.monotonic)
        self.sink = MailSink(self.account, self.faults, lambda: ist(conductor.now_ns).isoformat())
        door = ControlDoor(
            self.faults,
            conductor.monotonic,
            self.stats,
            {
                ("GET", "/_sim/session"): self._session,
                ("GET", "/_sim/messages"): lambda: [mail.as_json() for mail in self.sink.messages],
                ("DELETE", "/_sim/messages"): self._forget,
            },
        )
        self._http = HttpServer(door.app())
        self._urls: dict[str, str] = {}

    async def start(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Listen; returns the URLs by name."""
        smtp = await self.sink.start(ports.get("smtp", 0))
        control = await self._http.start(ports.get("smtp_sim", 0))
        self._urls = {"smtp": f"smtp://127.0.0.1:{smtp}", "smtp_sim": f"http://127.0.0.1:{control}"}
        return self._urls

    async def stop(self) -> None:
        """Stop listening and let go of every client."""
        await self.sink.stop()
        await self._http.stop()

    def overlay(self) -> dict[str, Any]:
        """The keys of a desk file that send a desk's mail here."""
        address = self._urls["smtp"].removeprefix("smtp://")
        url = f"smtp://{self.account.user}:{self.account.password}@{address}"
        return {"notify": {"email": {"smtp": url, "to": [DESK_ADDRESS]}}}

    def stats(self) -> dict[str, Any]:
        """What `GET /_sim/stats` tells."""
        return {
            "connections": self.sink.connections,
            "messages": len(self.sink.messages),
            "logins_refused": self.sink.logins_refused,
        }

    def _session(self) -> dict[str, str]:
        return {"user": self.account.user, "password": self.account.password, "to": DESK_ADDRESS}

    def _forget(self) -> dict[str, int]:
        forgotten = len(self.sink.messages)
        self.sink.messages.clear()
        return {"cleared": forgotten}
