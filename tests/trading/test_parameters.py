from __future__ import annotations

from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from muhurat.config import load_desk
from muhurat.errors import UsageError
from muhurat.trading.parameters import Limits, Parameters, from_desk, with_settings


def test_settings_are_given_by_name_in_the_kind_of_their_value() -> None:
    parameters, limits = with_settings(
        Parameters(),
        Limits(),
        [
            "min_signal_strength=75",
            "indicators.ema_short_period=9",
            "premium_confirmation=off",
            "premium_check=tick",
            "last_entry_time=14:30",
            "risk_management.max_daily_loss=10000.50",
            "max_trades_per_day=5",
        ],
    )

    assert (parameters.min_signal_strength, parameters.ema_short_period) == (75.0, 9)
    assert (parameters.premium_confirmation, parameters.premium_check) == (False, "tick")
    assert parameters.last_entry_time == time(14, 30)
    assert (limits.max_daily_loss, limits.max_trades_per_day) == (Decimal("10000.50"), 5)


@pytest.mark.parametrize(
    ("setting", "said", "hint"),
    [
        ("max_trade=3", "unknown setting 'max_trade'", "did you mean 'max_trades_per_day'?"),
        ("zzz=3", "unknown setting 'zzz'", "known: afternoon_from"),
        ("max_trades_per_day", "is no setting", "--set KEY=VALUE"),
        ("max_trades_per_day=many", "max_trades_per_day cannot be 'many'", "for example 3"),
        ("max_trades_per_day=-1", "cannot be '-1'", "for example 3"),
        ("max_daily_loss=1e", "cannot be '1e'", "for example 25000"),
        ("max_daily_loss=NaN", "cannot be 'NaN'", ""),
        ("max_daily_loss=0", "max_daily_loss cannot be '0'", "above 0"),
        ("proximity_threshold=0.0", "proximity_threshold cannot be '0.0'", "above 0"),
        ("take_profit_points=inf", "cannot be 'inf'", ""),
        ("premium_confirmation=perhaps", "cannot be 'perhaps'", ""),
        ("premium_check=always", "premium_check cannot be 'always'", "known: bar_close, tick, off"),
        ("last_entry_time=25:00", "cannot be '25:00'", "15:00:00"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_hint(setting: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        with_settings(Parameters(), Limits(), [setting])
    assert hint in error.value.hint


def test_the_desk_files_trading_section_is_taken_over_name_by_name(tmp_path: Path) -> None:
    source = tmp_path / "desk.yaml"
    source.write_text(
        """
desk: {name: x}
venues: {kite: {}}
feeds: {sensex_desk: {venue: kite, universe: sensex_atm}}
trading:
  paper_capital: 750000
  last_entry_time: "14:45"
  indicators: {min_signal_strength: 85}
  risk_management: {max_daily_loss: 12000, premium_check: tick}
"""
    )
    trading = load_desk(source).trading
    assert trading is not None

    parameters, limits = from_desk(trading)

    assert (parameters.last_entry_time, parameters.min_signal_strength) == (time(14, 45), 85.0)
    assert (parameters.premium_check, parameters.stop_loss_percent) == ("tick", Decimal(2))
    assert (limits.paper_capital, limits.max_daily_loss, limits.max_trades_per_day) == (750_000, 12_000, 3)


def test_the_desk_files_defaults_are_the_missions() -> None:
    from muhurat.config import TradingSection

    assert from_desk(TradingSection()) == (Parameters(), Limits())
