from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from muhurat.clock import NS_PER_S
from muhurat.simulator.kite import connection as connection_module
from muhurat.simulator.kite import ticker as ticker_module
from tests.simulator.conftest import Running
from tests.simulator.kite.test_wire import official
from tests.simulator.tiny_market import CALL, DELAY_NS, FUTURE, INDEX, OPEN_NS, TinyMarket

WITHIN_S = 5.0


class Client:
    """A plain WebSocket client that keeps what it gets, with the desk's time of arrival."""

    def __init__(self, socket: ClientConnection, now: Callable[[], int]) -> None:
        self.socket = socket
        self.texts: list[dict[str, Any]] = []
        self.messages: list[tuple[int, bytes]] = []
        self.heartbeats = 0
        self._now = now
        self._reading = asyncio.create_task(self._read())

    @property
    def ticks(self) -> list[dict[str, Any]]:
        return [tick for _, message in self.messages for tick in official(message)]

    async def say(self, action: str, value: Any) -> None:
        await self.socket.send(json.dumps({"a": action, "v": value}))

    async def subscribe(self, *tokens: int, mode: str | None = None) -> None:
        await self.say("subscribe", list(tokens))
        if mode is not None:
            await self.say("mode", [mode, list(tokens)])
        await self.heard()

    async def heard(self) -> None:
        """Wait until the server has taken what was said and its answer has been read."""
        await asyncio.wait_for(await self.socket.ping(), WITHIN_S)
        await asyncio.sleep(0.01)

    async def ended(self) -> int | None:
        """Wait for the end of the connection; the close code received, None without one."""
        try:
            await asyncio.wait_for(self.socket.wait_closed(), WITHIN_S)
        finally:
            await self._reading
        received = self.socket.protocol.close_rcvd
        return received.code if received else None

    async def close(self) -> None:
        await self.socket.close()
        await self._reading

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                if isinstance(message, str):
                    self.texts.append(json.loads(message))
                elif len(message) == 1:
                    self.heartbeats += 1
                else:
                    self.messages.append((self._now(), message))
        except ConnectionClosed:
            pass


Connect = Callable[[], Any]


@pytest.fixture
async def join_in(kite: Running) -> AsyncIterator[Connect]:
    clients: list[Client] = []

    async def join() -> Client:
        clients.append(Client(await connect(kite.socket_url, ping_interval=None), lambda: kite.conductor.now_ns))
        await clients[-1].heard()
        return clients[-1]

    yield join
    for client in clients:
        await client.close()


@pytest.fixture
async def client(join_in: Connect) -> Client:
    return await join_in()


def second(number: int) -> int:
    """The instant just after packet `number` of the tiny market was sent."""
    return OPEN_NS + number * NS_PER_S + DELAY_NS + 1


def fault(kite: Running, name: str, **more: Any) -> None:
    made = kite.simulation.faults.add(json.dumps({"fault": name, **more}).encode())
    kite.simulation.ticker.strike(made)


async def test_a_connection_begins_with_two_text_frames(client: Client) -> None:
    kinds = [text["type"] for text in client.texts]

    assert kinds == ["instruments_meta", "app_code"]
    assert client.texts[0]["data"]["count"] == 3
    assert len(client.texts[0]["data"]["etag"]) == 26
    assert client.texts[1]["timestamp"] == "2026-11-20T09:10:00+05:30"


async def test_a_subscription_is_answered_with_a_snapshot_in_quote_mode(client: Client) -> None:
    await client.subscribe(CALL, INDEX)

    [(_, message)] = client.messages
    ticks = official(message)
    assert [(tick["instrument_token"], tick["mode"]) for tick in ticks] == [(CALL, "quote"), (INDEX, "quote")]


async def test_a_new_mode_is_answered_with_a_snapshot_in_it(client: Client) -> None:
    await client.subscribe(CALL, INDEX, mode="full")
    await client.say("mode", ["ltp", [CALL]])
    await client.say("mode", ["ltp", [CALL]])
    await client.heard()

    assert [tick["mode"] for tick in client.ticks] == ["quote", "quote", "full", "full", "ltp"]


