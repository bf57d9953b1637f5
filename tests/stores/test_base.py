"""The number by which a tick is known."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.capture.journal import Position
from muhurat.errors import StoreError
from muhurat.stores.base import MOST_PACKETS, MOST_RECORDS, hour_name, hour_number, make_seq

HOURS = st.datetimes(datetime(1971, 1, 1), datetime(2088, 1, 1)).map(  # noqa: DTZ001
    lambda moment: f"{moment:%Y%m%d_%H}00"
)


@given(HOURS)
def test_an_hours_number_leads_back_to_the_hour(hour: str) -> None:
    assert hour_name(hour_number(hour)) == hour


@given(HOURS, st.integers(0, MOST_RECORDS - 1), st.integers(0, MOST_PACKETS - 1))
def test_it_is_the_seq_of_the_journals_position(hour: str, record: int, packet: int) -> None:
    (seq,) = make_seq(hour, np.array([record]), np.array([packet]))
    assert int(seq) == Position(hour, record).seq(packet)


def test_later_hours_records_and_packets_have_greater_ones() -> None:
    places = [("20250902_0900", 5, 7), ("20250902_0900", 5, 8), ("20250902_0900", 6, 0), ("20250902_1000", 0, 0)]
    seqs = [int(make_seq(hour, np.array([record]), np.array([packet]))[0]) for hour, record, packet in places]
    assert seqs == sorted(set(seqs))


@pytest.mark.parametrize(("record", "packet"), [(0, MOST_PACKETS), (MOST_RECORDS, 0)])
def test_what_does_not_fit_is_refused(record: int, packet: int) -> None:
    with pytest.raises(StoreError, match="do not fit into a seq"):
        make_seq("20250902_0900", np.array([record]), np.array([packet]))


@pytest.mark.parametrize("name", ["", "20250902", "20250902_0930", "20251302_0900"])
def test_a_name_that_is_no_hour_is_refused(name: str) -> None:
    with pytest.raises(StoreError, match="is no journal hour"):
        hour_number(name)
