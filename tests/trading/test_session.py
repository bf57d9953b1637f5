from __future__ import annotations

from dataclasses import replace

import pytest

from muhurat.calendars.session import Window
from tests.trading.live import facts
from tests.trading.tables import at

TWO_WINDOWS = replace(facts(), windows=(Window(at("09:15"), at("10:00")), Window(at("11:31"), at("12:30"))))


@pytest.mark.parametrize(
    ("instant", "label"),
    [
        ("09:00", "09:15"),
        ("09:15", "09:15"),
        ("09:17:59", "09:15"),
        ("09:18", "09:18"),
        ("11:31", "11:31"),
        ("11:35", "11:34"),
    ],
)
def test_a_bar_is_labelled_from_the_open_of_its_window(instant: str, label: str) -> None:
    assert TWO_WINDOWS.label_of(at(instant)) == at(label)


def test_a_session_squares_off_at_its_time_and_ends_when_its_last_bar_has_closed() -> None:
    assert facts().square_off_ns == at("15:20")
    assert facts().end_ns == at("15:30:05")
    assert TWO_WINDOWS.end_ns == at("12:30:05")
