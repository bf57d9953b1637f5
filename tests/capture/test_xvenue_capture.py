"""320 instruments from the simulated Kite into the journal, with real processes: nothing is lost but by a fault.

By default some seconds at real pace and some at twenty times that. `MUHURAT_CAPTURE_MINUTES=10` records that many
minutes at real pace, and then a simulated hour at twenty times that.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from muhurat.capture.journal import JournalReader
from muhurat.capture.universe import load_universe, universe_path
from muhurat.clock import NS_PER_S
from muhurat.simulator.market import build_market
from muhurat.simulator.stocks.market import StockMarket, WithStocks
from tests.capture.xvenue_desk import FEED, XvenueDesk, until, xvenue_desk

MINUTES: Final = float(os.environ.get("MUHURAT_CAPTURE_MINUTES", "0"))
REAL_S: Final = MINUTES * 60 or 2.0
FAST_S: Final = 180.0 if MINUTES else 2.0
FAST: Final = 20.0
GRACE_S: Final = 5.0

DAY, SEED = date(2026, 11, 20), 3
FAULTS: Final = (("drop", 0.0), ("heartbeat_only", 3.0), ("silence", 4.0))
"""With how many real seconds they last; the second time within seconds, a mute connection is given more time."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 + 2 * (REAL_S + FAST_S))]

Packet = tuple[int, int]
"""Token and exchange time in seconds; an instrument has at most one packet a second."""


@dataclass
class Stretch:
    """What was sent and what was recorded between two instants in which desk time stood still."""

    from_ns: int
    to_ns: int
    stats: dict[str, Any]
    facts: dict[str, Any]


@dataclass
class Recorded:
    """A desk's morning: a stretch without faults, one with, and where the journal lies."""

    folder: Path
    tokens: list[int]
    calm: Stretch
    stormy: Stretch
    windows: list[tuple[int, int]]
    received: set[Packet]
    refreshed: tuple[str, list[str]]

    def missing(self, stretch: Stretch) -> list[tuple[Packet, int]]:
        """What the market sent in a stretch and the journal does not have, with the instant of sending."""
        return [
            (packet, at_ns)
            for packet, at_ns in expected(self.tokens, stretch.from_ns, stretch.to_ns)
            if packet not in self.received
        ]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("xvenue") / "desk"
    folder.mkdir()
    with xvenue_desk(folder, "2026-11-20T09:04:30", seed=SEED) as desk:
        desk.run("capture", "universe")
        tokens = load_universe(universe_path(folder / "data" / "universe", FEED, DAY)).tokens()
        desk.start_recorder()
        calm = _calm(desk)
        windows = [_strike(desk, fault, for_s) for fault, for_s in FAULTS]
        stormy = _stretch(desk, calm.to_ns)
        refreshed = _refresh(desk)
        desk.stop_recorder()
    return Recorded(folder, tokens, calm, stormy, windows, _received(folder), refreshed)


def test_without_faults_every_packet_is_received_and_there_is_no_gap(recorded: Recorded) -> None:
    assert len(recorded.tokens) == 320
    assert recorded.calm.stats["packets_sent"] > 200 * (FAST_S * FAST + REAL_S) / 2
    assert recorded.calm.facts["packets"] == recorded.calm.stats["packets_sent"]
    assert (recorded.calm.facts["gaps"], recorded.calm.facts["reconnects"]) == (0, 0)
    assert recorded.missing(recorded.calm) == []


def test_what_a_fault_keeps_back_is_all_that_is_missing(recorded: Recorded) -> None:
    missing = recorded.missing(recorded.stormy)

    stray = [packet for packet, at_ns in missing if not any(start <= at_ns <= end for start, end in recorded.windows)]
    assert stray == []
    assert missing, "the faults kept something back"
    assert recorded.stormy.facts["packets"] == recorded.stormy.stats["packets_sent"]


def test_every_fault_is_a_gap_that_the_journal_tells_of(recorded: Recorded) -> None:
    facts = recorded.stormy.facts

    assert facts["state"] == "connected"
    assert facts["reconnects"] >= len(FAULTS)
    gaps = [(gap["from_ns"], gap["to_ns"]) for gap in facts["gap_list"]]
    unexplained = [
        packet
        for packet, at_ns in recorded.missing(recorded.stormy)
        if not any(start <= at_ns <= end + NS_PER_S for start, end in gaps)
    ]
    assert unexplained == []