async def test_before_the_open_the_book_is_empty(client: Client) -> None:
    await client.subscribe(CALL, mode="full")

    assert {level["quantity"] for level in client.ticks[-1]["depth"]["buy"]} == {0}


async def test_each_packet_arrives_at_the_instant_it_was_sent(kite: Running, client: Client) -> None:
    await client.subscribe(CALL, INDEX, mode="full")
    client.messages.clear()
    await kite.conductor.advance_to(second(9))

    market: TinyMarket = kite.simulation.market  # type: ignore[assignment]
    assert [at for at, _ in client.messages] == [OPEN_NS + n * NS_PER_S + DELAY_NS for n in range(10)]
    assert [tick["last_price"] for tick in client.ticks] == [
        quote.last_price / 100 for n in range(10) for quote in (market.quotes[INDEX][n], market.quotes[CALL][n])
    ]


async def test_a_late_subscriber_gets_the_present_and_then_what_follows(kite: Running, client: Client) -> None:
    await kite.conductor.advance_to(second(4))
    await client.subscribe(CALL, mode="ltp")
    await kite.conductor.advance_to(second(6))

    assert [tick["last_price"] for tick in client.ticks] == [100.2, 100.2, 100.25, 100.3]


async def test_unknown_tokens_and_repetitions_are_ignored(kite: Running, client: Client) -> None:
    await client.subscribe(CALL, 4711, CALL)
    await client.subscribe(CALL, mode="ltp")
    client.messages.clear()
    await kite.conductor.advance_to(second(0))

    assert [tick["instrument_token"] for tick in client.ticks] == [CALL]
    assert len(client.texts) == 2


async def test_what_is_unsubscribed_is_sent_no_more(kite: Running, client: Client) -> None:
    await client.subscribe(CALL, INDEX, mode="ltp")
    await client.say("unsubscribe", [CALL])
    await client.heard()
    client.messages.clear()
    await kite.conductor.advance_to(second(1))

    assert {tick["instrument_token"] for tick in client.ticks} == {INDEX}


async def test_a_mode_for_what_is_not_subscribed_changes_nothing(kite: Running, client: Client) -> None:
    await client.say("mode", ["full", [CALL]])
    await client.heard()
    await kite.conductor.advance_to(second(1))

    assert client.messages == []


@pytest.mark.parametrize(
    "said",
    ["nonsense", '{"a": "dance", "v": []}', '{"a": "mode", "v": ["loud", [1]]}', '{"a": "subscribe", "v": "all"}'],
)
async def test_nonsense_is_answered_with_an_error_and_the_connection_lives(client: Client, said: str) -> None:
    await client.socket.send(said)
    await client.subscribe(CALL)

    assert [text["type"] for text in client.texts[2:]] == ["error"]
    assert len(client.ticks) == 1


async def test_more_than_3000_instruments_are_refused(client: Client) -> None:
    await client.subscribe(*range(100_000, 103_000))
    assert client.texts[2:] == []

    await client.subscribe(CALL)

    [text] = client.texts[2:]
    assert text["type"] == "error"
    assert "3000" in text["data"]
    assert client.messages == []


async def test_heartbeats_of_one_byte_come_while_connected(monkeypatch: pytest.MonkeyPatch, join_in: Connect) -> None:
    monkeypatch.setattr(connection_module, "HEARTBEAT_S", 0.02)
    client = await join_in()
    await client.subscribe(CALL)
    while client.heartbeats < 3:
        await asyncio.sleep(0.01)

    assert client.heartbeats >= 3


