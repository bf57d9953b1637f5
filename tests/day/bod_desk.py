"""A desk with the usual day's jobs against simulators of all its venues, and its `muhurat day` as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import psutil
import yaml

from muhurat import app
from muhurat.app.day import run_history
from muhurat.app.parts import reference_store
from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage, SimulatedClock, to_ns
from muhurat.jobs.process import Row
from muhurat.jobs.standard import write_standard

DAY = date(2026, 11, 20)
LAST_MINUTE = "2026-11-20T09:14"
"""Every job of BOD may begin, and the session has not begun."""

DESK: Final[dict[str, Any]] = {
    "desk": {"name": "bod"},
    "calendar": {"mic": "XBOM", "segment": "FO"},
    "feeds": {"sensex_desk": {"venue": "kite", "universe": "sensex_atm", "mode": "full", "strikes": 9}},
    "jobs": {"registry": "process.json", "bod": {"at": "08:00", "deadline": "09:00"}},
    "trading": {"mode": "test", "feed": "sensex_desk", "paper_capital": 500000},
}


@dataclass(frozen=True)
class Venues:
    """Simulators of all venues, on one clock."""

    urls: dict[str, str]
    clock_page: Path
    overlay: Path

    @property
    def clock(self) -> SimulatedClock:
        return SimulatedClock(ClockPage(self.clock_page))

    def set_clock(self, at: str) -> None:
        """Begin the same minute again, for another desk."""
        wanted = to_ns(datetime.fromisoformat(f"{at}+05:30"))
        with self.clock.hold():
            ClockPage(self.clock_page).now_ns = wanted

    def session(self, root: str) -> dict[str, Any]:
        """A ready session of a simulated venue: obvious fakes."""
        told: dict[str, Any] = httpx.get(f"{root}/_sim/session", timeout=10).raise_for_status().json()
        return told

    def secrets(self) -> dict[str, str]:
        """What a person would put into `.env`."""
        extranet = self.session(self.urls["connect2nse"].removesuffix("/extranet-api"))
        ftp, address = self.session(self.urls["ftp_sim"]), urlsplit(self.urls["ftp"])
        return {
            "NSE_MEMBER_CODE": extranet["member_code"],
            "NSE_LOGIN_ID": extranet["login_id"],
            "NSE_ENCRYPTED_PASSWORD": extranet["encrypted_password"],
            "FTP_HOST": str(address.hostname),
            "FTP_PORT": str(address.port),
            "FTP_USER": ftp["user"],
            "FTP_PASSWORD": ftp["password"],
        }


@contextmanager
def simulated(folder: Path, *arguments: str, at: str = LAST_MINUTE) -> Iterator[Venues]:
    """Simulators in a process of their own, which write to `folder`; desk time runs as real time does."""
    folder.mkdir(parents=True, exist_ok=True)
    page, overlay = folder / "clock", folder / "sim.yaml"
    words = ["sim", "--at", at, "--clock", str(page), "--overlay", str(overlay), *arguments]
    with (folder / "sim.log").open("ab") as log:
        process = subprocess.Popen([*MUHURAT, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
    try:
        line = process.stdout.readline() if process.stdout else b""
        assert line, (folder / "sim.log").read_text()
        yield Venues(json.loads(line)["urls"], page, overlay)
    finally:
        process.terminate()
        process.wait(30)


@dataclass(frozen=True)
class BodDesk:
    """One desk's folder, and what it does."""

    folder: Path
    venues: Venues

    @classmethod
    def made(cls, folder: Path, venues: Venues) -> BodDesk:
        """An ordinary desk: its file, `.env`, registry and the morning's login."""
        folder.mkdir(parents=True)
        jobs = {**DESK["jobs"], "public_ip": {"registered": "127.0.0.1", "ask": f"{venues.urls['kite']}/_sim/ip"}}
        (folder / "desk.yaml").write_text(yaml.safe_dump({**DESK, "jobs": jobs}, sort_keys=False))
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in venues.secrets().items()))
        write_standard(folder / "process.json", with_accounts=True)
        desk = cls(folder, venues)
        app.save_token(desk.opened(), venues.session(venues.urls["kite"]))
        return desk

    def opened(self) -> Any:
        return app.open_desk(self.folder / "desk.yaml", [self.venues.overlay])

    def day(self, *words: str) -> subprocess.Popen[str]:
        """`muhurat day …` as a process that leads a group of its own."""
        options = ("--desk", str(self.folder / "desk.yaml"), "--overlay", str(self.venues.overlay))
        return subprocess.Popen(
            [*MUHURAT, "day", *words, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, ENVIRONMENT_VARIABLE: str(self.venues.clock_page)},
            start_new_session=True,
        )

    def done(self, *words: str, within_s: float = 120) -> tuple[int, str]:
        """Run `muhurat day …` to its end: exit code and what it printed."""
        process = self.day(*words)
        printed, _ = process.communicate(timeout=within_s)
        return process.returncode, printed

    def rows(self) -> dict[str, Row]:
        history = run_history(self.opened(), self.venues.clock)
        try:
            return {row.process.name: row for row in history.rows(DAY)}
        finally:
            history.close()

    def steps(self) -> int:
        """How many attempts began, and how many ended."""
        attempts = [attempt for row in self.rows().values() for attempt in row.attempts]
        return len(attempts) + sum(attempt.ended_ns is not None for attempt in attempts)

    def states(self) -> dict[str, str]:
        return {name: row.state.value for name, row in self.rows().items() if row.process.phase == "BOD"}

    def add_script(self, title: str, text: str, **further: Any) -> None:
        """One more job of BOD, a Python script."""
        script = self.folder / f"{title.lower().replace(' ', '_')}.py"
        script.write_text(text)
        registry = self.folder / "process.json"
        document = json.loads(registry.read_text())
        entry = {"title": title, "process_type": "BOD", "order": 155, "application_path": str(script), **further}
        registry.write_text(json.dumps(document | {"processes": [*document["processes"], entry]}, indent=2))

    def checksum(self) -> dict[str, str]:
        """The reference database's content, a word for each table."""
        store = reference_store(self.opened(), self.venues.clock)
        try:
            return store.checksum()
        finally:
            store.close()

    def files(self, *folders: str) -> set[str]:
        """What lies in folders of the desk, by name."""
        found = (path for name in folders for path in (self.folder / name).rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)) for path in found}

    def part_files(self) -> list[Path]:
        return list(self.folder.rglob("*.part"))

    def living(self) -> dict[int, list[str]]:
        """The processes of this desk that live, and their command lines."""
        found = {}
        for process in psutil.process_iter(["cmdline", "cwd", "status"]):
            told = process.info
            named = any(str(self.folder) in word for word in told["cmdline"] or ())
            inside = told["cwd"] is not None and Path(told["cwd"]).is_relative_to(self.folder)
            if (named or inside) and told["status"] != psutil.STATUS_ZOMBIE:
                found[process.pid] = told["cmdline"]
        return found


MUHURAT = (sys.executable, "-P", "-m", "muhurat")
