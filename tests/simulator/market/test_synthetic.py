from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from muhurat.clock import NS_PER_S
from muhurat.errors import CalendarError
from muhurat.model.instrument import InstrumentType
from muhurat.simulator.market import DAY_MINUTES, SyntheticMarket
from muhurat.simulator.market.base import NO_BOOK, QUOTE_COLUMNS, UnknownToken

FRIDAY = date(2026, 11, 20)
SENSEX = 265


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(FRIDAY, 7)


def near(market: SyntheticMarket, strikes: int = 5) -> list[int]:
    """The indices, the futures and the options of the current expiry around the money."""
    spot = market.state(SENSEX, 2**62).open / 100
    rows = [entry.instrument for entry in market.instruments()]
    current = min(row.expiry for row in rows if row.type.is_option)
    return [
        row.token
        for row in rows
        if not row.type.is_option or (row.expiry == current and abs(float(row.strike) - spot) <= 100 * strikes)
    ]


def same(left: SyntheticMarket, right: SyntheticMarket, token: int) -> bool:
    one, other = left.series(token), right.series(token)
    names = (*QUOTE_COLUMNS, "send_ns", "depth")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_one_seed_makes_one_day_in_whatever_order_it_is_read(market):
    again = SyntheticMarket(FRIDAY, 7)
    tokens = near(market, 1)

    for token in reversed(tokens):
        again.candles(token, 3, 0, 2**62)
        again.series(token)

    assert again.instruments() == market.instruments()
    assert all(same(market, again, token) for token in tokens)


def test_another_seed_makes_another_day(market):
    assert not same(market, SyntheticMarket(FRIDAY, 8), SENSEX)


