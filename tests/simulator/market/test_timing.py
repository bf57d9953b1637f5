from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.simulator.market.hours import Exchange
from muhurat.simulator.market.timing import packet_seconds, send_instants

SECONDS = Exchange().hours(date(2025, 9, 2)).seconds


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.integers(0, 1000), st.floats(0.5, 120.0), st.integers(0, 40))
def test_packets_lie_within_the_session_at_most_one_a_second_with_the_least_number_in_every_bar(seed, mean, at_least):
    chosen = packet_seconds(random(seed), SECONDS, mean, at_least)

    assert (np.diff(chosen) > 0).all()
    assert np.isin(chosen, SECONDS).all()
    assert np.bincount((chosen - SECONDS[0]) // 180, minlength=125).min() >= at_least


def test_the_number_of_packets_follows_the_mean():
    assert len(packet_seconds(random(), SECONDS, 54.0, 40)) / 125 == pytest.approx(54.0, rel=0.05)


def test_an_instrument_too_quiet_for_any_packet_has_one():
    assert len(packet_seconds(random(), SECONDS[:60], 0.0, 0)) == 1


def test_packets_come_on_the_very_edge_of_many_bars():
    chosen = packet_seconds(random(), SECONDS, 30.0, 20)

    assert 25 <= np.count_nonzero(chosen % 180 == 0) <= 120


def test_the_delay_is_as_measured_on_a_real_account():
    chosen = packet_seconds(random(), SECONDS, 54.0, 20)

    delay_s = (send_instants(random(2), chosen) - chosen * 10**9) / 1e9

    assert 0.5 <= np.median(delay_s) <= 0.7
    assert 1.0 <= np.quantile(delay_s, 0.95) <= 1.2
    assert delay_s.min() > 0.0
    assert delay_s.max() <= 1.2


@given(st.integers(0, 1000), st.floats(1.0, 180.0))
def test_packets_are_sent_in_order_at_four_instants_a_second(seed, mean):
    chosen = packet_seconds(random(seed), SECONDS, mean, 0)

    instants = send_instants(random(seed + 1), chosen)

    assert (np.diff(instants) > 0).all()
    assert set(np.unique(instants % 10**9)) <= {100_000_000, 350_000_000, 600_000_000, 850_000_000}
