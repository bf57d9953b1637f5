"""Rows on their way into a table: from a person's CSV, and from rows to columns."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from muhurat.jobs.base import JobError


def from_csv(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a CSV with at least these columns, in any order; numbers as numbers, empty texts as None.

    Raises `JobError` naming the file, and the line where one is at fault.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(
            f"{path} cannot be read: {error}", hint=f"a CSV with the columns {', '.join(columns)}"
        ) from error
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise JobError(f"{path} has no column {', '.join(missing)}", hint=f"its columns are {', '.join(columns)}")
    rows = []
    for row in reader:
        if None in row or None in row.values():
            wrong = f"{path}, line {reader.line_num}: not as many values as columns"
            raise JobError(wrong, hint="look for a comma too many or too few")
        rows.append({name: _value(row[name].strip(), name, path, reader.line_num) for name in columns})
    return rows


def from_rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = (), **same: Any) -> dict[str, list[Any]]:
    """The same rows by column, and columns that are the same in each row; `names` matter when there are no rows."""
    keys = list(rows[0]) if rows else list(names)
    columns = {name: [row[name] for row in rows] for name in keys}
    return columns | {name: [value] * len(rows) for name, value in same.items()}


_NUMBERS = frozenset({"Available", "Used", "Opening", "AveragePrice", "LastPrice", "Pnl", "Quantity"})


def _value(text: str, name: str, path: Path, line: int) -> Any:
    if name not in _NUMBERS:
        return text or None
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise JobError(f"{path}, line {line}: {name} {text!r} is no number", hint="write rupees as 1234.50")
    if name != "Quantity":
        return number
    if not number.is_integer():
        raise JobError(f"{path}, line {line}: {name} {text!r} is no whole number", hint="write units, not lots")
    return int(number)
