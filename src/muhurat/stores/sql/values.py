"""Values on their way into a column: checked, and in the one form that SQLite and MySQL take alike.

Dates become ISO text, truth 0 or 1, NaN and NaT nothing. A value that is not of its column's kind is refused by name;
nothing is bent to fit. Whole columns go fast because their values are looked at one by one only where that is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

import numpy as np
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, String

from muhurat.errors import StoreError

_BIGGEST: Final = 2**63 - 1
_SMALLEST: Final = -(2**63)
_TEXT_OR_NOTHING: Final = frozenset({str, type(None)})


def stored(column: Column[Any], values: Sequence[Any]) -> list[Any]:
    """The values of a list, tuple or numpy array as the databases' drivers take them, one for each.

    A list of just one value stands for that value all the way down. Raises `StoreError`.
    """
    array: Any = values
    if isinstance(array, np.ndarray) and _fits(column, array):
        found: list[Any] = array.tolist() if (array != array[0]).any() else [array[0].item()]
        return found
    plain = _plain(values)
    if plain and _all_the_same(plain):
        plain = [stored_one(column, plain[0])]
    elif not _READY[type(column.type)](column, plain):
        convert = _ONE[type(column.type)]
        plain = [None if _is_nothing(value) else convert(column, value) for value in plain]
    if not column.nullable and None in plain:
        raise StoreError(f"{column.table.name}.{column.name} is empty in a row; every row needs one")
    return plain


def stored_one(column: Column[Any], value: Any) -> Any:
    """One value as the databases' drivers take it. Raises `StoreError`."""
    return None if _is_nothing(value) else _ONE[type(column.type)](column, value)


def comparable(column: Column[Any], value: Any) -> Any:
    """One value as SQLAlchemy takes it for a comparison with the column. Raises `StoreError`."""
    found = stored_one(column, value)
    if found is None or not isinstance(column.type, Date | Boolean):
        return found
    return date.fromisoformat(found) if isinstance(column.type, Date) else bool(found)


def _fits(column: Column[Any], values: np.ndarray[Any, Any]) -> bool:
    """Whether a numpy array is of the column's kind and has no gap, so that nothing of it needs to be looked at."""
    if not len(values):
        return False
    if values.dtype.kind == "i":
        return isinstance(column.type, BigInteger)
    return values.dtype.kind == "f" and isinstance(column.type, Double) and bool(np.isfinite(values).all())


def _plain(values: Any) -> list[Any]:
    """As a list of Python's own values; numpy makes one fast."""
    if isinstance(values, np.ndarray):
        days = values.astype("datetime64[D]") if values.dtype.kind == "M" else values
        found: list[Any] = days.tolist()
        return found
    return values if isinstance(values, list) else list(values)


def _is_nothing(value: Any) -> bool:
    """None, NaN or NaT: the values that do not equal themselves, and none."""
    return value is None or bool(value != value)


def _all_the_same(values: list[Any]) -> bool:
    """Mostly the first and the last value tell at once that they are not."""
    return bool(values[0] == values[-1]) and values.count(values[0]) == len(values)


def _text_ready(column: Column[Any], values: list[Any]) -> bool:
    if not set(map(type, values)) <= _TEXT_OR_NOTHING:
        return False
    return max(map(len, filter(None, values)), default=0) <= _most(column)


def _date_ready(_column: Column[Any], values: list[Any]) -> bool:
    return all(type(value) is str and _is_iso(value) for value in _distinct(values))


def _double_ready(_column: Column[Any], values: list[Any]) -> bool:
    """A sum is a finite `float` only if every number is; where it is not, they are looked at one by one."""
    total = _sum(values)
    return type(total) is float and math.isfinite(total)


def _integer_ready(_column: Column[Any], values: list[Any]) -> bool:
    """A sum is an `int` only if every number is."""
    if type(_sum(values)) is not int:
        return False
    least, most = min(filter(None, values), default=0), max(filter(None, values), default=0)
    return bool(least >= _SMALLEST and most <= _BIGGEST)


def _distinct(values: list[Any]) -> Collection[Any]:
    """Each value that is there once; all of them if they cannot be told apart so."""
    try:
        return set(values) - {None}
    except TypeError:
        return values


def _sum(values: list[Any]) -> Any:
    """The sum of what is there; None if they cannot be summed. Truth among numbers counts as 0 and 1."""
    try:
        return sum(filter(None, values))
    except TypeError:
        return None


def _most(column: Column[Any]) -> int:
    """How many characters a column of text takes."""
    length = column.type.length if isinstance(column.type, String) else None
    if length is None:
        raise StoreError(f"{column.table.name}.{column.name} has no length")
    return length


def _boolean_ready(_column: Column[Any], _values: list[Any]) -> bool:
    return False


def _text(column: Column[Any], value: Any) -> str:
    if not isinstance(value, str):
        raise _unfit(column, value, "text")
    most: int = column.type.length  # type: ignore[attr-defined]
    if len(value) > most:
        raise StoreError(
            f"{column.table.name}.{column.name} takes {most} characters, not {len(value)}: {value[:40]!r}…"
        )
    return str.__str__(value)


def _date(column: Column[Any], value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and _is_iso(value):
        return str.__str__(value)
    raise _unfit(column, value, "a date YYYY-MM-DD")


def _double(column: Column[Any], value: Any) -> float:
    if isinstance(value, int | float | Decimal | np.integer | np.floating) and not isinstance(value, bool):
        found = float(value)
        if math.isfinite(found):
            return found
    raise _unfit(column, value, "a finite number")


def _integer(column: Column[Any], value: Any) -> int:
    """A whole number, also where it comes as a float, as a column with empties does."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        found = int(value) if math.isfinite(value) else None
        if found is not None and found == value and _SMALLEST <= found <= _BIGGEST:
            return found
    raise _unfit(column, value, "a whole number of 64 bits")


def _boolean(column: Column[Any], value: Any) -> int:
    if isinstance(value, bool | np.bool_):
        return int(value)
    raise _unfit(column, value, "true or false")


def _unfit(column: Column[Any], value: Any, wanted: str) -> StoreError:
    return StoreError(f"{column.table.name}.{column.name} takes {wanted}, not {value!r}")


@cache
def _is_iso(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


_READY: Final[Mapping[type, Callable[[Column[Any], list[Any]], bool]]] = {
    String: _text_ready,
    Date: _date_ready,
    Double: _double_ready,
    BigInteger: _integer_ready,
    Boolean: _boolean_ready,
}
"""By kind of column: whether all values can be taken as they are."""

_ONE: Final[Mapping[type, Callable[[Column[Any], Any], Any]]] = {
    String: _text,
    Date: _date,
    Double: _double,
    BigInteger: _integer,
    Boolean: _boolean,
}
"""By kind of column: one value converted, or refused."""