async def test_two_connections_get_what_each_asked_for(kite: Running, join_in: Connect) -> None:
    first, other = await join_in(), await join_in()
    await first.subscribe(CALL, mode="ltp")
    await other.subscribe(INDEX, FUTURE, mode="full")
    first.messages.clear()
    other.messages.clear()
    await kite.conductor.advance_to(second(2))

    assert [tick["mode"] for tick in first.ticks] == ["ltp"] * 3
    assert [tick["instrument_token"] for tick in other.ticks] == [INDEX, FUTURE] * 3
    stats = kite.simulation.stats()
    assert stats["connections"] == 2
    assert stats["packets_sent"] == 2 + 3 + 4 + 6
    assert [each["packets"] for each in stats["by_subscription"]] == [5, 10]


async def test_what_the_client_confirmed_is_counted(kite: Running, client: Client) -> None:
    await client.subscribe(CALL, mode="full")
    await kite.conductor.advance_to(second(3))

    stats = kite.simulation.stats()
    assert stats["packets_acknowledged"] == stats["packets_sent"] == len(client.ticks) == 6


async def status_of(url: str) -> int:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url)
    return refused.value.response.status_code


async def test_a_wrong_token_is_refused_with_403(kite: Running) -> None:
    assert await status_of(f"{kite.urls['kite_ticker']}/?api_key=simkey&access_token=wrong") == 403
    assert await status_of(kite.socket_url.replace("simkey", "otherkey")) == 403


async def test_a_malformed_query_is_refused_with_400(kite: Running) -> None:
    assert await status_of(f"{kite.urls['kite_ticker']}/?api_key=simkey") == 400
    assert await status_of(f"{kite.urls['kite_ticker']}/?api_key=simkey&access_token=a+b/c==") == 400


async def test_another_path_does_not_exist(kite: Running) -> None:
    assert await status_of(kite.socket_url.replace("/?", "/elsewhere?")) == 404


async def test_a_fourth_connection_is_refused_with_429(kite: Running, join_in: Connect) -> None:
    clients = [await join_in() for _ in range(3)]
    assert await status_of(kite.socket_url) == 429

    await clients[0].close()
    await clients[1].heard()
    await join_in()

    assert kite.simulation.stats()["refused_upgrades"] == {"429": 1}


async def test_a_token_dies_at_six_in_the_morning(kite: Running) -> None:
    url = kite.socket_url
    kite.conductor.page.now_ns += 21 * 3600 * NS_PER_S

    assert await status_of(url) == 403


@pytest.mark.parametrize(("name", "status"), [("forbid_403", 403), ("upgrade_429", 429)])
async def test_upgrades_can_be_refused_on_command(kite: Running, join_in: Connect, name: str, status: int) -> None:
    fault(kite, name, count=1)
    assert await status_of(kite.socket_url) == status

    await join_in()


@pytest.mark.parametrize("name", ["drop", "abort"])
async def test_connections_can_be_ended_without_a_close_frame(kite: Running, join_in: Connect, name: str) -> None:
    clients = [await join_in(), await join_in()]
    fault(kite, name, connection=2)

    assert await clients[1].ended() is None
    await clients[0].heard()
    await (await join_in()).heard()


async def test_a_lasting_drop_ends_new_connections_too(kite: Running, client: Client) -> None:
    fault(kite, "drop", count=2)
    assert await client.ended() is None

    later = Client(await connect(kite.socket_url, ping_interval=None), lambda: 0)
    assert await later.ended() is None
    await Client(await connect(kite.socket_url, ping_interval=None), lambda: 0).close()


async def test_silence_withholds_everything(monkeypatch: pytest.MonkeyPatch, kite: Running, join_in: Connect) -> None:
    monkeypatch.setattr(connection_module, "HEARTBEAT_S", 0.01)
    client = await join_in()
    await client.subscribe(CALL, mode="ltp")
    fault(kite, "silence", for_s=60)
    heartbeats = client.heartbeats
    client.messages.clear()
    await kite.conductor.advance_to(second(4))
    kite.simulation.ticker.tell({"type": "message", "data": "unheard"})
    await asyncio.sleep(0.05)
    assert client.messages == []
    assert client.heartbeats <= heartbeats + 1
    assert len(client.texts) == 2

    kite.simulation.faults.clear()
    await kite.conductor.advance_to(second(5))

    assert len(client.ticks) == 1
    assert kite.simulation.stats()["withheld"] == 5


