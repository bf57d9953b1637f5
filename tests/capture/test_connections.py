"""Feeds that share the connections of an account, against the simulated Kite, which refuses a fourth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from muhurat.capture.allocation import Limits
from muhurat.capture.connections import ConnectionPool
from muhurat.capture.feed_recorder import FeedPlan, FeedRecorder
from muhurat.capture.journal import AFTER_GAP, ControlRecord, JournalReader, Record, connection_of
from muhurat.capture.recorder import run
from muhurat.capture.universe import Entry, Universe, save_universe, universe_path
from muhurat.clock import NS_PER_S, ClockPage, ManualClock, SimulatedClock
from muhurat.heartbeat import Heartbeat, read_heartbeats
from muhurat.venues.base import ConnectionEvent, ConnectionKind
from muhurat.venues.kite.stream import KiteStream, StreamLimits
from muhurat.venues.kite.subscription import MOST_CONNECTIONS
from tests.capture.support import abandon
from tests.simulator.conftest import Running, kite, page
from tests.simulator.tiny_market import CALL, DAY, FUTURE, INDEX, OPEN_NS
from tests.venues.kite.ticker_server import until

__all__ = ["kite", "page"]

QUICK = StreamLimits(backoff_first_s=0.05, backoff_cap_s=0.1, token_poll_s=0.01)
PACKET = b"\x00\x01" + bytes(46)
NAMES = {INDEX: "SENSEX", CALL: "CALL", FUTURE: "FUTURE"}


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look and report more often than a desk needs."""
    monkeypatch.setattr("muhurat.capture.recorder._REPORT_EVERY_S", 0.02)
    monkeypatch.setattr("muhurat.heartbeat._LEAST_INTERVAL_S", 0.0)


class Crawler:
    """A recorder of some feeds on a pool of connections to the simulated Kite."""

    def __init__(self, kite: Running, page: ClockPage, folder: Path, limits: Limits, feeds: Sequence[str]) -> None:
        self.kite = kite
        self.folder = folder
        self.feeds = feeds
        self.clock = SimulatedClock(page)
        self.pool = ConnectionPool(self._open, limits, feeds)
        self.stop = asyncio.Event()

    def want(self, feed: str, *tokens: int) -> None:
        """Write the feed's universe."""
        instruments = {NAMES[token]: Entry(token=token, symbol=NAMES[token]) for token in tokens}
        save_universe(universe_path(self.folder / "universe", feed, DAY), Universe(instruments))

    async def record(self) -> None:
        plans = [FeedPlan(feed, self.folder / feed, self.folder / "universe") for feed in self.feeds]
        heartbeat = Heartbeat("recorder", self.folder / "run", self.clock)
        await run(plans, self.pool.streams, self.clock, heartbeat, self.stop, left_out=self.pool.left_out)

    async def play(self, from_s: int, to_s: int) -> None:
        """Let the market's seconds pass; returns when all that was sent has been recorded."""
        await self.kite.conductor.advance_to(OPEN_NS + from_s * NS_PER_S)
        await self.kite.conductor.advance_to(OPEN_NS + to_s * NS_PER_S)

    def strike(self, fault: str, **more: object) -> None:
        made = self.kite.simulation.faults.add(json.dumps({"fault": fault, **more}).encode())
        self.kite.simulation.ticker.strike(made)

    def stats(self) -> dict[str, Any]:
        return self.kite.simulation.stats()

    def facts(self, feed: str) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = read_heartbeats(self.folder / "run")["recorder"]["gauges"]["feeds"]
        return found[feed]

    def entries(self, feed: str) -> list[Record | ControlRecord]:
        with JournalReader(self.folder / feed, feed, with_control=True) as reader:
            return [entry for batch in iter(reader.read, []) for entry in batch]

    def records(self, feed: str) -> list[Record]:
        """The messages with packets."""
        return [each for each in self.entries(feed) if isinstance(each, Record) and len(each.payload) > 1]

    def gaps(self, feed: str) -> list[dict[str, Any]]:
        told = [each.entry for each in self.entries(feed) if isinstance(each, ControlRecord)]
        return [entry for entry in told if entry["event"] == "gap"]

    def _open(self) -> KiteStream:
        sessions, app = self.kite.simulation.sessions, self.kite.simulation.app
        url = self.kite.urls["kite_ticker"]
        return KiteStream(url, app.api_key, sessions.ready, self.clock, limits=QUICK, chance=Random(1))


