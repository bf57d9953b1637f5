"""The stocks beside SENSEX: enough of them, the exchanges' own contracts, and a day that holds together."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest

from muhurat.clock import NS_PER_S
from muhurat.model.instrument import InstrumentType
from muhurat.simulator.market.base import SimInstrument, UnknownToken
from muhurat.simulator.reference.exchange import ReferenceData
from muhurat.simulator.stocks.market import StockMarket, WithStocks
from tests.simulator.tiny_market import INDEX, TinyMarket

DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def market() -> StockMarket:
    return StockMarket(DAY, 7)


def listed(market: StockMarket, exchange: str, *kinds: InstrumentType) -> list[SimInstrument]:
    rows = (each for each in market.instruments() if each.instrument.exchange == exchange)
    return [each for each in rows if each.instrument.type in kinds]


def test_there_is_enough_for_the_crawler(market: StockMarket) -> None:
    futures = Counter(each.instrument.name for each in listed(market, "NFO", InstrumentType.FUTURE))
    options = {each.instrument.name for each in listed(market, "NFO", InstrumentType.CALL)}
    assert sum(count == 3 for name, count in futures.items() if name in options) >= 75
    assert len(listed(market, "BFO", InstrumentType.FUTURE)) == 3
    assert {each.instrument.name for each in listed(market, "BFO", InstrumentType.PUT)} == {"BANKEX"}
    assert len(listed(market, "BSE", InstrumentType.EQUITY)) >= 30
    tokens = [each.token for each in market.instruments()]
    assert len(set(tokens)) == len(tokens)
    assert max(tokens) < 2**32


def test_contracts_are_those_of_the_exchanges_own_files(market: StockMarket) -> None:
    contracts = ReferenceData("XNSE", 7).futures_and_options(DAY).contracts
    known = dict(zip(contracts.name, contracts.token.tolist(), strict=True))

    mine = listed(market, "NFO", InstrumentType.FUTURE, InstrumentType.CALL, InstrumentType.PUT)
    assert {each.instrument.symbol: each.instrument.exchange_token for each in mine}.items() <= known.items()
    assert {each.token & 0xFF for each in mine} == {2}


def test_some_strikes_at_the_edges_are_listed_late(market: StockMarket) -> None:
    late = [each.instrument for each in market.instruments() if each.late]

    assert late
    assert all(row.type.is_option for row in late)
    assert len(late) < len(market.instruments()) / 3


@pytest.mark.parametrize("kind", list(InstrumentType))
def test_the_packets_of_a_day_hold_together(market: StockMarket, kind: InstrumentType) -> None:
    exchange = "BSE" if kind in (InstrumentType.INDEX, InstrumentType.EQUITY) else "NFO"
    series = market.series(listed(market, exchange, kind)[0].token)

    assert (np.diff(series.exchange_s) >= 1).all(), "at most one packet a second"
    assert (np.diff(series.send_ns) > 0).all()
    assert (series.send_ns > series.exchange_s * NS_PER_S).all()
    assert (series.last_price >= series.low).all()
    assert (series.last_price <= series.high).all()
    assert (np.diff(series.volume) >= 0).all()
    if series.tradable:
        book = series.depth[0 : len(series)]
        bids, asks = book[:, :5, 0], book[:, 5:, 0]
        assert (bids[:, 0] < asks[:, 0]).all()
        assert (np.diff(bids, axis=1)[bids[:, 1:] > 0] < 0).all()
        assert (np.diff(asks, axis=1) > 0).all()
        assert (book[:, :, 1] >= 0).all()
        assert series.quote(5).bids[0].price == int(series.depth[5][0, 0])


def test_the_state_is_the_last_packet_that_was_sent(market: StockMarket) -> None:
    token = listed(market, "NFO", InstrumentType.CALL)[0].token
    series = market.series(token)
    before = market.state(token, int(series.send_ns[0]) - 10**12)

    assert market.state(token, int(series.send_ns[100])) == series.quote(100)
    assert (before.volume, before.last_price) == (0, before.close)
    assert before.oi > 0
    assert before.bids[0].price == 0
    assert market.state(token, int(series.send_ns[-1]) + 10**12).bids[0].price == 0


def test_candles_are_those_of_the_packets(market: StockMarket) -> None:
    token = listed(market, "NFO", InstrumentType.FUTURE)[0].token
    series = market.series(token)
    begin_ns = int(series.exchange_s[0]) * NS_PER_S

    candles = market.candles(token, 3, begin_ns - 60 * NS_PER_S, begin_ns + 86_400 * NS_PER_S)

    assert candles[0].open == series.last_price[0]
    assert candles[-1].close == series.last_price[-1]
    assert sum(candle.volume for candle in candles) == series.volume[-1]


def test_one_seed_gives_one_day_whatever_is_asked_first(market: StockMarket) -> None:
    again = StockMarket(DAY, 7)
    tokens = [each.token for each in listed(market, "NFO", InstrumentType.PUT)[:3]]
    for token in reversed(tokens):
        assert (again.series(token).last_price == market.series(token).last_price).all()
    assert market.source == "synthetic"


def test_beside_real_candles_all_of_it_is_marked_as_made_up() -> None:
    assert all(each.modelled for each in StockMarket(DAY, 7, modelled=True).instruments())


def test_two_markets_are_one(market: StockMarket) -> None:
    both = WithStocks(TinyMarket(), market)
    stock = listed(market, "NFO", InstrumentType.FUTURE)[0].token
    from_ns = int(market.series(stock).send_ns[0])

    assert len(both.instruments()) == len(market.instruments()) + 3
    assert both.series(stock) is market.series(stock)
    assert both.state(INDEX, from_ns).last_price > 0
    frames = list(both.frames([INDEX, stock], from_ns, from_ns + 30 * NS_PER_S))
    assert {token for frame in frames for token in frame.tokens} == {INDEX, stock}
    assert both.candles(stock, 3, from_ns, from_ns + 10**12) == market.candles(stock, 3, from_ns, from_ns + 10**12)
    with pytest.raises(UnknownToken):
        market.series(1)
