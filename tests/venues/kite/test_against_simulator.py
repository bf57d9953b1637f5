"""Our clients and our decoder, against the simulated Kite, which shares no code with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from muhurat.clock import NS_PER_S, ClockPage, SimulatedClock
from muhurat.model.instrument import InstrumentType
from muhurat.venues.base import ConnectionKind
from muhurat.venues.kite.decode import decode_message
from muhurat.venues.kite.instruments import KiteInstruments
from muhurat.venues.kite.login import KiteToken, check_session
from muhurat.venues.kite.rest import KiteRest
from muhurat.venues.kite.stream import KiteStream, StreamLimits
from tests.simulator.conftest import InThread, Running, kite, page, start_in_thread, threaded
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, DELAY_NS, INDEX, OPEN_NS, OPEN_S, index_quote
from tests.venues.kite.ticker_server import Listener, running, until

__all__ = ["kite", "page", "start_in_thread", "threaded"]

QUICK = StreamLimits(backoff_first_s=0.01, backoff_cap_s=0.02, token_poll_s=0.01)


class TimedListener(Listener):
    """Also writes down the desk's time at which a message came."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        super().__init__()
        self.times: list[int] = []
        self._now_ns = now_ns

    def on_binary(self, payload: bytes) -> None:
        super().on_binary(payload)
        self.times.append(self._now_ns())


def stream_to(kite: Running, page: ClockPage) -> KiteStream:
    stream = KiteStream(
        kite.urls["kite_ticker"],
        kite.simulation.app.api_key,
        kite.simulation.sessions.ready,
        SimulatedClock(page),
        limits=QUICK,
        chance=Random(1),
    )
    stream.set_instruments([INDEX, CALL], "full")
    return stream


def fault(kite: Running, name: str, **more: object) -> None:
    made = kite.simulation.faults.add(json.dumps({"fault": name, **more}).encode())
    kite.simulation.ticker.strike(made)


async def test_every_packet_comes_at_its_instant_and_means_what_was_sent(kite: Running, page: ClockPage) -> None:
    listener = TimedListener(lambda: page.now_ns)
    async with running(stream_to(kite, page), listener):
        await until(lambda: len(listener.binary) >= 2)
        await kite.conductor.advance_to(OPEN_NS + 20 * NS_PER_S + DELAY_NS + 1)

    ticks = [
        (at_ns, row)
        for at_ns, payload in zip(listener.times, listener.binary, strict=True)
        for row in decode_message(payload).rows()
        if row["instrument_token"] == INDEX and at_ns > OPEN_NS
    ]
    assert [(at_ns, row["exchange_timestamp"], row["last_price"]) for at_ns, row in ticks] == [
        (OPEN_NS + second * NS_PER_S + DELAY_NS, OPEN_S + second, index_quote(second).last_price / 100)
        for second in range(21)
    ]


async def test_an_aborted_connection_comes_back_to_the_same_subscription(kite: Running, page: ClockPage) -> None:
    listener = Listener()
    async with running(stream_to(kite, page), listener):
        await until(lambda: len(listener.binary) >= 2)
        fault(kite, "abort")
        await until(lambda: len(listener.of(ConnectionKind.SUBSCRIBED)) == 2)
        before = len(listener.binary)
        await kite.conductor.advance_to(OPEN_NS + 5 * NS_PER_S)
        assert len(listener.binary) > before

    subscriptions = kite.simulation.ticker.stats()["by_subscription"]
    assert [entry["tokens"] for entry in subscriptions] == [[INDEX, CALL]]


async def test_a_truncated_message_is_recorded_as_it_came_and_flagged(kite: Running, page: ClockPage) -> None:
    listener = Listener()
    async with running(stream_to(kite, page), listener):
        await until(lambda: len(listener.binary) >= 2)
        fault(kite, "truncated", count=1)
        await kite.conductor.advance_to(OPEN_NS + 5 * NS_PER_S)

    assert sum(decode_message(payload).truncated for payload in listener.binary) == 1
    assert listener.kinds().count(ConnectionKind.DISCONNECTED) == 1


def test_the_day_is_prepared_through_rest(threaded: InThread, page: ClockPage) -> None:
    simulation = threaded.simulation
    token = KiteToken(simulation.app.api_key, simulation.sessions.ready(), user_id=simulation.app.user_id)
    clock = SimulatedClock(page)
    rest = KiteRest(threaded.urls["kite"], lambda: token, clock, wait=lambda seconds: None)

    instruments = KiteInstruments(threaded.urls["kite"]).fetch(["BSE", "BFO"])
    sensex = next(each for each in instruments if each.type is InstrumentType.INDEX)
    (call,) = [each for each in instruments if each.type.is_option]

    assert check_session(token, rest, clock.now_ns()).user_id == simulation.app.user_id
    assert (sensex.token, call.symbol) == (INDEX, CALL_SYMBOL)
    assert rest.last_prices([sensex.key]).keys() == {"BSE:SENSEX"}
    assert rest.quotes([call.key])[call.key].modelled
    assert rest.margins().available > 0
    threaded.advance_to(OPEN_NS + 200 * NS_PER_S)
    bars = rest.candles(sensex, "minute", OPEN_NS, OPEN_NS + 180 * NS_PER_S)
    assert [bar.start_ns for bar in bars] == [OPEN_NS + 60 * minute * NS_PER_S for minute in range(3)]