@asynccontextmanager
async def crawling(
    kite: Running, page: ClockPage, folder: Path, limits: Limits, wanted: Mapping[str, Sequence[int]]
) -> AsyncIterator[Crawler]:
    """A crawler that has subscribed to what it wants."""
    crawler = Crawler(kite, page, folder, limits, list(wanted))
    for feed, tokens in wanted.items():
        crawler.want(feed, *tokens)
    before = crawler.stats()["packets_sent"]
    task = asyncio.create_task(crawler.record())
    carried = before + min(sum(map(len, wanted.values())), limits.connections * limits.instruments)
    await until(lambda: task.done() or crawler.stats()["packets_sent"] >= carried)
    try:
        yield crawler
    finally:
        crawler.stop.set()
        await task


def tokens_in(record: Record) -> set[int]:
    """The tokens of a message's packets."""
    found, place, payload = set(), 2, record.payload
    while place < len(payload):
        found.add(int.from_bytes(payload[place + 2 : place + 6], "big"))
        place += 2 + int.from_bytes(payload[place : place + 2], "big")
    return found


async def test_a_feed_too_large_for_one_connection_comes_by_several_into_one_journal(
    kite: Running, page: ClockPage, tmp_path: Path
) -> None:
    async with crawling(kite, page, tmp_path, Limits(1, 3), {"crawler": [INDEX, CALL, FUTURE]}) as crawler:
        assert crawler.stats()["connections"] == 3
        await crawler.play(0, 10)
        sent = crawler.stats()["packets_sent"]
        await until(lambda: crawler.facts("crawler")["packets"] == sent)
        facts = crawler.facts("crawler")

    by_connection: dict[int, set[int]] = {}
    for record in crawler.records("crawler"):
        by_connection.setdefault(connection_of(record.flags), set()).update(tokens_in(record))
    assert sorted(map(tuple, by_connection.values())) == sorted([(INDEX,), (CALL,), (FUTURE,)])
    assert set(by_connection) == {1, 2, 3}
    assert (facts["gaps"], facts["problem"], facts["missing"], facts["instruments"]) == (0, "", [], 3)


async def test_a_gap_of_one_connection_is_a_gap_of_the_feed_and_says_which(
    kite: Running, page: ClockPage, tmp_path: Path
) -> None:
    async with crawling(kite, page, tmp_path, Limits(1, 3), {"crawler": [INDEX, CALL]}) as crawler:
        await crawler.play(0, 5)
        crawler.strike("drop", connection=2)
        await until(lambda: len(crawler.stats()["by_connection"]) == 3)
        await until(lambda: crawler.facts("crawler")["gaps"] == 1)
        await crawler.play(8, 12)

    (gap,) = crawler.gaps("crawler")
    lost = next(r for r in crawler.records("crawler") if connection_of(r.flags) == gap["connection"])
    after = [record for record in crawler.records("crawler") if record.flags & AFTER_GAP]
    assert [tokens_in(record) for record in after] == [tokens_in(lost)]
    assert connection_of(after[0].flags) == 3
    assert gap["reason"].startswith("disconnected")


async def test_a_feed_that_grows_gets_a_connection_and_keeps_those_it_has(
    kite: Running, page: ClockPage, tmp_path: Path
) -> None:
    async with crawling(kite, page, tmp_path, Limits(1, 3), {"crawler": [INDEX]}) as crawler:
        await crawler.play(0, 3)
        crawler.want("crawler", INDEX, CALL)
        await until(lambda: crawler.stats()["connections"] == 2)
        await until(lambda: crawler.stats()["by_connection"][1]["packets"] >= 1)
        await crawler.play(4, 6)

        first, second = crawler.stats()["by_connection"]
        assert (first["closed_ns"], first["tokens"], second["tokens"]) == (None, 1, 1)
    assert crawler.gaps("crawler") == []


