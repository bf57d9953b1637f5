"""Open, high, low and close of NSE's indices, from two sources.

* `ind_close_all_<DDMMYYYY>.csv` in the archives: all indices of one day in one file, with `-` where there is nothing:
  `Index Name,Index Date,Open Index Value,High Index Value,Low Index Value,Closing Index Value,Points Change,Change(%),
  Volume,Turnover (Rs. Cr.),P/E,P/B,Div Yield`. The source of every day.
* niftyindices.com's history, asked for with POST, one index at a time: a JSON array, sent as text/html, newest day
  first, every value a string: `{"INDEX_NAME": "Nifty 50", "HistoricalDate": "05 Jan 2024", "OPEN": "21705.75", ...}`.
  Until the summer of 2026 the array came as text inside `{"d": "..."}`; both are read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from muhurat.venues.nse.base import IndexDay
from muhurat.venues.refusals import Malformed, beginning

LEAST_INDICES: Final = 20
"""A whole day's file has well over a hundred."""

_FILE_COLUMNS: Final = {
    "OpenValue": "Open Index Value",
    "HighValue": "High Index Value",
    "LowValue": "Low Index Value",
    "CloseValue": "Closing Index Value",
    "Volume": "Volume",
    "Turnover": "Turnover (Rs. Cr.)",
}
_HISTORY_COLUMNS: Final = {"OpenValue": "OPEN", "HighValue": "HIGH", "LowValue": "LOW", "CloseValue": "CLOSE"}
_VALUES: Final = ("OpenValue", "HighValue", "LowValue", "CloseValue", "Volume", "Turnover")
_CHANGED: Final = "the source may have changed its format; compare it with an older one"

_Row = dict[str, Any]


def parse_index_file(body: bytes, *, day: date, origin: str, least: int = LEAST_INDICES) -> IndexDay:
    """The indices of `ind_close_all`; raises `Malformed` for another day, missing columns or too few rows."""
    reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    names = {_squeezed(name): name for name in reader.fieldnames or () if name}
    places = {ours: names.get(_squeezed(theirs)) for ours, theirs in _FILE_COLUMNS.items()}
    name_at, day_at = names.get("indexname"), names.get("indexdate")
    lacking = [theirs for ours, theirs in _FILE_COLUMNS.items() if places[ours] is None]
    if name_at is None or day_at is None or lacking:
        what = ", ".join(lacking or ["Index Name", "Index Date"])
        raise Malformed(f"{origin} has no column {what}; it begins {beginning(body)}", hint=_CHANGED)
    rows = [_file_row(row, name_at, day_at, places, origin) for row in reader if (row[name_at] or "").strip()]
    if others := {row["IndexDate"] for row in rows} - {day.isoformat()}:
        raise Malformed(f"{origin} is of {', '.join(sorted(others)[:3])}, not of {day}")
    if len(rows) < least:
        raise Malformed(f"{origin} has {len(rows)} indices, where a whole day has at least {least}")
    return _index_day(day, rows, "ind_close_all", origin)


def parse_history(body: bytes, *, name: str, first: date, last: date, origin: str) -> list[IndexDay]:
    """One index's days out of niftyindices' reply, oldest first; an empty array is no days.

    Raises `Malformed` for anything but an array of rows of this index within the days that were asked for.
    """
    days: dict[date, _Row] = {}
    for entry in _history_rows(body, origin):
        row = _history_row(entry, origin)
        day = date.fromisoformat(row["IndexDate"])
        if row["IndexName"].casefold() != name.casefold():
            raise Malformed(f"{origin} answers with {row['IndexName']!r}, asked for {name!r}")
        if not first <= day <= last:
            raise Malformed(f"{origin} answers with {day}, asked for {first} to {last}")
        if day in days:
            raise Malformed(f"{origin} has {day} twice")
        days[day] = row
    return [_index_day(day, [days[day]], "niftyindices", origin) for day in sorted(days)]


def _history_rows(body: bytes, origin: str) -> Sequence[Mapping[str, Any]]:
    try:
        found = json.loads(body.decode("utf-8-sig"))
        if isinstance(found, dict) and isinstance(found.get("d"), str):
            found = json.loads(found["d"])
    except ValueError as error:
        raise Malformed(f"{origin} is no JSON: {error}; it begins {beginning(body)}", hint=_CHANGED) from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise Malformed(f"{origin} is no array of rows; it begins {beginning(body)}", hint=_CHANGED)
    return found


def _history_row(entry: Mapping[str, Any], origin: str) -> _Row:
    wanted = ("INDEX_NAME", "HistoricalDate", *_HISTORY_COLUMNS.values())
    if lacking := [key for key in wanted if key not in entry]:
        raise Malformed(f"{origin} has a row without {', '.join(lacking)}", hint=_CHANGED)
    row: _Row = {"IndexDate": _day(str(entry["HistoricalDate"]), ("%d %b %Y",), origin)}
    row["IndexName"] = str(entry["INDEX_NAME"]).strip()
    row |= {ours: _number(str(entry[theirs]), origin) for ours, theirs in _HISTORY_COLUMNS.items()}
    return row | {"Volume": None, "Turnover": None}


def _file_row(
    row: Mapping[str, str | None], name_at: str, day_at: str, places: Mapping[str, str | None], origin: str
) -> _Row:
    found: _Row = {"IndexDate": _day(row[day_at] or "", ("%d-%m-%Y", "%d-%b-%Y"), origin)}
    found["IndexName"] = (row[name_at] or "").strip()
    return found | {ours: _number(row[place] or "" if place else "", origin) for ours, place in places.items()}


def _index_day(day: date, rows: list[_Row], source: str, origin: str) -> IndexDay:
    seen: set[str] = set()
    for row in rows:
        folded = row["IndexName"].casefold()
        if folded in seen:
            raise Malformed(f"{origin} names the index {row['IndexName']!r} twice")
        seen.add(folded)
    columns = {name: [row[name] for row in rows] for name in ("IndexDate", "IndexName", *_VALUES)}
    return IndexDay(day, len(rows), columns, source, tuple(_warnings(rows, origin)))


def _warnings(rows: Sequence[_Row], origin: str) -> Iterator[str]:
    """A range that contradicts itself; raises for a close that is not above zero."""
    for row in rows:
        if (close := row["CloseValue"]) is None or close <= 0:
            raise Malformed(f"{origin}: {row['IndexName']} closes at {close}")
        high, low = row["HighValue"], row["LowValue"]
        if high is not None and low is not None and not low <= close <= high:
            yield f"{row['IndexName']} closes at {close}, beyond its {low} to {high}"


def _day(written: str, forms: Sequence[str], origin: str) -> str:
    for form in forms:
        try:
            return datetime.strptime(written.strip(), form).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    raise Malformed(f"{origin}: {written!r} is no date", hint=_CHANGED)


def _number(written: str, origin: str) -> float | None:
    """A number, which may have thousands commas; `-` and nothing are None."""
    plain = written.strip().replace(",", "")
    if plain in ("", "-"):
        return None
    try:
        return float(plain)
    except ValueError:
        raise Malformed(f"{origin}: {written!r} is no number", hint=_CHANGED) from None


def _squeezed(name: str) -> str:
    """A column's name without case, spaces and marks."""
    return "".join(character for character in name.casefold() if character.isalnum())
