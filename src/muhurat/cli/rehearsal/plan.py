"""What a rehearsed day is: its date, its folder, its seed, and the desk file that is written for it."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Final

import yaml

from muhurat.calendars.calendar import calendar_for
from muhurat.calendars.session import at
from muhurat.clock import ist_ns
from muhurat.errors import UsageError
from muhurat.jobs.standard import write_standard

_BEGIN, _END = time(7, 55), time(18, 55)
DEFAULT_DAY: Final = date(2026, 11, 20)
FEED: Final = "sensex_desk"
_MARK: Final = ".muhurat-demo"
_INDEX_FILE: Final = re.compile(r"SENSEX_(\d{4}-\d{2}-\d{2})\.csv")
_USUAL_PORT: Final = 8787


@dataclass(frozen=True, slots=True)
class Plan:
    """One rehearsed day, decided."""

    folder: Path
    day: date
    speed: float
    seed: int
    candles: Path | None
    begin_ns: int
    end_ns: int

    @property
    def desk_file(self) -> Path:
        return self.folder / "desk.yaml"

    @property
    def clock_page(self) -> Path:
        return self.folder / "run" / "clock"


def plan(folder: Path, *, candles: Path | None, day: date | None, speed: float, seed: int) -> Plan:
    """Decide the day and make its folder; raises `UsageError` for a folder with other things in it or a closed day."""
    if candles is not None and not candles.is_dir():
        raise UsageError(f"--candles {candles}: there is no such folder", hint="name a folder of Kite candle CSVs")
    chosen = day or (_last_index_day(candles) if candles else DEFAULT_DAY)
    if candles is not None and not any(candles.glob(f"*_{chosen}.csv")):
        raise UsageError(f"{candles} has no candles of {chosen}", hint="choose another --date")
    calendar = calendar_for("XBOM", "FO")
    session = calendar.session(chosen)
    if session is None:
        raise UsageError(
            f"{chosen} has no session: {calendar.why(chosen)}",
            hint="choose another --date; see `muhurat calendar show`",
        )
    _prepare(folder)
    return Plan(
        folder=folder.resolve(),
        day=chosen,
        speed=speed,
        seed=seed,
        candles=candles.resolve() if candles else None,
        begin_ns=min(ist_ns(chosen, _BEGIN), at(session, "open-45m")),
        end_ns=max(ist_ns(chosen, _END), at(session, "close+10m")),
    )


def write_desk(plan: Plan, urls: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """The desk of the rehearsal: an ordinary one, whose venues are simulated. `secrets` go to its `.env`."""
    desk = {
        "desk": {"name": "demo", "clock": "run/clock"},
        "calendar": {"mic": "XBOM", "segment": "FO"},
        "venues": {
            "kite": {"root": urls["kite"], "ticker": urls["kite_ticker"], "login": urls["kite_login"]},
            "nse": {
                "www": urls["nse"],
                "archives": urls["nse_archives"],
                "indices": urls["niftyindices"],
                "extranet": urls["connect2nse"],
            },
            "bse": {"www": urls["bse"]},
        },
        "feeds": {FEED: {"venue": "kite", "universe": "sensex_atm", "mode": "full", "strikes": 9}},
        "jobs": {
            "registry": "process.json",
            "bod": {"at": "08:00", "deadline": "09:00"},
            "eod": {"at": "close+10m", "deadline": "18:54"},
            "public_ip": {"registered": "127.0.0.1", "ask": f"{urls['kite']}/_sim/ip"},
        },
        "notify": {"email": {"smtp": urls["smtp"], "to": ["desk@example.com"]}},
        "trading": {"mode": "test", "feed": FEED, "paper_capital": 500000},
        "web": {"listen": f"127.0.0.1:{_free_port()}"},
    }
    head = "# Written by `muhurat demo`: an ordinary desk whose venues are simulated.\n"
    plan.desk_file.write_text(head + yaml.safe_dump(desk, sort_keys=False), encoding="utf-8")
    lines = [f"{name}={value}" for name, value in secrets.items()]
    (plan.folder / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_standard(plan.folder / "process.json", with_accounts=True)


def _prepare(folder: Path) -> None:
    mark = folder / _MARK
    if folder.exists() and any(folder.iterdir()):
        if not mark.exists():
            raise UsageError(f"{folder} is not empty and no earlier demo", hint="name another folder with --dir")
        shutil.rmtree(folder)
    (folder / "run").mkdir(parents=True)
    (folder / "logs").mkdir()
    mark.touch()


def _last_index_day(candles: Path) -> date:
    days = sorted(match[1] for path in candles.iterdir() if (match := _INDEX_FILE.fullmatch(path.name)))
    if not days:
        raise UsageError(f"{candles} holds no SENSEX_<date>.csv", hint="files are named <tradingsymbol>_<date>.csv")
    return date.fromisoformat(days[-1])


def _free_port() -> int:
    """The usual port of the page, or any free one when it is taken."""
    for port in (_USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UsageError("no free port on the loopback address")
