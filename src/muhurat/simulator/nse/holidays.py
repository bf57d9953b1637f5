"""The body of `/api/holiday-master`, from the package's own calendar (facts/nse.md §12)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from muhurat.calendars.calendar import Calendar
from muhurat.calendars.layer import HOLIDAY
from muhurat.calendars.session import SessionKind

SEGMENTS: Final = ("CBM", "CD", "CM", "CMOT", "COM", "EGR", "FO", "IRD", "MF", "NDM", "NTRP", "SLBS")
_FIXED: Final = {
    (1, 26): "Republic Day",
    (4, 14): "Dr. Baba Saheb Ambedkar Jayanti",
    (5, 1): "Maharashtra Day",
    (8, 15): "Independence Day",
    (10, 2): "Mahatma Gandhi Jayanti",
    (12, 25): "Christmas",
}
"""Holidays of a fixed date, which the exchange lists on weekends too."""


def holiday_master(calendar: Calendar, year: int) -> dict[str, list[dict[str, Any]]]:
    """The holidays of a year, the same for every segment; a Muhurat session is one with `*`, without its hours."""
    return {segment: list(_rows(calendar, year, segment == "COM")) for segment in SEGMENTS}


def _rows(calendar: Calendar, year: int, commodities: bool) -> Iterator[dict[str, Any]]:
    halves = {"morning_session": "Closed", "evening_session": "Open"} if commodities else {}
    number = 0
    day = date(year, 1, 1)
    while day.year == year:
        name = _holiday(calendar, day)
        if name is not None:
            number += 1
            yield {
                "tradingDate": f"{day:%d-%b-%Y}",
                "weekDay": f"{day:%A}",
                "description": name,
                "morning_session": None,
                "evening_session": None,
                **halves,
                "Sr_no": number,
            }
        day += timedelta(days=1)


def _holiday(calendar: Calendar, day: date) -> str | None:
    if not calendar.first <= day <= calendar.last:
        return None
    status = calendar.status(day)
    if status.kind == HOLIDAY:
        return status.name
    if status.kind == SessionKind.MUHURAT.value:
        return f"{status.name.partition(',')[0]}*"
    return _FIXED.get((day.month, day.day)) if not status.open else None