async def test_the_traded_feed_takes_a_connection_over_and_what_has_no_room_is_named(
    kite: Running, page: ClockPage, tmp_path: Path
) -> None:
    wanted = {"desk": [INDEX], "crawler": [CALL, FUTURE]}
    async with crawling(kite, page, tmp_path, Limits(1, MOST_CONNECTIONS), wanted) as crawler:
        assert crawler.facts("crawler")["problem"] == ""
        crawler.want("desk", INDEX, CALL)
        await until(lambda: crawler.facts("crawler")["problem"])
        await until(lambda: crawler.stats()["by_subscription"] and crawler.stats()["connections"] == 3)
        await until(lambda: len(crawler.stats()["by_connection"]) == 4)

        facts = crawler.facts("crawler")
        assert facts["problem"] == "1 instruments are not recorded: the venue's connections have no room for them"
        assert facts["missing"] == ["FUTURE: the venue's connections have no room for them"]
        assert crawler.facts("desk")["problem"] == ""
        assert crawler.stats()["refused_upgrades"] == {}, "never four at once"
        assert crawler.gaps("crawler") == []

        crawler.want("desk", INDEX)
        crawler.want("crawler", CALL)
        await until(lambda: crawler.facts("crawler")["problem"] == "")


async def test_a_feed_for_which_there_is_no_connection_at_all_says_so(
    kite: Running, page: ClockPage, tmp_path: Path
) -> None:
    wanted = {"desk": [INDEX], "crawler": [CALL], "third": [FUTURE]}
    async with crawling(kite, page, tmp_path, Limits(1, 2), wanted) as crawler:
        await until(lambda: crawler.facts("third")["problem"])

        assert crawler.facts("third")["state"] == "left out"
        assert crawler.facts("third")["instruments"] == 0
        assert crawler.stats()["connections"] == 2
        assert crawler.facts("desk")["state"] == "connected"


async def test_a_restart_is_a_gap_of_every_connection(kite: Running, page: ClockPage, tmp_path: Path) -> None:
    for begin in (0, 20):
        async with crawling(kite, page, tmp_path, Limits(1, 3), {"crawler": [INDEX, CALL]}) as crawler:
            await crawler.play(begin, begin + 5)
            await until(lambda: crawler.facts("crawler")["gap_since_ns"] is None)

    assert [gap["reason"] for gap in crawler.gaps("crawler")] == ["the recorder was down"] * 2
    after = [record for record in crawler.records("crawler") if record.flags & AFTER_GAP]
    assert {connection_of(record.flags) for record in after} == {1, 2}


async def test_a_gap_that_was_open_when_the_recorder_died_is_not_hidden_by_the_other_connections(
    tmp_path: Path,
) -> None:
    clock = ManualClock(OPEN_NS)
    plan = FeedPlan("crawler", tmp_path / "crawler", tmp_path / "universe")
    first = FeedRecorder(plan, clock, pytest.fail)
    first.open()
    lines = [first.line(0), first.line(1)]
    for line in lines:
        line.on_event(happened(clock, ConnectionKind.CONNECTED))
        line.on_binary(PACKET)
    clock.advance(1)
    lines[1].on_event(happened(clock, ConnectionKind.DISCONNECTED))
    clock.advance(5)
    lines[0].on_binary(PACKET)
    first.flush()
    assert first.writer is not None
    abandon(first.writer)

    clock.advance(3)
    second = FeedRecorder(plan, clock, pytest.fail)
    second.open()
    second.on_binary(PACKET)
    second.finish()

    third = FeedRecorder(plan, clock, pytest.fail)
    clock.advance(2)
    third.open()
    third.finish()

    spans = [(gap["from_ns"] - OPEN_NS, gap["to_ns"] - OPEN_NS) for gap in third.lines.gaps]
    assert spans == [(0, 9 * NS_PER_S), (9 * NS_PER_S, 11 * NS_PER_S)]


def happened(clock: ManualClock, kind: ConnectionKind) -> ConnectionEvent:
    return ConnectionEvent(kind, clock.now_ns(), clock.monotonic(), 1)
