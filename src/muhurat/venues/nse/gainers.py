"""The website's list of gainers or losers as CSV.

Its CSVs begin with a byte-order mark, pad their headers, quote some with a newline inside (`"SYMBOL \\n"`), write
numbers with thousands commas and nothing as `-`. So a column is known by the letters of its name, never by its place.
How many rows a list has is nowhere said: one that was cut off just after a row cannot be told from a whole one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Final

from muhurat.venues.nse.base import Gainers
from muhurat.venues.refusals import Malformed, WebPage, beginning

_NEEDED: Final = ("SYMBOL", "LTP")


def parse_gainers(body: bytes, *, origin: str) -> Gainers:
    """The rows of the list, and the bytes as they came; raises `Malformed` when it is no list or has no rows."""
    text = body.decode("utf-8-sig", "replace")
    start = text.lstrip()[:1]
    if start == "<":
        raise WebPage(f"{origin} is a web page instead of the list, beginning {beginning(body)}")
    if start in ("", "{", "["):
        raise Malformed(
            f"{origin} is no CSV; it begins {beginning(body)}",
            hint="NSE answers so when it is asked too often; try again in a few minutes",
        )
    if not text.endswith(("\n", '"')):
        raise Malformed(f"{origin} breaks off in its last line")
    header, *lines = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    names = [_name(cell) for cell in header]
    if lacking := [name for name in _NEEDED if name not in names]:
        raise Malformed(f"{origin} has no column {', '.join(lacking)}; its columns are {', '.join(names)}")
    rows = [_row(names, line, number, origin) for number, line in enumerate(lines, 2) if any(map(str.strip, line))]
    if not rows:
        raise Malformed(f"{origin} has no rows", hint="before the first trades of a day NSE has none; try again later")
    return Gainers(body, tuple(rows))


def _row(names: list[str], line: list[str], number: int, origin: str) -> Mapping[str, str | float | None]:
    cells = [cell.strip() for cell in line]
    while len(cells) > len(names) and not cells[-1]:
        cells.pop()
    if len(cells) != len(names):
        raise Malformed(f"{origin}, row {number}: {len(cells)} cells under {len(names)} columns")
    row = {name: _value(cell) for name, cell in zip(names, cells, strict=True) if name}
    if not isinstance(row["SYMBOL"], str) or not isinstance(row["LTP"], float):
        raise Malformed(f"{origin}, row {number}: {', '.join(cells)!r} names no symbol with its price")
    return row


def _name(cell: str) -> str:
    """`"PREV. CLOSE \\n"` is PREV CLOSE."""
    kept = "".join(character if character.isalnum() or character == "%" else " " for character in cell.upper())
    return " ".join(kept.split())


def _value(cell: str) -> str | float | None:
    if cell in ("", "-"):
        return None
    try:
        return float(cell.replace(",", ""))
    except ValueError:
        return cell
