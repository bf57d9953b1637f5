"""What we write is read back with the official client's own parser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from muhurat.simulator.kite.wire import BLOCK_ROWS, HEARTBEAT, Encoder, Mode, encode_full, encode_quote, join
from muhurat.simulator.market.base import Level, Quote, Series
from tests.simulator.tiny_market import CALL, INDEX, TinyMarket, option_quote

prices = st.integers(0, 2**31 - 1)
counts = st.integers(0, 2**32 - 1)
levels = st.builds(Level, prices, st.integers(0, 2**31 - 1), st.integers(0, 2**16 - 1))
books = st.tuples(*[levels] * 5)
quotes = st.builds(
    Quote,
    exchange_s=st.integers(0, 2**31 - 1),
    last_price=prices,
    open=prices,
    high=prices,
    low=prices,
    close=prices,
    last_quantity=counts,
    average_price=prices,
    volume=counts,
    buy_quantity=counts,
    sell_quantity=counts,
    last_trade_time=st.integers(0, 2**31 - 1),
    oi=counts,
    oi_day_high=counts,
    oi_day_low=counts,
    bids=books,
    asks=books,
)
tradable_tokens = st.builds(
    lambda number, segment: number << 8 | segment, st.integers(1, 2**24 - 1), st.sampled_from([1, 2, 4, 5, 7])
)
index_tokens = st.builds(lambda number: number << 8 | 9, st.integers(0, 2**24 - 1))


def official(message: bytes) -> list[dict[str, Any]]:
    return KiteTicker("key", "token")._parse_binary(message)


def ohlc(quote: Quote) -> dict[str, float]:
    return {name: getattr(quote, name) / 100.0 for name in ("open", "high", "low", "close")}


@given(tradable_tokens, quotes)
def test_a_full_packet_says_all_of_a_quote(token: int, quote: Quote) -> None:
    [tick] = official(join([encode_quote(token, True, quote, Mode.FULL)]))

    assert tick["mode"] == "full"
    assert tick["instrument_token"] == token
    assert tick["last_price"] == quote.last_price / 100.0
    assert tick["last_traded_quantity"] == quote.last_quantity
    assert tick["average_traded_price"] == quote.average_price / 100.0
    assert tick["volume_traded"] == quote.volume
    assert (tick["total_buy_quantity"], tick["total_sell_quantity"]) == (quote.buy_quantity, quote.sell_quantity)
    assert tick["ohlc"] == ohlc(quote)
    assert (tick["oi"], tick["oi_day_high"], tick["oi_day_low"]) == (quote.oi, quote.oi_day_high, quote.oi_day_low)
    assert tick["last_trade_time"].timestamp() == quote.last_trade_time
    assert tick["exchange_timestamp"].timestamp() == quote.exchange_s
    told = [
        (level["price"], level["quantity"], level["orders"])
        for side in ("buy", "sell")
        for level in tick["depth"][side]
    ]
    assert told == [(level.price / 100.0, level.quantity, level.orders) for level in quote.bids + quote.asks]


@given(tradable_tokens, quotes, st.sampled_from([Mode.QUOTE, Mode.LTP]))
def test_shorter_modes_are_the_beginning_of_the_full_packet(token: int, quote: Quote, mode: Mode) -> None:
    full, short = (encode_quote(token, True, quote, each) for each in (Mode.FULL, mode))
    [tick] = official(join([short]))

    assert short[2:] == full[2 : len(short)]
    assert tick["mode"] == mode
    assert tick["last_price"] == quote.last_price / 100.0


@given(index_tokens, quotes)
def test_an_index_packet_has_its_own_order_of_prices(token: int, quote: Quote) -> None:
    full, short = official(join([encode_quote(token, False, quote, each) for each in (Mode.FULL, Mode.QUOTE)]))

    assert full["tradable"] is False
    assert full["ohlc"] == short["ohlc"] == ohlc(quote)
    assert full["last_price"] == short["last_price"] == quote.last_price / 100.0
    assert full["exchange_timestamp"].timestamp() == quote.exchange_s
    assert "exchange_timestamp" not in short


@pytest.mark.parametrize(
    ("tradable", "lengths"),
    [(True, {Mode.LTP: 8, Mode.QUOTE: 44, Mode.FULL: 184}), (False, {Mode.LTP: 8, Mode.QUOTE: 28, Mode.FULL: 32})],
)
def test_the_length_tells_the_kind(tradable: bool, lengths: dict[Mode, int]) -> None:
    for mode, length in lengths.items():
        packet = encode_quote(CALL if tradable else INDEX, tradable, option_quote(0), mode)

        assert int.from_bytes(packet[:2], "big") == length == len(packet) - 2


def test_the_price_change_of_an_index_may_be_negative() -> None:
    packet = encode_quote(
        INDEX, False, Quote(exchange_s=1, last_price=900, open=0, high=0, low=0, close=1000), Mode.FULL
    )

    assert int.from_bytes(packet[26:30], "big", signed=True) == -100


@pytest.mark.parametrize(("segment", "divisor"), [(3, 1e7), (6, 1e4), (12, 1e4), (1, 1e2)])
def test_prices_are_written_with_the_segment_s_divisor(segment: int, divisor: float) -> None:
    quote = option_quote(0, base=85_35)
    [tick] = official(join([encode_quote(7 << 8 | segment, True, quote, Mode.FULL)]))

    assert tick["last_price"] == 85.35
    assert tick["depth"]["buy"][0]["price"] == 85.3


@pytest.mark.parametrize("token", [CALL, INDEX])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_packet_of_a_series_is_that_of_its_quote(token: int, mode: Mode) -> None:
    market = TinyMarket(seconds=BLOCK_ROWS + 10)
    encoder = Encoder(market.series(token))

    for row in (0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 9, 3):
        expected = encode_quote(token, token != INDEX, market.quotes[token][row], mode)
        assert encoder.packet(row, mode) == expected


def test_a_message_of_many_packets_keeps_their_order() -> None:
    market = TinyMarket(seconds=50)
    encoder = Encoder(market.series(CALL))
    ticks = official(join([encoder.packet(row, Mode.FULL) for row in range(50)]))

    assert [tick["last_price"] for tick in ticks] == [quote.last_price / 100 for quote in market.quotes[CALL]]


def test_a_heartbeat_carries_no_packet() -> None:
    assert len(HEARTBEAT) == 1
    assert official(HEARTBEAT) == []


def test_our_encoder_writes_zerodha_s_own_packet(samples: Path) -> None:
    folder = samples / "kite"
    expected = (folder / "packets" / "mocks_ticker_full.raw.bin").read_bytes()
    told = json.loads((folder / "mocks" / "ticker_full.json").read_text())
    [tick] = official(b"\x00\x01" + len(expected).to_bytes(2, "big") + expected)
    quote = quote_of(tick)

    assert told["last_price"] == quote.last_price / 100
    assert encode_full(Series.of(tick["instrument_token"], True, [(0, quote)]))[2:] == expected


def quote_of(tick: dict[str, Any]) -> Quote:
    """A quote out of what the official client decoded."""

    def paise(price: float) -> int:
        return round(price * 100)

    def side(name: str) -> tuple[Level, ...]:
        return tuple(Level(paise(each["price"]), each["quantity"], each["orders"]) for each in tick["depth"][name])

    return Quote(
        exchange_s=int(tick["exchange_timestamp"].timestamp()),
        last_price=paise(tick["last_price"]),
        **{name: paise(price) for name, price in tick["ohlc"].items()},
        last_quantity=tick["last_traded_quantity"],
        average_price=paise(tick["average_traded_price"]),
        volume=tick["volume_traded"],
        buy_quantity=tick["total_buy_quantity"],
        sell_quantity=tick["total_sell_quantity"],
        last_trade_time=int(tick["last_trade_time"].timestamp()),
        oi=tick["oi"],
        oi_day_high=tick["oi_day_high"],
        oi_day_low=tick["oi_day_low"],
        bids=side("buy"),
        asks=side("sell"),
    )
