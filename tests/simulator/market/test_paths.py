from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from muhurat.simulator.market.hours import Exchange
from muhurat.simulator.market.paths import closing_level, closing_vol, nifty_points, synthetic_path, wander

EXCHANGE = Exchange()
HOURS = EXCHANGE.hours(date(2026, 11, 20))


def test_a_path_ends_at_the_day_s_closing_level_and_opens_near_the_close_before():
    path = synthetic_path(5, HOURS, date(2026, 11, 19))

    assert path.spot[-1] == pytest.approx(closing_level(5, date(2026, 11, 20)))
    assert path.vol[-1] == pytest.approx(closing_vol(5, date(2026, 11, 20)))
    assert path.spot[0] == pytest.approx(closing_level(5, date(2026, 11, 19)), rel=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_a_day_moves_as_an_index_does(seed):
    path = synthetic_path(seed, HOURS, date(2026, 11, 19))

    assert 0.003 < path.spot.max() / path.spot.min() - 1 < 0.03
    assert 0.05 < path.vol.min() <= path.vol.max() < 0.4
    assert np.abs(np.diff(np.log(path.spot))).max() < 0.002


def test_the_first_half_hour_is_livelier_than_midday():
    moves = [np.diff(np.log(synthetic_path(seed, HOURS, date(2026, 11, 19)).spot)) for seed in range(8)]

    assert np.std([one[:1800] for one in moves]) > 1.2 * np.std([one[9000:12600] for one in moves])


def test_a_path_between_given_levels_keeps_them():
    path = wander(3, HOURS, (80_000.0, 80_400.0), (0.12, 0.14))

    assert (path.spot[0], path.spot[-1]) == (pytest.approx(80_000.0), pytest.approx(80_400.0))
    assert (path.vol[0], path.vol[-1]) == (pytest.approx(0.12), pytest.approx(0.14))


def test_nifty_goes_with_sensex():
    path = synthetic_path(5, HOURS, date(2026, 11, 19))

    assert np.corrcoef(path.spot, nifty_points(path, 5, HOURS.day, 256265))[0, 1] > 0.95
