"""Kite's REST answers become facts, and its errors say what to do."""

from __future__ import annotations

import json
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import NS_PER_S, ManualClock, SystemClock, ist_ns
from muhurat.errors import RateLimited, SessionExpired, VenueError
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.venues.base import Level, Profile
from muhurat.venues.kite.login import KiteToken
from muhurat.venues.kite.rest import KiteRest
from tests.venues.kite.rest_server import Answer, RestServer, failure, success

DAY = date(2026, 10, 8)
SENSEX = Instrument(265, 1, "SENSEX", "SENSEX", "BSE", "INDICES", InstrumentType.INDEX, None, Decimal(0), Decimal(0), 0)
PROFILE = {"user_id": "AB1234", "user_name": "Some One", "exchanges": ["BFO", "BSE"]}


def rest_on(server: RestServer, *, session: Any = None, clock: ManualClock | None = None) -> KiteRest:
    clock = clock or ManualClock()
    return KiteRest(server.root, session or (lambda: KiteToken("key", "token")), clock, wait=clock.advance)


def test_a_quote_keeps_prices_exact_and_drops_empty_levels(rest_server: RestServer) -> None:
    empty = {"price": 0, "quantity": 0, "orders": 0}
    option = {
        "instrument_token": 227999749,
        "timestamp": "2026-10-08 14:59:40",
        "last_trade_time": "2026-10-08 14:59:39",
        "last_price": 299.1,
        "volume": 5937425,
        "oi": 1000220,
        "lower_circuit_limit": 0.05,
        "upper_circuit_limit": 1118.4,
        "ohlc": {"open": 590, "high": 590, "low": 291, "close": 602.6},
        "depth": {"buy": [{"price": 298.25, "quantity": 65, "orders": 1}, empty], "sell": [empty, empty]},
    }
    rest_server.lay_down("/quote", success({"BFO:SENSEX26O0872500CE": option}))

    quotes = rest_on(rest_server).quotes(["BFO:SENSEX26O0872500CE", "BFO:UNKNOWN"])

    (quote,) = quotes.values()
    assert (quote.key, quote.token, quote.volume, quote.oi) == ("BFO:SENSEX26O0872500CE", 227999749, 5937425, 1000220)
    assert (quote.last_price, quote.close) == (Decimal("299.1"), Decimal("602.6"))
    assert (quote.lower_limit, quote.upper_limit) == (Decimal("0.05"), Decimal("1118.4"))
    assert quote.at_ns == ist_ns(DAY, time(14, 59, 40))
    assert (quote.bids, quote.asks) == ((Level(Decimal("298.25"), 65, 1),), ())
    assert rest_server.asked[0].query["i"] == ["BFO:SENSEX26O0872500CE", "BFO:UNKNOWN"]
    assert rest_server.asked[0].authorization == "token key:token"


def test_an_index_has_neither_book_nor_price_band(rest_server: RestServer) -> None:
    index = {
        "instrument_token": 265,
        "timestamp": "2026-10-08 14:59:39",
        "last_price": 71471.03,
        "ohlc": {"open": 72668, "high": 72693.97, "low": 71402.06, "close": 72638.7},
    }
    rest_server.lay_down("/quote", success({"BSE:SENSEX": index}))

    quote = rest_on(rest_server).quotes(["BSE:SENSEX"])["BSE:SENSEX"]

    assert (quote.last_price, quote.lower_limit, quote.upper_limit) == (Decimal("71471.03"), None, None)
    assert (quote.bids, quote.asks, quote.volume) == ((), (), 0)


def test_real_quotes_are_read(rest_server: RestServer, samples: Path) -> None:
    body = (samples / "kite" / "quote_2026-10-08_145940.json").read_bytes()
    rest_server.lay_down("/quote", Answer(200, body))

    quotes = rest_on(rest_server).quotes(list(json.loads(body)["data"]))

    assert {key: float(quote.last_price) for key, quote in quotes.items()} == {
        key: row["last_price"] for key, row in json.loads(body)["data"].items()
    }
    option = quotes["NFO:NIFTY26O1322000CE"]
    assert (len(option.bids), len(option.asks), option.upper_limit) == (5, 5, Decimal("1118.4"))


def test_many_keys_go_in_parts(rest_server: RestServer) -> None:
    rest_server.lay_down("/quote/ltp", success({"BSE:SENSEX": {"instrument_token": 265, "last_price": 71471.03}}))

    prices = rest_on(rest_server).last_prices([f"BFO:{number}" for number in range(1001)])

    assert prices == {"BSE:SENSEX": Decimal("71471.03")}
    assert [len(asked.query["i"]) for asked in rest_server.asked] == [1000, 1]


def test_calls_keep_to_kites_rate_in_real_time(rest_server: RestServer) -> None:
    clock = ManualClock()
    rest = rest_on(rest_server, clock=clock)
    rest_server.lay_down("/quote/ltp", success({}))

    for _ in range(4):
        rest.last_prices(["BSE:SENSEX"])

    assert 3.0 <= clock.monotonic() <= 3.3


