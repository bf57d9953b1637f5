"""The stream stays connected through everything the ticker and the network do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import pytest

from muhurat.clock import Clock, ManualClock, SystemClock
from muhurat.errors import MuhuratError, VenueError
from muhurat.venues.base import ConnectionEvent, ConnectionKind
from muhurat.venues.kite.stream import KiteStream, StreamLimits
from tests.venues.kite.ticker_server import HEARTBEAT, Listener, TickerServer, running, until

DATA = b"\x00\x01\x00\x08" + bytes(8)
QUICK = StreamLimits(backoff_first_s=0.01, backoff_cap_s=0.02, token_poll_s=0.01, data_floor_s=0.02, crowded_s=0.01)
CONNECTED, SUBSCRIBED, DISCONNECTED = ConnectionKind.CONNECTED, ConnectionKind.SUBSCRIBED, ConnectionKind.DISCONNECTED
REFUSED, UNREACHABLE, STALE, RESUMED = (
    ConnectionKind.REFUSED,
    ConnectionKind.UNREACHABLE,
    ConnectionKind.STALE,
    ConnectionKind.RESUMED,
)


@pytest.fixture
async def server() -> AsyncIterator[TickerServer]:
    server = TickerServer()
    yield server
    await server.stop()


@pytest.fixture
def listener() -> Listener:
    return Listener()


def make_stream(
    url: str,
    clock: Clock | None = None,
    *,
    token: Callable[[], str] = lambda: "good",
    limits: StreamLimits = QUICK,
    data_due: Callable[[int], bool] = lambda now_ns: True,
) -> KiteStream:
    return KiteStream(url, "key", token, clock or SystemClock(), data_due=data_due, limits=limits, chance=Random(1))


async def test_it_subscribes_after_it_has_connected(server: TickerServer, listener: Listener) -> None:
    stream = make_stream(await server.start())
    stream.set_instruments([265, 408065], "full")

    async with running(stream, listener):
        await until(lambda: server.orders and len(server.orders[0]) == 2)

    assert server.orders[0] == [{"a": "subscribe", "v": [265, 408065]}, {"a": "mode", "v": ["full", [265, 408065]]}]
    assert listener.kinds() == [CONNECTED, SUBSCRIBED, DISCONNECTED]
    assert [event.connection for event in listener.events] == [1, 1, 1]
    assert listener.events[1].instruments == 2
    assert server.headers[0]["X-Kite-Version"] == "3"


async def test_messages_and_texts_are_handed_on_as_received(server: TickerServer, listener: Listener) -> None:
    largest = bytes(2 + 3000 * 186)
    server.greeting = ['{"type":"message","data":"hello"}', HEARTBEAT, DATA, DATA[:-3], largest]
    stream = make_stream(await server.start())

    async with running(stream, listener):
        await until(lambda: len(listener.binary) == 4)

    assert listener.binary == [HEARTBEAT, DATA, DATA[:-3], largest]
    assert listener.text == ['{"type":"message","data":"hello"}']
    assert listener.everything[0] is listener.events[0]


async def test_a_message_in_fragments_arrives_whole(server: TickerServer, listener: Listener) -> None:
    stream = make_stream(await server.start())

    async with running(stream, listener):
        await until(lambda: server.connections)
        await server.last.send([DATA[:5], DATA[5:9], DATA[9:]])
        await until(lambda: listener.binary)

    assert listener.binary == [DATA]


async def test_a_pong_goes_out_after_all_earlier_messages_were_handed_on(
    server: TickerServer, listener: Listener
) -> None:
    stream = make_stream(await server.start())
    async with running(stream, listener):
        await until(lambda: server.connections)
        for round_ in range(1, 6):
            for _ in range(50):
                await server.last.send(DATA * 100)
            await (await server.last.ping())

            assert len(listener.binary) == 50 * round_


async def test_silence_ends_a_connection_and_the_next_one_carries_the_same(
    server: TickerServer, listener: Listener
) -> None:
    clock = ManualClock()
    stream = make_stream(await server.start(), clock)
    stream.set_instruments([265], "full")

    async with running(stream, listener):
        await until(lambda: SUBSCRIBED in listener.kinds())
        while DISCONNECTED not in listener.kinds():  # the watch begins a turn or two after the subscription
            clock.advance(QUICK.silence_s + 0.1)
            await asyncio.sleep(2 * QUICK.tick_s)
        await until(lambda: len(server.orders) == 2 and len(server.orders[1]) == 2)

    assert listener.kinds()[:5] == [CONNECTED, SUBSCRIBED, DISCONNECTED, CONNECTED, SUBSCRIBED]
    assert listener.events[2].reason == "no frame for 8 s"
    assert server.orders[0] == server.orders[1]


async def test_heartbeats_keep_a_connection_alive(server: TickerServer, listener: Listener) -> None:
    clock = ManualClock()
    stream = make_stream(await server.start(), clock, data_due=lambda now_ns: False)

    async with running(stream, listener):
        await until(lambda: server.connections)
        for beat in range(1, 11):
            clock.advance(3.0)
            await server.last.send(HEARTBEAT)
            await until(lambda expected=beat: len(listener.binary) == expected)
            await asyncio.sleep(2 * QUICK.tick_s)

    assert listener.kinds() == [CONNECTED, DISCONNECTED]


async def test_heartbeats_without_data_are_stale_only_while_data_are_due(
    server: TickerServer, listener: Listener
) -> None:
    clock = ManualClock()
    due = False
    stream = make_stream(await server.start(), clock, data_due=lambda now_ns: due)
    stream.set_instruments([265], "full")

    async def beat(seconds: float) -> None:
        clock.advance(seconds)
        before = len(listener.binary)
        await server.last.send(HEARTBEAT)
        await until(lambda: len(listener.binary) > before)
        await asyncio.sleep(3 * QUICK.tick_s)

    async with running(stream, listener):
        await until(lambda: SUBSCRIBED in listener.kinds())
        for _ in range(20):
            await beat(3.0)
        assert STALE not in listener.kinds()
        due = True
        for _ in range(9):
            await beat(3.0)
        assert STALE not in listener.kinds()
        clock.advance(3.1)
        await until(lambda: len(server.connections) == 2)
        await server.last.send(DATA)
        await until(lambda: RESUMED in listener.kinds())

    assert listener.kinds()[2:7] == [STALE, DISCONNECTED, CONNECTED, SUBSCRIBED, RESUMED]
    assert listener.of(STALE)[0].reason == "no market data for 30 s"


async def test_a_refused_token_is_not_tried_again_until_there_is_another(
    server: TickerServer, listener: Listener
) -> None:
    asked: list[str] = []
    current = "dead"

    def token() -> str:
        asked.append(current)
        return current

    stream = make_stream(await server.start(), token=token)
    async with running(stream, listener):
        await until(lambda: len(asked) > 5)
        assert len(server.attempts) == 1
        current = "good"
        await until(lambda: CONNECTED in listener.kinds())

    assert [attempt["access_token"] for attempt in server.attempts] == [["dead"], ["good"]]
    assert listener.kinds()[:2] == [REFUSED, CONNECTED]
    refusal = listener.events[0]
    assert (refusal.status, refusal.permanent, refusal.retry_in_s) == (403, True, None)
    assert refusal.reason == "HTTP 403 Forbidden: refused 403; log in again: `muhurat login`"


@pytest.mark.parametrize(("status", "permanent"), [(400, True), (429, False), (503, False)])
async def test_refusals_are_told_apart_by_status(
    server: TickerServer, listener: Listener, status: int, permanent: bool
) -> None:
    server.refuse = status
    stream = make_stream(await server.start(), limits=StreamLimits(crowded_s=5.0, backoff_first_s=0.5))

    async with running(stream, listener):
        await until(lambda: listener.events)

    refusal = listener.events[0]
    assert (refusal.kind, refusal.status, refusal.permanent) == (REFUSED, status, permanent)
    pause_s = refusal.retry_in_s
    assert pause_s is None if permanent else pause_s is not None
    assert (pause_s is not None and pause_s >= 5.0) == (status == 429)


async def test_too_many_connections_are_tried_again(server: TickerServer, listener: Listener) -> None:
    server.refuse = 429
    stream = make_stream(await server.start())

    async with running(stream, listener):
        await until(lambda: len(server.attempts) >= 3)
        server.refuse = None
        await until(lambda: CONNECTED in listener.kinds())


async def test_a_missing_token_is_told_once_and_waited_for(server: TickerServer, listener: Listener) -> None:
    asked: list[int] = []

    def token() -> str:
        asked.append(1)
        if len(asked) < 5:
            raise MuhuratError("no token file", hint="log in")
        return "good"

    async with running(make_stream(await server.start(), token=token), listener):
        await until(lambda: CONNECTED in listener.kinds())

    assert listener.kinds()[:2] == [REFUSED, CONNECTED]
    assert (listener.events[0].reason, listener.events[0].permanent) == ("no token file", True)


async def test_an_unreachable_venue_is_tried_until_it_is_there(server: TickerServer, listener: Listener) -> None:
    url = await server.start()
    await server.stop()
    port = int(url.rsplit(":", 1)[1])

    async with running(make_stream(url), listener):
        await until(lambda: len(listener.of(UNREACHABLE)) >= 3)
        await server.start(port)
        await until(lambda: CONNECTED in listener.kinds())

    pauses = [event.retry_in_s for event in listener.of(UNREACHABLE)]
    assert all(pause is not None and pause <= QUICK.backoff_cap_s for pause in pauses)
    assert not any(event.permanent for event in listener.events)


async def test_a_dropped_connection_comes_back_with_its_subscription(server: TickerServer, listener: Listener) -> None:
    stream = make_stream(await server.start())
    stream.set_instruments([265], "ltp")

    async with running(stream, listener):
        for number in range(1, 4):
            await until(lambda expected=number: len(server.orders) == expected and len(server.orders[-1]) == 2)
            server.last.transport.abort()
        await until(lambda: len(listener.of(CONNECTED)) == 4)

    assert [event.connection for event in listener.of(CONNECTED)] == [1, 2, 3, 4]
    assert listener.of(DISCONNECTED)[0].reason == "connection lost without a close frame"
    assert listener.of(DISCONNECTED)[0].retry_in_s is not None


async def test_a_close_frame_gives_the_reason(server: TickerServer, listener: Listener) -> None:
    async with running(make_stream(await server.start()), listener):
        await until(lambda: server.connections)
        await server.last.close(1001, "going away")
        await until(lambda: DISCONNECTED in listener.kinds())

    assert listener.of(DISCONNECTED)[0].reason == "closed by the venue: 1001 going away"


async def test_a_changed_subscription_sends_only_the_differences(server: TickerServer, listener: Listener) -> None:
    stream = make_stream(await server.start())
    stream.set_instruments([1, 2, 3], "quote")

    async with running(stream, listener):
        await until(lambda: server.orders and len(server.orders[0]) == 2)
        stream.set_instruments([2, 3, 4], "quote")
        stream.set_instruments([2, 3, 4], "quote")
        stream.set_instruments([2, 4], "full")
        await until(lambda: len(server.orders[0]) == 7)

    assert server.orders[0][2:] == [
        {"a": "unsubscribe", "v": [1]},
        {"a": "subscribe", "v": [4]},
        {"a": "mode", "v": ["quote", [4]]},
        {"a": "unsubscribe", "v": [3]},
        {"a": "mode", "v": ["full", [2, 4]]},
    ]
    assert [event.instruments for event in listener.of(SUBSCRIBED)] == [3, 3, 2]


async def test_closing_says_goodbye(server: TickerServer, listener: Listener) -> None:
    async with running(make_stream(await server.start()), listener):
        await until(lambda: server.connections)

    await until(lambda: server.last.close_code is not None)
    assert server.last.close_code == 1000
    assert listener.events[-1].reason == "closed"


async def test_ended_in_the_moment_of_connecting_it_leaves_no_connection_behind(
    server: TickerServer, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = asyncio.create_task(make_stream(await server.start()).run(listener))
    hear = listener.on_event

    def end_at_once(event: ConnectionEvent) -> None:
        hear(event)
        if event.kind is CONNECTED:
            task.cancel()

    monkeypatch.setattr(listener, "on_event", end_at_once)
    await asyncio.wait({task}, timeout=5)

    await until(lambda: server.connections and server.last.close_code is not None)
    assert listener.kinds()[-1] is DISCONNECTED


async def test_closing_ends_a_pause_and_a_wait_for_a_token(listener: Listener) -> None:
    patient = StreamLimits(backoff_first_s=1000.0, backoff_cap_s=1000.0, token_poll_s=1000.0)
    async with running(make_stream("ws://127.0.0.1:9", limits=patient), listener):
        await until(lambda: UNREACHABLE in listener.kinds())

    def no_token() -> str:
        raise MuhuratError("none")

    async with running(make_stream("ws://127.0.0.1:9", token=no_token, limits=patient), listener):
        await until(lambda: REFUSED in listener.kinds())


async def test_what_the_listener_raises_ends_the_stream(server: TickerServer) -> None:
    class Broken(Listener):
        def on_binary(self, payload: bytes) -> None:
            super().on_binary(payload)
            raise OSError("disk full")

    listener = Broken()
    server.greeting = [DATA, DATA]

    with pytest.raises(OSError, match="disk full"):
        async with asyncio.timeout(10):
            await make_stream(await server.start()).run(listener)

    assert listener.binary == [DATA]


async def test_the_token_is_encoded_and_appears_in_no_event(server: TickerServer, listener: Listener) -> None:
    secret = "a+b/c=&d"
    stream = make_stream(await server.start(), token=lambda: secret)

    async with running(stream, listener):
        await until(lambda: listener.events)

    assert server.attempts[0]["access_token"] == [secret]
    assert secret not in repr(listener.events)


async def test_a_redirect_is_not_followed_with_the_token(server: TickerServer, listener: Listener) -> None:
    server.refuse = 302

    async with running(make_stream(await server.start()), listener):
        await until(lambda: listener.events)

    assert (listener.events[0].kind, listener.events[0].status) == (REFUSED, 302)


def test_more_instruments_than_a_connection_carries_are_refused() -> None:
    with pytest.raises(VenueError, match="3001 instruments are more than the 3000") as raised:
        make_stream("ws://127.0.0.1:9").set_instruments(range(1, 3002), "full")

    assert raised.value.permanent


def test_seeded_streams_pause_alike() -> None:
    def pauses() -> list[Any]:
        return [make_stream("ws://127.0.0.1:9")._backoff.next_s() for _ in range(3)]

    assert pauses() == pauses()


async def test_an_address_that_is_none_is_told_without_the_token_in_it(listener: Listener) -> None:
    async with running(make_stream("http://127.0.0.1:9", token=lambda: "hush"), listener):
        await until(lambda: listener.events)

    told = listener.events[0]
    assert told.kind is UNREACHABLE
    assert "ws or wss" in told.reason
    assert "hush" not in told.reason
