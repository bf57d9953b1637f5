from __future__ import annotations

import pytest

from muhurat.errors import UsageError
from muhurat.trading.modelled import model_missing, modelled_bar
from muhurat.trading.parameters import Parameters
from muhurat.trading.recorded import read_symbol
from tests.trading.tables import CE, INDEX, PE, bar, contract

P = Parameters()
INDEX_BAR = bar(INDEX, "10:00 80000 80100 79900 80050")


def test_a_calls_candle_follows_the_index_and_a_puts_mirrors_it() -> None:
    call, put = modelled_bar(contract(CE), INDEX_BAR, P), modelled_bar(contract(PE), INDEX_BAR, P)

    assert call.low < call.open < call.close < call.high
    assert put.low < put.close < put.open < put.high
    assert call.modelled
    assert put.modelled
    assert all(round(price * 20, 6).is_integer() for price in (call.open, call.high, put.low, put.close))


def test_every_strike_a_signal_could_take_is_made_up_unless_it_has_candles() -> None:
    made, candles = model_missing([contract(CE), contract(PE)], [CE], [INDEX_BAR], P)

    strikes = sorted({int(each.strike) for each in made})
    assert strikes == [79_700, 79_800, 79_900, 80_000, 80_100]
    assert CE not in {each.symbol for each in made}
    assert PE in {each.symbol for each in made}
    assert len(candles) == len(made) == 9
    assert all(each.modelled for each in made)


def test_an_option_on_the_day_it_expires_is_worth_what_it_is_in_the_money() -> None:
    expiring = read_symbol("SENSEX26N1979000CE", INDEX, 20)
    assert expiring is not None

    late = modelled_bar(expiring, bar(INDEX, "15:27 80000"), P)

    assert late.close == pytest.approx(1_000, abs=1)
    assert modelled_bar(contract(PE, 79_000), bar(INDEX, "15:27 80000"), P).close == 0.05


def test_without_any_contract_nothing_can_be_made_up() -> None:
    with pytest.raises(UsageError, match="no option is known"):
        model_missing([], [], [INDEX_BAR], P)
