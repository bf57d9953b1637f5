"""Zerodha's own `KiteTicker`, unchanged, on the simulated ticker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import NS_PER_S, ist
from tests.simulator.conftest import InThread
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, DELAY_NS, INDEX, OPEN_NS

SCRIPT = Path(__file__).with_name("official_ticker.py")
MOST_LINES = 500


class Official:
    """The program's events, one after the other."""

    def __init__(self, simulation: InThread, mode: str, token: str | None = None, more: tuple[int, ...] = ()) -> None:
        access = token or simulation.simulation.sessions.ready()
        arguments = [simulation.urls["kite_ticker"], "simkey", access, mode, str(CALL), str(INDEX), *map(str, more)]
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TZ": "Asia/Kolkata"},
            text=True,
        )

    def until(self, event: str) -> dict[str, Any]:
        """The next event of a kind; those before it are dropped."""
        assert self._process.stdout is not None
        for _ in range(MOST_LINES):
            told: dict[str, Any] = json.loads(self._process.stdout.readline())
            if told["event"] == event:
                return told
        raise AssertionError(f"{event} never came")

    def ticks(self, count: int) -> list[dict[str, Any]]:
        """The next `count` ticks."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found += self.until("ticks")["ticks"]
        return found

    def end(self) -> None:
        self._process.communicate("", timeout=20)


@pytest.fixture
def official(threaded: InThread) -> Iterator[Callable[..., Official]]:
    started: list[Official] = []

    def start(mode: str, **more: Any) -> Official:
        started.append(Official(threaded, mode, **more))
        return started[-1]

    yield start
    for each in started:
        each.end()


def sent_at(second: int) -> int:
    return OPEN_NS + second * NS_PER_S + DELAY_NS


def test_full_ticks_are_what_the_market_says(threaded: InThread, official: Callable[..., Official]) -> None:
    client = official("full")
    assert [tick["mode"] for tick in client.ticks(4)] == ["quote", "quote", "full", "full"]
    threaded.advance_to(sent_at(5))

    for second in range(6):
        index, call = client.ticks(2)
        assert index["instrument_token"] == INDEX
        assert index["tradable"] is False
        assert_prices(index, threaded.market.quotes[INDEX][second])
        assert call["instrument_token"] == CALL
        quote = threaded.market.quotes[CALL][second]
        assert_prices(call, quote)
        when = ist(quote.exchange_s * NS_PER_S).strftime("%Y-%m-%d %H:%M:%S")
        assert call["exchange_timestamp"] == call["last_trade_time"] == when
        assert (call["volume_traded"], call["oi"]) == (quote.volume, quote.oi)
        asked = [(level["price"], level["quantity"], level["orders"]) for level in call["depth"]["sell"]]
        assert asked == [(level.price / 100, level.quantity, level.orders) for level in quote.asks]


def assert_prices(tick: dict[str, Any], quote: Any) -> None:
    assert tick["last_price"] == quote.last_price / 100
    assert tick["ohlc"] == {name: getattr(quote, name) / 100 for name in ("open", "high", "low", "close")}
    assert tick["change"] == pytest.approx((quote.last_price - quote.close) * 100 / quote.close)


@pytest.mark.parametrize("mode", ["quote", "ltp"])
def test_lesser_modes_are_decoded_too(threaded: InThread, official: Callable[..., Official], mode: str) -> None:
    client = official(mode)
    client.ticks(2 if mode == "quote" else 4)
    threaded.advance_to(sent_at(0))
    index, call = client.ticks(2)

    assert (index["mode"], call["mode"]) == (mode, mode)
    assert call["last_price"] == 100.0


def test_an_order_s_fate_is_told(threaded: InThread, official: Callable[..., Official]) -> None:
    client = official("ltp")
    client.ticks(4)
    threaded.advance_to(sent_at(3))
    placed = threaded.call(place_market_order(threaded))
    threaded.advance_s(1)

    assert client.until("order")["data"]["status"] == "OPEN"
    told = client.until("order")["data"]
    assert told["order_id"] == placed
    assert told["status"] == "COMPLETE"
    assert told["average_price"] == 100.2
    assert told["checksum"] == ""


async def place_market_order(simulation: InThread) -> str:
    import httpx

    token = simulation.simulation.sessions.ready()
    form = {
        "exchange": "BFO",
        "tradingsymbol": CALL_SYMBOL,
        "transaction_type": "BUY",
        "quantity": "20",
        "product": "MIS",
        "order_type": "MARKET",
        "market_protection": "-1",
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(
            f"{simulation.urls['kite']}/orders/regular", data=form, headers={"Authorization": f"token simkey:{token}"}
        )
    number: str = response.json()["data"]["order_id"]
    return number


def test_an_error_text_is_told_and_the_connection_lives(threaded: InThread, official: Callable[..., Official]) -> None:
    client = official("ltp", more=tuple(range(100_000, 103_000)))

    assert client.until("error")["code"] == 0


def test_the_client_reconnects_after_a_drop_and_subscribes_again(
    threaded: InThread, official: Callable[..., Official]
) -> None:
    client = official("full")
    client.ticks(4)
    threaded.simulation.faults.add(b'{"fault": "drop", "count": 1}')
    threaded.loop.call_soon_threadsafe(threaded.simulation.ticker.strike, threaded.simulation.faults.showing("drop"))
    assert client.until("close")["code"] == 1006
    client.until("connect")

    assert [tick["mode"] for tick in client.ticks(4)] == ["quote", "quote", "full", "full"]


def test_a_wrong_token_is_told_as_403(official: Callable[..., Official]) -> None:
    told = official("full", token="wrong").until("error")

    assert told["code"] == 1006
    assert "403 - Forbidden" in told["reason"]
