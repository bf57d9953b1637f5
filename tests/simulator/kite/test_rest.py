"""Zerodha's own `KiteConnect`, unchanged, on the simulated REST API."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect.exceptions import (
    DataException,
    GeneralException,
    InputException,
    NetworkException,
    OrderException,
    TokenException,
)

from muhurat.clock import NS_PER_S
from tests.simulator.conftest import InThread
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, FUTURE, FUTURE_SYMBOL, INDEX, OPEN_NS

CALL_KEY, INDEX_KEY = f"BFO:{CALL_SYMBOL}", "BSE:SENSEX"


def client_of(simulation: InThread, **more: Any) -> KiteConnect:
    return KiteConnect("simkey", simulation.simulation.sessions.ready(), root=simulation.urls["kite"], **more)


@pytest.fixture
def client(threaded: InThread) -> KiteConnect:
    """Logged in; ten seconds after the open."""
    threaded.advance_to(OPEN_NS + 10 * NS_PER_S)
    return client_of(threaded)


def fault(simulation: InThread, **asked: Any) -> None:
    httpx.post(f"{simulation.urls['kite']}/_sim/faults", json=asked, trust_env=False).raise_for_status()


def test_a_desk_logs_in_by_redirect(threaded: InThread) -> None:
    app = threaded.simulation.app
    app.redirect_url = "https://desk.example/callback?desk=1"
    url = f"{threaded.urls['kite_login']}/connect/login?v=3&api_key=simkey&redirect_params=state%3Dabc"
    target = urlsplit(httpx.get(url, trust_env=False).headers["location"])
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    assert target.hostname == "desk.example"
    assert query.pop("request_token").isalnum()
    assert query == {"desk": "1", "action": "login", "status": "success", "state": "abc"}

    client = KiteConnect("simkey", root=threaded.urls["kite"])
    session = client.generate_session(parse_qs(target.query)["request_token"][0], app.api_secret)

    assert session["user_id"] == "SIM0001"
    assert session["login_time"] == datetime.fromisoformat("2026-11-20 09:10:00")
    assert client.profile()["user_id"] == "SIM0001"


def request_token(simulation: InThread) -> str:
    url = f"{simulation.urls['kite_login']}/connect/login?v=3&api_key=simkey"
    location = httpx.get(url, trust_env=False).headers["location"]
    return parse_qs(urlsplit(location).query)["request_token"][0]


def test_a_request_token_works_once(threaded: InThread) -> None:
    client = KiteConnect("simkey", root=threaded.urls["kite"])
    token = request_token(threaded)
    client.generate_session(token, "simsecret")

    with pytest.raises(TokenException, match="invalid or has expired"):
        client.generate_session(token, "simsecret")


def test_a_wrong_secret_gives_no_session(threaded: InThread) -> None:
    client = KiteConnect("simkey", root=threaded.urls["kite"])

    with pytest.raises(TokenException, match="checksum"):
        client.generate_session(request_token(threaded), "wrong")


def test_a_login_for_another_app_is_refused(threaded: InThread) -> None:
    answer = httpx.get(f"{threaded.urls['kite_login']}/connect/login?v=3&api_key=other", trust_env=False)

    assert answer.status_code == 400
    assert answer.json()["error_type"] == "InputException"


def test_logging_out_ends_the_session(threaded: InThread, client: KiteConnect) -> None:
    hooked: list[bool] = []
    client.set_session_expiry_hook(lambda: hooked.append(True))
    assert client.invalidate_access_token() is True

    with pytest.raises(TokenException, match="Incorrect `api_key` or `access_token`"):
        client.profile()
    assert hooked == [True]


def test_a_session_ends_at_six_in_the_morning(threaded: InThread, client: KiteConnect) -> None:
    client.profile()
    threaded.conductor.page.now_ns += 21 * 3600 * NS_PER_S

    with pytest.raises(TokenException):
        client.profile()


def test_the_ready_session_is_one(threaded: InThread) -> None:
    ready = httpx.get(f"{threaded.urls['kite']}/_sim/session", trust_env=False).json()
    assert set(ready) == {"api_key", "api_secret", "access_token", "user_id"}

    client = KiteConnect(ready["api_key"], ready["access_token"], root=threaded.urls["kite"])

    assert client.profile()["broker"] == "ZERODHA"


def test_the_dump_lists_every_instrument(client: KiteConnect) -> None:
    index, call, future = client.instruments()

    assert (index["instrument_token"], index["segment"], index["instrument_type"]) == (INDEX, "INDICES", "EQ")
    assert (index["expiry"], index["lot_size"], index["tick_size"]) == ("", 0, 0)
    assert call["tradingsymbol"] == CALL_SYMBOL
    assert (call["expiry"], call["strike"], call["tick_size"], call["lot_size"]) == (
        date(2026, 11, 26),
        85000,
        0.05,
        20,
    )
    assert (future["instrument_type"], future["segment"], future["exchange"]) == ("FUT", "BFO-FUT", "BFO")


def test_the_dump_of_one_exchange_needs_no_session(threaded: InThread) -> None:
    answer = requests.get(f"{threaded.urls['kite']}/instruments/BFO", timeout=10)

    assert answer.headers["content-encoding"] == "gzip"
    header, *rows = answer.text.splitlines()
    assert header.split(",") == [
        *("instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry"),
        *("strike", "tick_size", "lot_size", "instrument_type", "segment", "exchange"),
    ]
    assert rows == [
        f"{CALL},860001,{CALL_SYMBOL},SENSEX,0,2026-11-26,85000,0.05,20,CE,BFO-OPT,BFO",
        f"{FUTURE},860002,{FUTURE_SYMBOL},SENSEX,0,2026-11-26,0,0.05,20,FUT,BFO-FUT,BFO",
    ]


def test_a_quote_says_all_and_that_it_is_modelled(threaded: InThread, client: KiteConnect) -> None:
    told = client.quote([CALL_KEY, "BFO:NOTHING"])
    quote = threaded.market.quotes[CALL][9]

    assert set(told) == {CALL_KEY}
    call = told[CALL_KEY]
    assert call["modelled"] is True
    assert call["last_price"] == 100.45
    assert call["timestamp"] == call["last_trade_time"] == datetime.fromisoformat("2026-11-20 09:15:09")
    assert call["depth"]["buy"][0] == {"price": 100.4, "quantity": 100, "orders": 1}
    assert call["ohlc"] == {"open": 100, "high": 100.45, "low": 100, "close": 95}
    assert (call["volume"], call["oi"]) == (quote.volume, quote.oi)
    assert call["lower_circuit_limit"] == 0.05
    assert call["low_limit_price_protection"] == 60.3
    assert call["high_limit_price_protection"] == 140.6
    assert call["net_change"] == 0


def test_the_quote_of_an_index_has_no_book(client: KiteConnect) -> None:
    index = client.quote(INDEX_KEY)[INDEX_KEY]

    assert index["last_price"] == 85000.63
    assert index["net_change"] == 100.5
    assert not {"depth", "volume", "modelled", "oi"} & set(index)


def test_prices_alone(client: KiteConnect) -> None:
    assert client.ltp(INDEX_KEY) == {INDEX_KEY: {"instrument_token": INDEX, "last_price": 85000.63}}
    assert client.ohlc(CALL_KEY)[CALL_KEY]["ohlc"]["close"] == 95


def test_too_many_instruments_at_once_are_refused(client: KiteConnect) -> None:
    with pytest.raises(InputException, match="500"):
        client.quote([f"BFO:X{number}" for number in range(501)])
    with pytest.raises(InputException, match="1000"):
        client.ltp([f"BFO:X{number}" for number in range(1001)])


def test_candles_end_with_the_running_one(threaded: InThread, client: KiteConnect) -> None:
    threaded.advance_to(OPEN_NS + 200 * NS_PER_S)
    day = "2026-11-20 09:00:00", "2026-11-20 16:00:00"
    minutes = client.historical_data(CALL, *day, "minute", oi=True)
    threes = client.historical_data(CALL, *day, "3minute")

    assert [candle["date"].strftime("%H:%M:%S %z") for candle in minutes] == [f"09:{15 + n}:00 +0530" for n in range(4)]
    assert (minutes[0]["open"], minutes[0]["close"], minutes[0]["volume"], minutes[0]["oi"]) == (
        100,
        102.95,
        1200,
        4059,
    )
    assert minutes[3]["volume"] < 1200
    assert [set(candle) for candle in threes] == [{"date", "open", "high", "low", "close", "volume"}] * 2


def test_candle_times_have_an_offset_without_colon(threaded: InThread, client: KiteConnect) -> None:
    answer = requests.get(
        f"{threaded.urls['kite']}/instruments/historical/{INDEX}/day",
        params={"from": "2026-11-20", "to": "2026-11-20 23:59:59", "oi": "1"},
        headers={"Authorization": f"token simkey:{client.access_token}"},
        timeout=10,
    )

    [candle] = answer.json()["data"]["candles"]
    assert candle[0] == "2026-11-20T09:15:00+0530"
    assert candle[5:] == [0, 0]


@pytest.mark.parametrize(
    ("token", "interval", "begin", "message"),
    [
        (4711, "minute", "2026-11-20 09:15:00", "invalid token"),
        (CALL, "2minute", "2026-11-20 09:15:00", "2minute"),
        (CALL, "minute", "2026-08-01 09:15:00", "60 days"),
        (CALL, "minute", "yesterday", "yesterday"),
        (CALL, "minute", "2026-11-21 09:15:00", "from"),
    ],
)
def test_impossible_candles_are_refused(
    client: KiteConnect, token: int, interval: str, begin: str, message: str
) -> None:
    with pytest.raises(InputException, match=message):
        client.historical_data(token, begin, "2026-11-20 15:30:00", interval)


def test_an_order_goes_through_its_states(threaded: InThread, client: KiteConnect) -> None:
    number = client.place_order(
        "regular", "BFO", CALL_SYMBOL, "BUY", 40, "MIS", "LIMIT", price=100.5, validity="DAY", tag="entry1"
    )
    assert len(number) == 19
    assert client.order_history(number)[-1]["status"] == "OPEN PENDING"
    threaded.advance_s(0.5)

    history = client.order_history(number)
    assert [row["status"] for row in history] == [
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "OPEN",
        "COMPLETE",
    ]
    [order] = client.orders()
    assert (order["order_id"], order["average_price"], order["tag"]) == (number, 100.5, "entry1")
    assert order["order_timestamp"] == datetime.fromisoformat("2026-11-20 09:15:10")
    [trade] = client.order_trades(number)
    assert client.trades() == [trade]
    assert (trade["quantity"], trade["average_price"], len(trade["order_timestamp"])) == (40, 100.5, 8)
    [position] = client.positions()["net"]
    assert (position["quantity"], position["buy_value"], position["product"]) == (40, 4020, "MIS")


def test_a_resting_order_can_be_changed_and_cancelled(threaded: InThread, client: KiteConnect) -> None:
    number = client.place_order("regular", "BFO", CALL_SYMBOL, "BUY", 20, "NRML", "LIMIT", price=90)
    threaded.advance_s(0.1)
    assert client.modify_order("regular", number, price=91, quantity=40) == number
    threaded.advance_s(0.1)
    assert client.cancel_order("regular", number) == number
    threaded.advance_s(0.1)

    [order] = client.orders()
    assert (order["status"], order["price"], order["modified"]) == ("CANCELLED", 91, True)
    assert (order["quantity"], order["pending_quantity"], order["cancelled_quantity"]) == (40, 40, 40)
    assert [row["status"] for row in client.order_history(number)][3:] == [
        "OPEN",
        "MODIFY VALIDATION PENDING",
        "MODIFY PENDING",
        "MODIFIED",
        "OPEN",
        "CANCEL PENDING",
        "CANCELLED",
    ]


def test_a_market_order_needs_protection(client: KiteConnect) -> None:
    with pytest.raises(InputException, match="Market orders without market protection are not allowed via API"):
        client.place_order("regular", "BFO", CALL_SYMBOL, "BUY", 20, "MIS", "MARKET")


def test_an_order_beyond_the_funds_is_refused(client: KiteConnect) -> None:
    with pytest.raises(GeneralException, match=r"Insufficient funds\. Required margin is") as refused:
        client.place_order("regular", "BFO", FUTURE_SYMBOL, "BUY", 1000, "NRML", "LIMIT", price=85200)
    assert refused.value.code == 400
    assert client.orders() == []


def test_a_large_order_is_sliced_on_request(threaded: InThread, client: KiteConnect) -> None:
    told = client.place_autoslice_order("regular", "BFO", CALL_SYMBOL, "BUY", 2200, "MIS", "LIMIT", price=100.5)
    threaded.advance_s(0.1)

    assert len(told["children"]) == 3
    assert [order["quantity"] for order in client.orders()] == [1000, 1000, 200]
    assert client.orders()[0]["tags"] == ["autoslice", f"autoslice:{told['order_id']}"]


def test_an_unknown_order_is_an_order_exception(client: KiteConnect) -> None:
    with pytest.raises(OrderException, match="4711"):
        client.order_history("4711")
    with pytest.raises(OrderException, match="4711"):
        client.cancel_order("regular", "4711")


def test_funds_shrink_with_a_premium_paid(threaded: InThread, client: KiteConnect) -> None:
    before = client.margins()["equity"]["available"]["live_balance"]
    client.place_order("regular", "BFO", CALL_SYMBOL, "BUY", 20, "MIS", "LIMIT", price=100.5)
    threaded.advance_s(0.1)

    assert client.margins("equity")["available"]["live_balance"] == before - 20 * 100.5


def test_holdings_are_what_was_bought_on_earlier_days(client: KiteConnect) -> None:
    held = {row["tradingsymbol"]: row for row in client.holdings()}

    assert held["NIFTYBEES"]["quantity"] == 400
    assert held["SENSEXBEES"]["t1_quantity"] == 50
    assert held["NIFTYBEES"]["pnl"] == pytest.approx(400 * (286.15 - 251.4))


def test_an_unknown_segment_or_route_is_refused(threaded: InThread, client: KiteConnect) -> None:
    with pytest.raises(InputException, match="bonds"):
        client.margins("bonds")
    with pytest.raises(GeneralException, match="Route not found") as refused:
        client.get_gtts()
    assert refused.value.code == 404


def test_rate_limits_hold_in_real_time(start_in_thread: Callable[..., InThread]) -> None:
    client = client_of(start_in_thread(rate_limits=True))
    client.ltp(INDEX_KEY)

    with pytest.raises(NetworkException, match="Too many requests") as refused:
        client.ltp(INDEX_KEY)
    assert refused.value.code == 429
    client.profile()


def test_a_gateway_s_page_is_a_data_exception(threaded: InThread, client: KiteConnect) -> None:
    fault(threaded, fault="html_502")
    with pytest.raises(DataException, match="502 Bad Gateway"):
        client.profile()

    client.profile()


def test_an_order_may_exist_though_its_answer_never_came(threaded: InThread, client: KiteConnect) -> None:
    fault(threaded, fault="timeout", path="/orders")
    impatient = client_of(threaded, timeout=0.3)
    with pytest.raises(requests.exceptions.ReadTimeout):
        impatient.place_order("regular", "BFO", CALL_SYMBOL, "BUY", 20, "MIS", "LIMIT", price=100.5, tag="mine")

    assert [order["tag"] for order in client.orders()] == ["mine"]


@pytest.mark.parametrize(("name", "raised"), [("rest_429", NetworkException), ("rest_403", TokenException)])
def test_requests_can_be_refused_on_command(
    threaded: InThread, client: KiteConnect, name: str, raised: type[Exception]
) -> None:
    fault(threaded, fault=name, path="/user")
    client.orders()
    with pytest.raises(raised):
        client.profile()

    client.profile()


def test_a_wrong_fault_is_refused_with_the_names_of_all(threaded: InThread) -> None:
    answer = httpx.post(f"{threaded.urls['kite']}/_sim/faults", json={"fault": "fire"}, trust_env=False)

    assert answer.status_code == 400
    assert "drop" in answer.json()["error"]


def test_faults_can_be_taken_back(threaded: InThread, client: KiteConnect) -> None:
    fault(threaded, fault="rest_403", for_s=60)
    cleared = httpx.delete(f"{threaded.urls['kite']}/_sim/faults", trust_env=False).json()

    assert cleared == {"cleared": 1}
    client.profile()


def test_postbacks_are_signed(threaded: InThread, client: KiteConnect) -> None:
    heard = threaded.call(hear_postbacks(threaded, client))

    assert [update["status"] for update in heard] == ["OPEN", "COMPLETE"]
    for update in heard:
        signed = update["order_id"] + update["order_timestamp"] + "simsecret"
        assert update["checksum"] == hashlib.sha256(signed.encode()).hexdigest()
    assert threaded.simulation.stats()["postbacks"] == {"delivered": 2, "failed": 0}


async def hear_postbacks(simulation: InThread, client: KiteConnect) -> list[dict[str, Any]]:
    """Place an order while a server listens for postbacks."""
    import asyncio
    import json

    heard: list[dict[str, Any]] = []
    complete = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            heard.append(json.loads(await reader.readexactly(length)))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            if len(heard) == 2:
                complete.set()
                return

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=simulation.urls["kite"], trust_env=False) as http:
        await http.put("/_sim/session", json={"postback_url": f"http://127.0.0.1:{port}/postback"})
    await asyncio.to_thread(client.place_order, "regular", "BFO", CALL_SYMBOL, "BUY", 20, "MIS", "LIMIT", price=100.5)
    await simulation.conductor.advance_to(simulation.conductor.now_ns + NS_PER_S)
    async with asyncio.timeout(10):
        await complete.wait()
        while simulation.simulation.stats()["postbacks"]["delivered"] < 2:
            await asyncio.sleep(0.01)
    server.close()
    return heard


def test_a_notice_and_the_clock_answer_on_the_control_routes(threaded: InThread) -> None:
    with httpx.Client(base_url=threaded.urls["kite"], trust_env=False) as http:
        assert http.post("/_sim/notice", json={"text": "hello"}).json() == {"told": True}
        told = http.put("/_sim/clock", json={"paused": True, "speed": 5}).json()
        assert (told["paused"], told["speed"], told["now"]) == (True, 5.0, "2026-11-20T09:10:00+05:30")
        assert http.put("/_sim/clock", json={"paused": False}).json()["paused"] is False
        assert http.put("/_sim/clock", json={"speed": -1}).status_code == 400
