"""A live feed in small: a real journal with messages of a format of our own, and sessions that trade on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from muhurat.calendars.session import Window
from muhurat.capture.journal.format import Position, Record
from muhurat.capture.journal.reader import JournalReader
from muhurat.capture.journal.writer import JournalWriter
from muhurat.clock import NS_PER_S, ManualClock
from muhurat.heartbeat import Heartbeat
from muhurat.model.bar import Bar
from muhurat.model.tick import TickBatch, TickGroup
from muhurat.trading.account import Book, NoBook
from muhurat.trading.engine import Engine
from muhurat.trading.paper import run_paper
from muhurat.trading.parameters import Limits, Parameters
from muhurat.trading.session import SessionFacts
from tests.trading.tables import CE, DAY, EASY, PE, at, contract

FEED = "sensex_desk"
INDEX_TOKEN, CE_TOKEN, PE_TOKEN = 265, 7, 8
HEARTBEAT = b"\x00"
_COLUMNS = (
    "instrument_token",
    "last_price",
    "volume",
    "exchange_timestamp",
    "bid_price_1",
    "ask_price_1",
    "low",
    "high",
)
Message = tuple[int, bytes]


def tick(token: int, price: float, label: str, spread: float = 0.5, **other: float) -> list[float]:
    """One packet: last price, stamped with an exchange time, bid and ask around it."""
    given = {"bid": price - spread, "ask": price + spread, "low": price - 50, "high": price + 50, **other}
    return [token, price, 0, at(label) // NS_PER_S, given["bid"], given["ask"], given["low"], given["high"]]


def message(received: str | int, *ticks: list[float]) -> Message:
    """One recorded message and when it came."""
    at_ns = at(received) if isinstance(received, str) else received
    return at_ns, msgspec.json.encode(ticks) if ticks else HEARTBEAT


def decode(payload: bytes) -> TickBatch:
    if len(payload) < 2:
        return TickBatch(0, ())
    rows = msgspec.json.decode(payload, type=list[list[float]])
    whole = {"instrument_token", "volume", "exchange_timestamp"}
    columns = {
        name: np.array([row[number] for row in rows], np.int64 if name in whole else np.float64)
        for number, name in enumerate(_COLUMNS)
    }
    return TickBatch(len(rows), (TickGroup("ticks_full", np.arange(len(rows), dtype=np.uint32), columns),))


def record(folder: Path, messages: Iterable[Message]) -> None:
    """Write a feed's journal."""
    writer = JournalWriter(folder, FEED, ManualClock(), sync_interval_s=None)
    for at_ns, payload in messages:
        writer.append([(payload, at_ns, 0)])
    writer.close()


def from_candles(bars: Sequence[Bar], tokens: dict[str, int]) -> list[Message]:
    """Ticks that make these candles: open, high, low and close of each, half a second after the exchange's second."""
    told = []
    for number, bar in enumerate(bars):
        for second, price in ((1, bar.open), (60, bar.high), (120, bar.low), (178, bar.close)):
            at_s = bar.start_ns // NS_PER_S + second
            row = [tokens[bar.symbol], price, 0, at_s, price - 0.5, price + 0.5, 1.0, 1e6]
            told.append((at_s * NS_PER_S + NS_PER_S // 2 + number, msgspec.json.encode([row])))
    return sorted(told)


def facts(
    parameters: Parameters = EASY, limits: Limits | None = None, history: Sequence[Bar] = (), **changed: Any
) -> SessionFacts:
    made = SessionFacts(
        day=DAY,
        mode="test",
        windows=(Window(at("09:15"), at("15:30")),),
        contracts=(contract(CE, token=CE_TOKEN), contract(PE, token=PE_TOKEN)),
        history=tuple(history),
        balance_paise=50_000_000,
        broker="quotes",
        feed=FEED,
        parameters=parameters,
        limits=limits or Limits(),
    )
    return replace(made, **changed)


class Switch:
    """A stop that others set."""

    def __init__(self) -> None:
        self.on = False

    def is_set(self) -> bool:
        return self.on


class Crash(Exception):
    """The process dies here."""


class Reading:
    """A journal read in bites of a few records; tells the session to stop, or crashes it, when asked to."""

    def __init__(
        self, folder: Path, place: Position | None, bite: int, stop: Switch, crash_after: float = math.inf
    ) -> None:
        self._reader = JournalReader(folder, FEED, place)
        self._bite = bite
        self._stop = stop
        self._left = crash_after

    def read_records(self, max_records: int = 4096) -> list[Record]:
        self._left -= 1
        if self._left < 0:
            raise Crash
        return self._reader.read_records(min(self._bite, max_records))

    def wait(self, timeout_s: float) -> bool:
        self._stop.on = True
        return False

    def close(self) -> None:
        self._reader.close()


def trade_paper(
    folder: Path,
    session: SessionFacts,
    *,
    bite: int = 5,
    book: Book | None = None,
    crash_after: float = math.inf,
    out: Path | None = None,
    disabled_file: Path | None = None,
    unprepared: Callable[[], str | None] | None = None,
    clock: ManualClock | None = None,
    opener: Callable[[Position | None], Any] | None = None,
) -> Engine:
    """Trade the journal in `folder/journal` to its end; decisions go to `folder/day`."""
    stop = Switch()
    clock = clock or ManualClock(at("09:00"))

    def open_records(place: Position | None) -> Reading:
        return Reading(folder / "journal", place, bite, stop, crash_after)

    return run_paper(
        session,
        opener or open_records,
        decode,
        book or NoBook(),
        out or folder / "day",
        clock,
        Heartbeat("trader", folder / "run", clock),
        stop,
        disabled_file,
        unprepared,
    )
