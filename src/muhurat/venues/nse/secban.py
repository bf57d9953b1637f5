"""NSE's list of stocks in which no new F&O position may be opened.

    Securities in Ban For Trade Date 10-AUG-2026:
    1,BANDHANBNK
    2,KAYNES

A day without bans says `NIL` after the colon, or nothing. The date is the session for which the list counts; it is
published the evening before. Anything else, such as an error page, is no list, and never means that there are no bans.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from muhurat.venues.nse.base import BanList
from muhurat.venues.refusals import Malformed, beginning

_HEADER: Final = re.compile(
    r"\s*securities in ban for trade date\s*:?\s*(\d{1,2}-[a-z]{3}-\d{4})\s*:\s*(nil)?\s*", re.IGNORECASE
)
_ROW: Final = re.compile(r"\s*(\d+)\s*,\s*([A-Z0-9&_.-]+)\s*,?\s*")


def parse_bans(body: bytes, *, origin: str) -> BanList:
    """The list in a body of `fo_secban.csv`; raises `Malformed` when it is no list, or not a whole one."""
    text = body.decode("utf-8-sig", "replace")
    header, *rows = text.splitlines() or [""]
    found = _HEADER.fullmatch(header)
    if found is None:
        raise Malformed(f"{origin} is no list of banned securities; it begins {beginning(body)}")
    listed = [row for row in rows if row.strip()]
    if found[2] and listed:
        raise Malformed(f"{origin} says NIL and yet lists {len(listed)} securities")
    if listed and not text.endswith("\n"):
        raise Malformed(f"{origin} breaks off after {listed[-1]!r}")
    return BanList(_day(found[1], origin), tuple(_symbols(listed, origin)))


def _symbols(rows: list[str], origin: str) -> list[str]:
    symbols: list[str] = []
    for number, row in enumerate(rows, 1):
        found = _ROW.fullmatch(row)
        if found is None:
            raise Malformed(f"{origin}, row {number}: {row[:60]!r} is no number and symbol")
        if int(found[1]) != number:
            raise Malformed(f"{origin}, row {number} is numbered {found[1]}: rows are missing")
        symbols.append(found[2])
    if len(set(symbols)) != len(symbols):
        raise Malformed(f"{origin} names a security twice")
    return symbols


def _day(written: str, origin: str) -> date:
    try:
        return datetime.strptime(written, "%d-%b-%Y").date()  # noqa: DTZ007
    except ValueError as error:
        raise Malformed(f"{origin}: {written!r} is no date") from error
