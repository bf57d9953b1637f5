"""What the trader is given for a session, beyond what the desk file says."""

from __future__ import annotations

from datetime import date, time

import pytest

from muhurat.app.trader import _within
from muhurat.calendars.calendar import calendar_for
from muhurat.trading.parameters import Parameters


@pytest.mark.parametrize(
    ("day", "last_entry", "square_off"),
    [
        (date(2025, 9, 2), time(15, 0), time(15, 20)),
        (date(2026, 11, 20), time(15, 0), time(15, 20)),
        (date(2025, 10, 21), time(14, 15), time(14, 35)),  # Muhurat, 13:45 to 14:45
        (date(2024, 11, 1), time(18, 30), time(18, 50)),  # Muhurat, 18:00 to 19:00
    ],
)
def test_positions_are_left_before_every_sessions_close(day: date, last_entry: time, square_off: time) -> None:
    session = calendar_for("XBOM", "FO").session(day)
    assert session is not None
    fitted = _within(session, Parameters())
    assert (fitted.last_entry_time, fitted.square_off_time) == (last_entry, square_off)
