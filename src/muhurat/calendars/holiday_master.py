"""NSE's holiday master: the JSON body of `/api/holiday-master?type=trading`.

    {"CM": [{"tradingDate": "26-Jan-2026", "weekDay": "Monday", "description": "Republic Day", "Sr_no": 2, ...}, ...],
     "FO": [...], "CD": [...], ...}

One year, one list per segment, weekends included. A `*` at the end of a description marks a Muhurat session; its hours
are not in the body, nor is any other special session. A body that lacks a weekday holiday that is known is refused:
either the exchange has taken the holiday back, which wants its circular, or the body is not whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from muhurat.calendars.layer import HOLIDAY, Entry, Layer
from muhurat.calendars.session import SessionKind
from muhurat.errors import CalendarError


def is_holiday_master(text: str) -> bool:
    """Whether a text is a JSON object rather than a calendar file."""
    return text.lstrip().startswith("{")


def layer_of_master(text: str, origin: str, base: Layer, known: Mapping[tuple[str, date], Entry]) -> Layer:
    """Make a layer of a holiday-master body. Raises `CalendarError` for another body, or a known holiday missing."""
    days: dict[tuple[str, date], Entry] = {}
    for segment in base.segments:
        days |= {(segment, day): entry for day, entry in _entries(_body(text, origin), segment, origin)}
    years = {day.year for _, day in days}
    if len(years) != 1:
        raise CalendarError(f"{origin} speaks of the years {sorted(years)}; a holiday master is of one year")
    year = years.pop()
    missing = sorted(
        f"{day} {segment} ({entry.name}, {entry.source})"
        for (segment, day), entry in known.items()
        if day.year == year and entry.kind == HOLIDAY and (segment, day) not in days
    )
    if missing:
        raise CalendarError(
            f"{origin} lacks holidays that are known:\n" + "\n".join(f"  {line}" for line in missing),
            hint="if one was taken back, write it as a `regular` line with replaces = true and its circular",
        )
    weekdays = {key: entry for key, entry in days.items() if entry.is_open or key[1].weekday() < 5}
    covers = date(year, 1, 1), date(year, 12, 31)
    return Layer(origin, base.mic, segments=base.segments, covers=covers, days=weekdays)


def _body(text: str, origin: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise CalendarError(f"{origin} is not JSON: {error}") from error
    return dict(body)


def _entries(body: Mapping[str, Any], segment: str, origin: str) -> Iterator[tuple[date, Entry]]:
    rows = body.get(segment)
    if not isinstance(rows, list) or not rows:
        raise CalendarError(f"{origin} has no holidays of {segment}: it is no holiday master of type trading")
    for row in rows:
        try:
            day = datetime.strptime(row["tradingDate"], "%d-%b-%Y").date()  # noqa: DTZ007
            description = str(row["description"]).strip()
        except (KeyError, TypeError, ValueError) as error:
            raise CalendarError(f"{origin}: {segment} has the row {row!r}, which is no holiday: {error}") from error
        if description.endswith("*"):
            name = f"{description.rstrip('* ')}, Muhurat trading"
            yield day, Entry(SessionKind.MUHURAT, name, f"NSE holiday master ({origin}): timings to be notified")
        else:
            yield day, Entry(HOLIDAY, description, f"NSE holiday master ({origin})")