def test_candles_become_bars_that_begin_in_the_asked_stretch(rest_server: RestServer) -> None:
    candles = [
        ["2026-10-08T09:15:00+0530", 72413.64, 72484.39, 72406.58, 72409.61, 0],
        ["2026-10-08T09:18:00+0530", 72409.5, 72450, 72400, 72440.25, 0],
        ["2026-10-08T09:21:00+0530", 72440, 72441, 72430, 72431, 0],
    ]
    rest_server.lay_down("/instruments/historical/265/3minute", success({"candles": candles}))
    start_ns, end_ns = ist_ns(DAY, time(9, 15)), ist_ns(DAY, time(9, 21))

    bars = rest_on(rest_server).candles(SENSEX, "3minute", start_ns, end_ns)

    assert [(bar.symbol, bar.start_ns, bar.end_ns) for bar in bars] == [
        ("SENSEX", start_ns, start_ns + 180 * NS_PER_S),
        ("SENSEX", start_ns + 180 * NS_PER_S, end_ns),
    ]
    assert (bars[0].open, bars[0].high, bars[0].low, bars[0].close) == (72413.64, 72484.39, 72406.58, 72409.61)
    asked = rest_server.asked[0].query
    assert (asked["from"], asked["to"]) == (["2026-10-08 09:15:00"], ["2026-10-08 09:20:59"])


def test_a_long_stretch_of_candles_is_asked_for_in_parts(rest_server: RestServer) -> None:
    rest_server.lay_down("/instruments/historical/265/minute", success({"candles": []}))

    bars = rest_on(rest_server).candles(
        SENSEX, "minute", ist_ns(date(2026, 1, 1), time(0)), ist_ns(date(2026, 5, 1), time(0))
    )

    assert bars == []
    assert [asked.query["from"] for asked in rest_server.asked] == [["2026-01-01 00:00:00"], ["2026-03-02 00:00:00"]]


def test_an_unknown_interval_names_the_known_ones() -> None:
    rest = KiteRest("http://127.0.0.1:9", lambda: KiteToken("k", "t"), SystemClock())

    with pytest.raises(VenueError, match="unknown interval '2minute'; known: minute, 3minute"):
        rest.candles(SENSEX, "2minute", 0, 1)


def test_margins_are_exact_to_the_paisa(rest_server: RestServer) -> None:
    margins = {
        "net": 99725.05000000002,
        "available": {"cash": 245431.6, "opening_balance": 245431.6},
        "utilised": {"debits": 145706.55},
    }
    rest_server.lay_down("/user/margins/equity", success(margins))

    found = rest_on(rest_server).margins()

    assert (found.available, found.used, found.opening) == (
        Decimal("99725.05"),
        Decimal("145706.55"),
        Decimal("245431.60"),
    )


def test_a_new_login_takes_effect_on_the_next_call(rest_server: RestServer) -> None:
    tokens = iter(["first", "second"])
    rest = rest_on(rest_server, session=lambda: KiteToken("key", next(tokens)))
    rest_server.lay_down("/user/profile", success(PROFILE))

    assert rest.profile() == Profile("AB1234", "Some One", ("BFO", "BSE"))
    rest.profile()

    assert [asked.authorization for asked in rest_server.asked] == ["token key:first", "token key:second"]


def test_a_dead_session_is_not_asked_again(rest_server: RestServer) -> None:
    rest_server.lay_down("/user/profile", failure(403, "TokenException", "Incorrect `api_key` or `access_token`."))

    with pytest.raises(SessionExpired, match="the profile: Incorrect") as raised:
        rest_on(rest_server).profile()

    assert "muhurat login" in raised.value.hint
    assert len(rest_server.asked) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        failure(429, "NetworkException", "Too many requests"),
        failure(503, "NetworkException"),
        failure(500, "GeneralException"),
        failure(502, None),
        Answer(502, b"<html>Bad Gateway</html>", "text/html"),
        Answer(200, b"{cut", "application/json"),
        Answer(200, b"[]", "application/json"),
        success({"user_id": "AB1234"}),
    ],
)
def test_passing_trouble_is_tried_again(rest_server: RestServer, trouble: Answer) -> None:
    rest_server.lay_down("/user/profile", trouble, trouble, success(PROFILE))

    assert rest_on(rest_server).profile().user_id == "AB1234"
    assert len(rest_server.asked) == 3


def test_lasting_trouble_is_told_after_a_few_tries(rest_server: RestServer) -> None:
    rest_server.lay_down("/user/profile", failure(429, "NetworkException", "Too many requests"))

    with pytest.raises(RateLimited, match="Too many requests"):
        rest_on(rest_server).profile()

    assert len(rest_server.asked) == 4


@pytest.mark.parametrize(
    ("status", "error_type"),
    [(400, "InputException"), (400, "MarginException"), (403, "UserException"), (403, "PermissionException")],
)
def test_a_refusal_is_final(rest_server: RestServer, status: int, error_type: str) -> None:
    rest_server.lay_down("/user/profile", failure(status, error_type, "because"))

    with pytest.raises(VenueError, match="the profile: because") as raised:
        rest_on(rest_server).profile()

    assert raised.value.permanent
    assert len(rest_server.asked) == 1


def test_an_unreachable_venue_is_no_mystery(rest_server: RestServer) -> None:
    rest = rest_on(rest_server)
    rest_server.close()

    with pytest.raises(VenueError, match="could not be reached") as raised:
        rest.profile()

    assert not raised.value.permanent
    assert "token" not in str(raised.value)