def test_liquid_instruments_have_twenty_packets_in_every_bar(market):
    for token in near(market):
        if token == 264969:  # INDIA VIX changes rarely
            continue
        exchange_s = market.series(token).exchange_s
        entry = next(one for one in market.instruments() if one.token == token)
        if entry.instrument.type is InstrumentType.FUTURE and entry.instrument.expiry.month == 12:
            continue
        bars = np.bincount((exchange_s - exchange_s[0] // 180 * 180) // 180)
        assert bars[: len(bars) - 1].min() >= 20, entry.instrument.symbol


def test_about_one_contract_in_twenty_is_silent_for_a_minute_at_any_time(market):
    shares = []
    for entry in market.instruments()[::5]:
        if entry.instrument.type.is_option:
            exchange_s = market.series(entry.token).exchange_s
            shares.append(np.maximum(np.diff(exchange_s) - 60, 0).sum() / (exchange_s[-1] - exchange_s[0]))

    assert 0.02 < np.mean(shares) < 0.10


def test_packets_are_sound(market):
    for token in near(market):
        series = market.series(token)
        assert (np.diff(series.send_ns) > 0).all()
        assert (np.diff(series.volume) >= 0).all()
        assert (series.low <= series.last_price).all()
        assert (series.last_price <= series.high).all()
        assert series.open[0] == series.last_price[0]
        if series.tradable:
            assert (series.last_price % 5 == 0).all()
            assert (series.depth[:, 0, 0] < series.depth[:, 5, 0]).all()
            assert series.volume[-1] > 0


def test_calls_fall_and_puts_rise_with_the_strike_and_parity_holds_within_the_noise(market):
    noon = 1_795_156_200 * NS_PER_S
    quotes = {
        (row.type, int(row.strike)): market.state(row.token, noon).last_price / 100
        for entry in market.instruments()
        if (row := entry.instrument).type.is_option and row.expiry == date(2026, 11, 26)
    }
    spot = market.state(SENSEX, noon).last_price / 100
    near_money = [int(round(spot, -2)) + 200 * step for step in range(-4, 5)]
    calls = [quotes[InstrumentType.CALL, strike] for strike in near_money]
    puts = [quotes[InstrumentType.PUT, strike] for strike in near_money]

    assert calls == sorted(calls, reverse=True)
    assert puts == sorted(puts)
    for strike, call, put in zip(near_money, calls, puts, strict=True):
        assert call - put == pytest.approx(spot - strike, abs=150.0)


def test_the_previous_close_is_the_last_candle_of_the_session_before(market):
    for token in near(market, 1):
        candles = market.candles(token, 3, 0, market.series(token).send_ns[0] - 3600 * NS_PER_S)

        assert candles[-1].close == market.series(token).close[0]
        assert len(candles) in (125, 129)


def test_the_session_before_is_the_one_that_its_own_day_shows(market):
    thursday = SyntheticMarket(date(2026, 11, 19), 7)
    token = near(market, 1)[3]

    then = [
        (one.start_s, one.open, one.high, one.low, one.close, one.volume)
        for one in thursday.candles(token, 3, 0, 2**62)
    ]
    now = [
        (one.start_s, one.open, one.high, one.low, one.close, one.volume) for one in market.candles(token, 3, 0, 2**62)
    ]

    assert set(now) & set(then) == {row for row in then if row[0] >= now[0][0]}
    assert len(set(now) & set(then)) >= 125


def test_before_the_open_a_quote_has_yesterday_s_close_and_open_interest_and_no_book(market):
    token = next(one for one in near(market) if one & 0xFF == 5)
    morning = (market.series(token).exchange_s[0] // 86_400 * 86_400 + 3 * 3600) * NS_PER_S

    quote = market.state(token, morning)

    assert quote.last_price == quote.close == market.series(token).close[0]
    assert quote.oi > 0
    assert quote.volume == 0
    assert quote.bids == quote.asks == NO_BOOK
    assert quote.exchange_s < market.series(token).exchange_s[0] - 8 * 3600


def test_during_the_day_a_quote_is_the_last_packet_sent_and_after_the_close_it_has_no_book(market):
    token = next(one for one in near(market) if one & 0xFF == 5)
    series = market.series(token)

    assert market.state(token, int(series.send_ns[100])) == series.quote(100)
    assert market.state(token, int(series.send_ns[101]) - 1) == series.quote(100)
    late = market.state(token, int(series.send_ns[-1]) + 3600 * NS_PER_S)
    assert late.last_price == series.last_price[-1]
    assert late.bids == late.asks == NO_BOOK


def test_the_running_candle_ends_at_the_present(market):
    series = market.series(SENSEX)
    now_ns = (int(series.exchange_s[0]) // 180 * 180 + 180 * 10 + 60) * NS_PER_S

    candles = market.candles(SENSEX, 3, int(series.send_ns[0]) - 3 * NS_PER_S, 2**62, at_ns=now_ns)

    seen = series.last_price[series.exchange_s * NS_PER_S <= now_ns]
    assert len(candles) == 11
    assert candles[-1].close == seen[-1]
    assert max(one.high for one in candles) == seen.max()


def test_daily_candles_cover_both_sessions(market):
    before, today = market.candles(SENSEX, DAY_MINUTES, 0, 2**62)

    assert today.open == market.series(SENSEX).open[0]
    assert today.high == market.series(SENSEX).high[-1]
    assert before.close == market.series(SENSEX).close[0]


def test_frames_hold_what_the_series_hold(market):
    tokens = near(market, 0)[:4]
    low = int(market.series(SENSEX).send_ns[0])
    frames = list(market.frames(tokens, low, low + 60 * NS_PER_S))

    sent = {(token, row) for frame in frames for token, row in zip(frame.tokens, frame.rows, strict=True)}
    expected = {
        (token, int(row))
        for token in tokens
        for row in np.flatnonzero(
            (market.series(token).send_ns >= low) & (market.series(token).send_ns < low + 60 * NS_PER_S)
        )
    }
    assert sent == expected
    assert all(
        market.series(t).send_ns[r] == frame.send_ns
        for frame in frames
        for t, r in zip(frame.tokens, frame.rows, strict=True)
    )


@pytest.mark.parametrize(
    ("day", "index_bars", "option_bars"),
    [
        (date(2025, 10, 21), 20, 20),
        (date(2024, 3, 2), 35, 35),
        (date(2026, 12, 10), 125, 125),
        (date(2026, 10, 8), 125, 129),
    ],
)
def test_special_sessions_have_the_length_their_calendar_gives(day, index_bars, option_bars):
    market = SyntheticMarket(day, 2)
    spot = market.state(SENSEX, 2**62).open / 100
    options = [one.instrument for one in market.instruments() if one.instrument.type.is_option]
    current = min(options, key=lambda row: (row.expiry, abs(float(row.strike) - spot)))

    bars = [len(np.unique(market.series(token).exchange_s // 180)) for token in (SENSEX, current.token)]

    assert bars == [index_bars, option_bars]


def test_an_expiring_option_ends_near_its_intrinsic_value():
    market = SyntheticMarket(date(2026, 12, 10), 4)
    spot = market.series(SENSEX).last_price[-1] / 100
    row = next(
        one.instrument
        for one in market.instruments()
        if one.instrument.expiry == date(2026, 12, 10)
        and one.instrument.type is InstrumentType.CALL
        and 800 < spot - float(one.instrument.strike) < 900
    )

    assert market.series(row.token).last_price[-1] / 100 == pytest.approx(spot - float(row.strike), abs=30)


def test_a_closed_day_and_an_unknown_token_are_refused(market):
    with pytest.raises(CalendarError):
        SyntheticMarket(date(2026, 11, 24), 1)
    with pytest.raises(UnknownToken, match="999"):
        market.series(999)
    with pytest.raises(UnknownToken):
        market.state(999, 0)
