"""A recorded journal played again through real sockets, and recorded again by the real recorder."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, time
from pathlib import Path
from random import Random

import httpx
import pytest

from muhurat.capture.feed_recorder import FeedPlan
from muhurat.capture.journal import JournalReader, JournalWriter
from muhurat.capture.recorder import run
from muhurat.capture.universe import Entry, Universe, save_universe, universe_path
from muhurat.clock import NS_PER_S, ClockPage, ManualClock, SimulatedClock, ist_ns
from muhurat.heartbeat import Heartbeat
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.kite import connection as connection_module
from muhurat.simulator.kite.simulation import KiteSimulation
from muhurat.simulator.kite.wire import HEARTBEAT, Mode, encode_quote, join
from muhurat.simulator.options import SimOptions
from muhurat.venues.kite.stream import KiteStream
from tests.simulator.conftest import AS_FAST_AS_POSSIBLE, Running
from tests.simulator.tiny_market import CALL, FUTURE, INDEX, future_quote, index_quote, option_quote
from tests.venues.kite.test_against_simulator import TimedListener
from tests.venues.kite.ticker_server import Listener, running, until

FEED = "sensex_desk"
RECORDED, PLAYED = date(2026, 11, 19), date(2026, 11, 20)
SHIFT_NS = 86_400 * NS_PER_S
BEGIN_NS = ist_ns(RECORDED, time(9, 59))
SECONDS = 120
START_NS = BEGIN_NS + SHIFT_NS - 60 * NS_PER_S
END_NS = BEGIN_NS + SHIFT_NS + (SECONDS + 1) * NS_PER_S

Recorded = tuple[int, bytes]


def packet(token: int, second: int, mode: Mode = Mode.FULL) -> bytes:
    rule = {INDEX: index_quote, CALL: option_quote, FUTURE: future_quote}[token]
    return encode_quote(token, token != INDEX, rule(second), mode)


def recording() -> list[Recorded]:
    """Two minutes across an hour's edge as a venue may send them: packets in any order, two messages at one instant,
    a heartbeat every three seconds, other modes, and messages that no decoder likes."""
    told: list[Recorded] = []
    for second in range(SECONDS):
        at_ns = BEGIN_NS + second * NS_PER_S
        if second % 3 == 0:
            told.append((at_ns + 11, HEARTBEAT))
        told.append((at_ns + 350_000_017, join([packet(FUTURE, second), packet(INDEX, second)])))
        told.append((at_ns + 350_000_017, join([packet(CALL, second)])))
        told.append((at_ns + 850_000_003, join([packet(INDEX, second), packet(CALL, second, Mode.QUOTE)])))
    whole = join([packet(CALL, 7), packet(FUTURE, 7)])
    strange = [whole[:-30], whole + b"\xff\xff", join([packet(CALL, 7, Mode.LTP), b"\x00\x05\x00\x00\x01\x09\x01"])]
    last_ns = BEGIN_NS + SECONDS * NS_PER_S
    return told + [(last_ns + number, payload) for number, payload in enumerate(strange)]


SOURCE = recording()
EXPECTED = [(at_ns + SHIFT_NS, payload) for at_ns, payload in SOURCE]


def write_journal(data: Path, messages: Sequence[Recorded] = SOURCE) -> Path:
    folder = data / "raw_ticks" / FEED
    with JournalWriter(folder, FEED, ManualClock(messages[0][0]), sync_interval_s=None) as writer:
        for at_ns, payload in messages:
            writer.append([(payload, at_ns, 0)])
    return folder


def write_universe(data: Path, day: date) -> None:
    entries = {
        str(token): Entry(
            token=token, exchange_token=token >> 8, symbol=str(token), exchange="BFO", segment="BFO-FUT", type=kind
        )
        for token, kind in ((INDEX, "INDEX"), (CALL, "CE"), (FUTURE, "FUT"))
    }
    save_universe(universe_path(data / "universe", FEED, day), Universe(entries, feed=FEED))


@pytest.fixture
def page(tmp_path: Path) -> ClockPage:
    return ClockPage.create(tmp_path / "clock", START_NS)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "source")


@asynccontextmanager
async def played(journal: Path, page: ClockPage) -> AsyncIterator[Running]:
    """The simulation of a journal; time stands until the test moves it."""
    conductor = Conductor(page, AS_FAST_AS_POSSIBLE)
    simulation = KiteSimulation(SimOptions(PLAYED, journal=journal), conductor)
    yield Running(simulation, conductor, await simulation.start({}))
    await simulation.stop()


def stream_to(kite: Running, page: ClockPage) -> KiteStream:
    app, sessions = kite.simulation.app, kite.simulation.sessions
    return KiteStream(kite.urls["kite_ticker"], app.api_key, sessions.ready, SimulatedClock(page), chance=Random(1))


@asynccontextmanager
async def recorded(data: Path, kite: Running, page: ClockPage) -> AsyncIterator[None]:
    """The real recorder at work on the simulation, from the moment it has subscribed."""
    clock, stop = SimulatedClock(page), asyncio.Event()
    plan = FeedPlan(FEED, data / "raw_ticks" / FEED, data / "universe")
    recorder = asyncio.create_task(
        run([plan], {FEED: stream_to(kite, page)}, clock, Heartbeat("recorder", data / "run", clock), stop)
    )
    await until(lambda: any(row["tokens"] == 3 for row in kite.simulation.ticker.stats()["by_connection"]))
    yield
    stop.set()
    await recorder


def records_in(data: Path) -> list[Recorded]:
    with JournalReader(data / "raw_ticks" / FEED, FEED) as reader:
        return [(each.ts_recv_ns, each.payload) for batch in iter(reader.read_records, []) for each in batch]


@pytest.mark.parametrize("with_universe", [True, False], ids=["with its universe", "the journal alone"])
async def test_the_recorder_gets_every_byte_at_its_instant_of_the_day(
    tmp_path: Path, page: ClockPage, journal: Path, with_universe: bool
) -> None:
    data = tmp_path / "desk"
    write_universe(data, PLAYED)
    if with_universe:
        write_universe(tmp_path / "source", RECORDED)

    async with played(journal, page) as kite, recorded(data, kite, page):
        await kite.conductor.advance_to(END_NS)

    wanted = set(EXPECTED)
    got = records_in(data)
    assert [each for each in got if each in wanted] == EXPECTED
    more = [each for each in got if each not in wanted and each[1] != HEARTBEAT]
    assert {at_ns for at_ns, _ in more} == {START_NS}, "only the subscription brings more: where each stood before"
    assert {path.name[-8:-4] for path in (data / "raw_ticks" / FEED).glob("*.bin")} == {"0900", "1000"}


async def test_heartbeats_are_the_recorded_ones_as_long_as_they_come(
    page: ClockPage, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "HEARTBEAT_S", 0.001)
    listener = TimedListener(lambda: page.now_ns)
    async with played(journal, page) as kite:
        stream = stream_to(kite, page)
        stream.set_instruments([INDEX], "full")
        async with running(stream, listener):
            await until(lambda: listener.binary.count(HEARTBEAT) >= 2)
            await kite.conductor.advance_to(END_NS)

    beats = [at_ns for at_ns, told in zip(listener.times, listener.binary, strict=True) if told == HEARTBEAT]
    played_ns = [at_ns for at_ns, told in EXPECTED if told == HEARTBEAT]
    assert [at_ns for at_ns in beats if at_ns >= played_ns[0]] == played_ns


async def test_when_recorded_heartbeats_stay_away_the_connection_has_its_own(
    page: ClockPage, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "RECORDED_ALSO_BEAT_S", 0.01)
    listener = Listener()
    async with played(journal, page) as kite:
        stream = stream_to(kite, page)
        stream.set_instruments([INDEX], "full")
        async with running(stream, listener):
            await until(lambda: len(listener.binary) >= 2)
            await kite.conductor.advance_to(EXPECTED[0][0])
            await until(lambda: listener.binary.count(HEARTBEAT) >= 2)


async def test_who_carries_less_gets_less_and_never_more_than_its_mode(page: ClockPage, journal: Path) -> None:
    listener = Listener()
    async with played(journal, page) as kite:
        stream = stream_to(kite, page)
        stream.set_instruments([CALL], "ltp")
        async with running(stream, listener):
            await until(lambda: len(listener.binary) == 2)
            await kite.conductor.advance_to(BEGIN_NS + SHIFT_NS + NS_PER_S - 1)

    messages = [payload for payload in listener.binary if payload != HEARTBEAT]
    assert messages[2:] == [join([packet(CALL, 0, Mode.LTP)])] * 2


async def test_who_comes_late_is_told_where_things_stand_and_then_what_comes(page: ClockPage, journal: Path) -> None:
    listener = Listener()
    async with played(journal, page) as kite:
        await kite.conductor.advance_to(BEGIN_NS + SHIFT_NS + 100 * NS_PER_S + 850_000_003)
        stream = stream_to(kite, page)
        stream.set_instruments([INDEX], "full")
        async with running(stream, listener):
            await until(lambda: len(listener.binary) == 2)
            await kite.conductor.advance_to(BEGIN_NS + SHIFT_NS + 101 * NS_PER_S + NS_PER_S // 2)

    messages = [payload for payload in listener.binary if payload != HEARTBEAT]
    assert messages == [
        join([packet(INDEX, 100, Mode.QUOTE)]),
        join([packet(INDEX, 100)]),
        join([packet(INDEX, 101)]),
    ]


async def test_an_instrument_without_a_price_has_no_snapshot(tmp_path: Path, page: ClockPage) -> None:
    quoted = [(BEGIN_NS + NS_PER_S, join([packet(CALL, 1, Mode.QUOTE)]))]
    listener = Listener()
    async with played(write_journal(tmp_path / "source", quoted), page) as kite:
        stream = stream_to(kite, page)
        stream.set_instruments([CALL], "full")
        async with running(stream, listener):
            await until(lambda: any(row["tokens"] for row in kite.simulation.ticker.stats()["by_connection"]))
            await kite.conductor.advance_to(BEGIN_NS + SHIFT_NS + 2 * NS_PER_S)

    assert [payload for payload in listener.binary if payload != HEARTBEAT] == [quoted[0][1]]


async def test_the_command_plays_it_too(tmp_path: Path, journal: Path) -> None:
    times = ("--at", "2026-11-20T09:58", "--until", "2026-11-20T10:02")
    command = ("-m", "muhurat", "sim", "kite", "--journal", str(journal), *times, "--speed", "100000", "--paused")
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        async with httpx.AsyncClient(base_url=told["urls"]["kite"], trust_env=False) as client:
            session = (await client.get("/_sim/session")).json()
            listener, clock = Listener(), SimulatedClock(ClockPage(Path(told["clock"])))
            token = session["access_token"]
            stream = KiteStream(told["urls"]["kite_ticker"], session["api_key"], lambda: token, clock)
            stream.set_instruments([INDEX, CALL, FUTURE], "full")
            async with running(stream, listener):
                await until(lambda: len(listener.binary) >= 2)
                await client.put("/_sim/clock", json={"paused": False})
                await until(lambda: listener.binary[-1] == SOURCE[-1][1])
    finally:
        process.terminate()
        await process.wait()

    messages = [payload for payload in listener.binary if payload != HEARTBEAT]
    assert messages[2:] == [payload for _, payload in SOURCE if payload != HEARTBEAT]
