from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from muhurat.simulator.market.calibration import implied_carry, implied_index, implied_level, real_options
from muhurat.simulator.market.candle_files import Row, bars_of
from muhurat.simulator.market.hours import Exchange
from muhurat.simulator.market.listing import ExpiryRule, parse_symbol
from muhurat.simulator.market.pricing import RATE, smile
from tests.simulator.market.candle_samples import EXPIRY, TUESDAY, index_rows, option_rows

EXCHANGE = Exchange()
RULE = ExpiryRule(EXCHANGE)


def paise(rows):
    return bars_of(Row(start, *(round(price * 100) for price in prices), volume) for start, *prices, volume in rows)


INDEX = index_rows(TUESDAY)
BARS = paise(INDEX)


def options(strikes: dict[str, float], vol: float = 0.12):
    rows = [parse_symbol(symbol, RULE) for symbol in strikes]
    bars = {row.token: paise(option_rows(INDEX, strikes[row.symbol], row.symbol.endswith("CE"), vol)) for row in rows}
    return real_options(rows, bars)


PAIR = options({"SENSEX2591180100CE": 80_100.0, "SENSEX2591180100PE": 80_100.0})


def spot_at(seconds):
    return np.interp(seconds, BARS.start_s + 179, BARS.close / 100.0)


def test_a_pair_of_options_implies_the_rate_its_prices_were_made_with():
    assert implied_carry(PAIR, spot_at, EXCHANGE.expiry_close_s) == pytest.approx(RATE, abs=0.002)


def test_without_a_pair_the_carry_is_the_ordinary_rate():
    assert implied_carry(PAIR[:1], spot_at, EXCHANGE.expiry_close_s) == RATE


def test_options_imply_the_volatility_their_prices_were_made_with():
    ends, levels = implied_level(PAIR, RATE, spot_at, EXCHANGE.expiry_close_s)

    # The candles were priced without a smile, so the level at the strike is the volatility less the smile there.
    years = (EXCHANGE.expiry_close_s(EXPIRY) - ends) / (365 * 86_400)
    at_strike = levels * smile(spot_at(ends) * np.exp(RATE * years), 80_100.0, levels, years)
    assert ends.tolist() == (BARS.start_s + 179).tolist()
    assert at_strike == pytest.approx(0.12, abs=0.002)


def test_options_far_from_the_money_say_nothing_of_the_level():
    ends, levels = implied_level(options({"SENSEX2591190000CE": 90_000.0}), RATE, spot_at, EXCHANGE.expiry_close_s)

    assert len(ends) == len(levels) == 0


def test_the_index_follows_from_put_call_parity():
    implied = implied_index(PAIR, EXCHANGE.expiry_close_s)

    assert implied is not None
    assert implied.start_s.tolist() == BARS.start_s.tolist()
    assert implied.close / 100.0 == pytest.approx(BARS.close / 100.0, abs=0.2)
    assert (implied.high == np.maximum(implied.open, implied.close)).all()


def test_calls_alone_do_not_imply_an_index():
    assert implied_index(PAIR[:1], EXCHANGE.expiry_close_s) is None


def test_the_expiry_of_the_pair_is_the_symbol_s():
    assert {option.row.expiry for option in PAIR} == {date(2025, 9, 11)}
