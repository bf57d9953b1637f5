"""From a lost connection to repaired minutes: the recorder, the decode service and the job on one simulated broker."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.calendars.calendar import calendar_for
from muhurat.capture.decode_service import READER, DecodeService, DecodeSettings
from muhurat.capture.journal import JournalReader
from muhurat.capture.quality.hours import RecordedFeed, RecordedFeeds, TradingHours
from muhurat.capture.quality.stored import repaired
from muhurat.capture.universe import universe_path
from muhurat.clock import NS_PER_S, ClockPage
from muhurat.jobs.library import repair_gaps
from muhurat.stores.base import TickStore
from muhurat.stores.registry import open_tick_store
from muhurat.venues.base import History
from muhurat.venues.kite.decode import decode_message
from muhurat.venues.kite.login import KiteToken
from muhurat.venues.kite.rest import KiteRest
from tests.capture.simulated_recording import FEED, INSTRUMENTS, Recording, recording, until
from tests.jobs.library.tools import DeskTools, tools_in
from tests.simulator.conftest import Running, kite, page
from tests.simulator.tiny_market import DAY, OPEN_NS

__all__ = ["kite", "page"]

MINUTE_NS = 60 * NS_PER_S


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muhurat.capture.recorder._REPORT_EVERY_S", 0.02)
    monkeypatch.setattr("muhurat.heartbeat._LEAST_INTERVAL_S", 0.0)


class Feeds:
    def __init__(self, feed: RecordedFeed) -> None:
        self._feed = feed

    def on(self, day: date) -> list[RecordedFeed]:
        return [self._feed]


async def record_with_a_drop(desk: Recording) -> None:
    """Five minutes; from 70 to 170 seconds after the open there is no connection."""
    async with recording(desk):
        await desk.flow()
        await desk.kite.conductor.advance_to(OPEN_NS + 70 * NS_PER_S)
        good, desk.token = desk.token, "dead"
        desk.fault("drop", count=1)
        await until(lambda: desk.facts()["login_needed"])
        await desk.kite.conductor.advance_to(OPEN_NS + 170 * NS_PER_S)
        desk.token = good
        await until(lambda: desk.facts()["state"] == "connected")
        await desk.kite.conductor.advance_to(OPEN_NS + 5 * MINUTE_NS)
        await until(lambda: desk.facts()["gap_since_ns"] is None)


def decode(desk: Recording, store: TickStore) -> None:
    settings = DecodeSettings(desk.plan.journal, FEED, desk.plan.universe, desk.folder / "live.json")
    with JournalReader(desk.plan.journal, FEED, name=READER) as reader:
        service = DecodeService(settings, decode_message, store, desk.clock, reader)
        while service.step():
            pass
        service.finish()


def put_parts(tools: DeskTools, desk: Recording) -> None:
    app, token = desk.kite.simulation.app, desk.token
    session = KiteToken(app.api_key, token, app.api_secret, app.user_id)
    tools.put(History, KiteRest(desk.kite.urls["kite"], lambda: session, desk.clock, wait=lambda seconds: None))
    fo, cash = (calendar_for("XBOM", segment).session(DAY) for segment in ("FO", "CM"))
    assert fo is not None
    universe = universe_path(desk.plan.universe, FEED, DAY)
    hours = TradingHours(fo, cash)
    end_ns = OPEN_NS + 5 * MINUTE_NS
    feed = RecordedFeed(FEED, "kite", desk.plan.journal, universe, hours, OPEN_NS, end_ns, decode_message, True)
    tools.put(RecordedFeeds, Feeds(feed))
    tools.clock.set(end_ns + MINUTE_NS)


async def test_minutes_lost_with_a_connection_come_back_as_the_brokers_candles(
    kite: Running, page: ClockPage, tmp_path: Path
) -> None:
    desk = Recording(kite, page, tmp_path)
    await record_with_a_drop(desk)
    with tools_in(tmp_path, day=DAY) as tools:
        put_parts(tools, desk)
        store = open_tick_store(
            "parquet:///./data/ticks", base=tmp_path, clock=tools.clock, universe=desk.plan.universe
        )
        tools.put(TickStore, store)
        decode(desk, store)

        def run() -> dict[str, Any]:
            return repair_gaps.run(repair_gaps.RepairGapsOptions(), tools).facts["feeds"][FEED]

        told = await asyncio.to_thread(run)
        rows = list(repaired(store, FEED, DAY))
        again = await asyncio.to_thread(run)
        assert list(repaired(store, FEED, DAY)) == rows

    minutes = {(row["symbol"], (row["start_ns"] - OPEN_NS) // MINUTE_NS) for row in rows}
    assert minutes == {(symbol, minute) for symbol, _, _ in INSTRUMENTS for minute in (1, 2)}
    assert (told["repaired"], told["not_repaired"], again["repaired"]) == (4, {}, 0)
    tokens = {symbol: token for symbol, token, _ in INSTRUMENTS}
    for row in rows:
        (own,) = kite.simulation.market.candles(tokens[row["symbol"]], 1, row["start_ns"], row["start_ns"])
        prices = [price / 100 for price in (own.open, own.high, own.low, own.close)]
        assert [row["open"], row["high"], row["low"], row["close"], row["volume"]] == [*prices, own.volume]
        assert row["reason"].startswith("disconnected")