async def test_heartbeats_alone_can_be_let_through(
    monkeypatch: pytest.MonkeyPatch, kite: Running, join_in: Connect
) -> None:
    monkeypatch.setattr(connection_module, "HEARTBEAT_S", 0.01)
    client = await join_in()
    fault(kite, "heartbeat_only", for_s=60)
    await client.subscribe(CALL)
    heartbeats = client.heartbeats
    while client.heartbeats < heartbeats + 3:
        await asyncio.sleep(0.01)

    assert client.messages == []


async def test_data_can_be_late_and_keep_their_order(kite: Running, client: Client) -> None:
    await client.subscribe(CALL, mode="ltp")
    client.messages.clear()
    fault(kite, "slow", count=2, delay_s=2.5)
    await kite.conductor.advance_to(second(5))

    assert [tick["last_price"] for tick in client.ticks] == [100.0, 100.05, 100.1, 100.15, 100.2, 100.25]
    arrived = [(at - OPEN_NS - DELAY_NS) / NS_PER_S for at, _ in client.messages]
    assert arrived == [2.5, 3.5, 3.5, 3.5, 4.0, 5.0]


async def test_a_message_can_be_cut_short(kite: Running, client: Client) -> None:
    await client.subscribe(CALL, FUTURE, mode="full")
    client.messages.clear()
    fault(kite, "truncated")
    await kite.conductor.advance_to(second(1))

    (_, cut), (_, whole) = client.messages
    assert whole.startswith(cut[:2])
    assert 2 + 186 < len(cut) < len(whole) == 2 + 2 * 186


async def test_a_message_can_come_twice(kite: Running, client: Client) -> None:
    await client.subscribe(CALL, mode="ltp")
    client.messages.clear()
    fault(kite, "duplicate")
    await kite.conductor.advance_to(second(1))

    assert [tick["last_price"] for tick in client.ticks] == [100.0, 100.0, 100.05]


async def test_a_client_that_never_answers_is_left_behind_until_it_does(
    monkeypatch: pytest.MonkeyPatch, kite: Running
) -> None:
    monkeypatch.setattr(ticker_module, "ANSWER_LIMIT_S", 0.05)
    transport, mute = await ws_connect(Mute, kite.socket_url, enable_auto_pong=False)
    transport.send(WSMsgType.TEXT, json.dumps({"a": "subscribe", "v": [CALL]}))
    await mute.served.wait()
    await kite.conductor.advance_to(second(3))
    assert kite.conductor.now_ns == second(3)
    assert kite.simulation.stats()["left_behind"] == 1

    monkeypatch.setattr(ticker_module, "ANSWER_LIMIT_S", 5.0)
    mute.answering = True
    transport.send_pong(mute.last_asked)
    while kite.simulation.stats()["left_behind"]:
        await asyncio.sleep(0.01)
    await kite.conductor.advance_to(second(5))

    [record] = kite.simulation.stats()["by_connection"]
    assert record["left_behind"] == 1
    assert record["acknowledged"] == record["packets"] == 7
    transport.disconnect()
    await transport.wait_disconnected()


class Mute(WSListener):
    """Answers no ping until it is told to."""

    def __init__(self) -> None:
        self.served = asyncio.Event()
        self.answering = False
        self.last_asked = b""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.BINARY:
            self.served.set()
        if frame.msg_type is WSMsgType.PING:
            self.last_asked = frame.get_payload_as_bytes()
            if self.answering:
                transport.send_pong(self.last_asked)


async def test_notices_and_order_updates_reach_every_connection(kite: Running, join_in: Connect) -> None:
    clients = [await join_in(), await join_in()]
    kite.simulation.ticker.tell({"type": "message", "data": "notice"})
    for client in clients:
        await client.heard()

        assert client.texts[-1] == {"type": "message", "data": "notice"}