def test_the_journal_is_whole(recorded: Recorded) -> None:
    from tests.day.conftest import muhurat

    done = muhurat("journal", "verify", str(recorded.folder / "data" / "raw_ticks" / FEED), "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["torn_bytes"], found["damaged"]) == (0, [])


def test_strikes_that_an_exchange_adds_are_noticed_while_the_recorder_runs(recorded: Recorded) -> None:
    said, told = recorded.refreshed

    universe = load_universe(universe_path(recorded.folder / "data" / "universe", FEED, DAY))
    assert said == f"{FEED}: {', '.join(universe.new)}\n"
    assert {"CE", "PE"} == {symbol[-2:] for symbol in universe.new}
    assert told == universe.new, "the recorder's heartbeat names them"
    assert set(recorded.tokens) <= set(universe.tokens()), "nothing is dropped for them"
    copy = recorded.folder / "config" / "crawlers" / "crawler3_sso_xvenue" / "crawler3_sso_xvenue.json"
    assert load_universe(copy) == universe


def expected(tokens: list[int], from_ns: int, to_ns: int) -> Iterator[tuple[Packet, int]]:
    """The packets that the day has for some instruments within two instants, with when they are sent."""
    market = _market()
    for token in tokens:
        series = market.series(token)
        first, last = series.send_ns.searchsorted((from_ns, to_ns), "right")
        for at_ns, second in zip(
            series.send_ns[first:last].tolist(), series.exchange_s[first:last].tolist(), strict=True
        ):
            yield (token, second), at_ns


@cache
def _market() -> WithStocks:
    return WithStocks(build_market(DAY, SEED), StockMarket(DAY, SEED))


def _calm(desk: XvenueDesk) -> Stretch:
    begun_ns = desk.now_ns()
    desk.ask("clock", "PUT", paused=False, speed=FAST)
    until(lambda: desk.facts()["packets"] > 1000)
    desk.let_desk_time_pass(REAL_S, 1.0)
    desk.let_desk_time_pass(FAST_S * FAST, FAST)
    return _stretch(desk, begun_ns)


def _strike(desk: XvenueDesk, fault: str, for_s: float) -> tuple[int, int]:
    """Let a fault happen at twenty times the real pace; the window in which packets may be missing."""
    connections = desk.facts()["reconnects"]
    desk.let_time_pass(0.5, FAST)
    before_ns = desk.now_ns()
    desk.ask("faults", "POST", fault=fault, **({"for_s": for_s} if for_s else {}))
    struck_ns = desk.now_ns()
    desk.let_time_pass(for_s, FAST)
    until(lambda: desk.facts()["reconnects"] > connections and desk.facts()["state"] == "connected")
    until(lambda: desk.facts()["gap_since_ns"] is None)
    return before_ns, struck_ns + round((for_s + GRACE_S) * FAST * NS_PER_S)


def _refresh(desk: XvenueDesk) -> tuple[str, list[str]]:
    """Look again at a dump that has grown: what the command says, and what the recorder then tells as new."""
    desk.ask("faults", "POST", fault="new_strikes")
    said = desk.run("capture", "refresh")
    until(lambda: desk.facts()["new"])
    return said, desk.facts()["new"]


def _stretch(desk: XvenueDesk, from_ns: int) -> Stretch:
    """Stand still, and look."""
    desk.stand_still()
    stats = desk.ask("stats")
    until(lambda: desk.facts()["packets"] == stats["packets_sent"])
    return Stretch(from_ns, desk.now_ns(), stats, desk.facts())


def _received(folder: Path) -> set[Packet]:
    """What the journal holds."""
    with JournalReader(folder / "data" / "raw_ticks" / FEED, FEED) as reader:
        records = (record for batch in iter(reader.read_records, []) for record in batch)
        return {packet for record in records for packet in _packets(record.payload)}


def _packets(payload: bytes) -> Iterator[Packet]:
    """Token and exchange time of each packet of a message (facts of Kite's binary format)."""
    place = 2
    while place + 2 <= len(payload):
        (length,) = struct.unpack_from(">H", payload, place)
        (token,) = struct.unpack_from(">I", payload, place + 2)
        (second,) = struct.unpack_from(">I", payload, place + 2 + (60 if length == 184 else 28))
        yield token, second
        place += 2 + length
