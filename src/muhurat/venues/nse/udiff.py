"""The exchanges' common bhavcopy format, UDiFF: 34 columns, one row for each instrument, everything of one day.

Numbers are rupees, units and contracts as `facts` on NSE describe: open interest in units, traded volume of F&O in
contracts. Read by column name, so that a column added at the end does no harm. All four files have this form: CM and FO
of NSE (zipped) and of BSE (plain).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from muhurat.venues.nse.base import Bhavcopy, Columns
from muhurat.venues.refusals import Malformed, beginning

HEADER: Final = (
    "TradDt",
    "BizDt",
    "Sgmt",
    "Src",
    "FinInstrmTp",
    "FinInstrmId",
    "ISIN",
    "TckrSymb",
    "SctySrs",
    "XpryDt",
    "FininstrmActlXpryDt",
    "StrkPric",
    "OptnTp",
    "FinInstrmNm",
    "OpnPric",
    "HghPric",
    "LwPric",
    "ClsPric",
    "LastPric",
    "PrvsClsgPric",
    "UndrlygPric",
    "SttlmPric",
    "OpnIntrst",
    "ChngInOpnIntrst",
    "TtlTradgVol",
    "TtlTrfVal",
    "TtlNbOfTxsExctd",
    "SsnId",
    "NewBrdLotQty",
    "Rmks",
    "Rsvd1",
    "Rsvd2",
    "Rsvd3",
    "Rsvd4",
)
KEPT: Final = HEADER[:29]
"""The columns that carry data; remarks and reserves are always empty."""

_WHOLE: Final = frozenset(
    {"FinInstrmId", "OpnIntrst", "ChngInOpnIntrst", "TtlTradgVol", "TtlNbOfTxsExctd", "NewBrdLotQty"}
)
_PRICES: Final = ("OpnPric", "HghPric", "LwPric", "ClsPric", "LastPric", "PrvsClsgPric", "UndrlygPric", "SttlmPric")
_DECIMAL: Final = frozenset({*_PRICES, "StrkPric", "TtlTrfVal"})
_NEVER_EMPTY: Final = ("TradDt", "Sgmt", "Src", "FinInstrmTp", "FinInstrmId", "TckrSymb", "ClsPric", "TtlTradgVol")
_NOT_NEGATIVE: Final = (*_PRICES, "StrkPric", "OpnIntrst", "TtlTradgVol", "TtlTrfVal", "TtlNbOfTxsExctd")
_CHANGED: Final = "the exchange may have changed the format; compare the file with an older one"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a whole day's file holds at least: so many rows, and these instrument types."""

    rows: int
    types: frozenset[str]


BOUNDS: Final = {
    ("NSE", "CM"): Bounds(2_000, frozenset({"STK"})),
    ("NSE", "FO"): Bounds(20_000, frozenset({"STF", "STO", "IDF", "IDO"})),
    ("BSE", "CM"): Bounds(2_000, frozenset({"STK"})),
    ("BSE", "FO"): Bounds(1_000, frozenset({"IDF", "IDO"})),
}


def read_bhavcopy(
    data: bytes, *, source: str, segment: str, day: date, origin: str, bounds: Bounds | None = None
) -> Bhavcopy:
    """The day's rows, sorted by instrument; `origin` names the file in errors. Columns of numbers without empties are
    numpy arrays, the others lists.

    `bounds` are those of `BOUNDS` where not given. Raises `Malformed` for anything that the format rules out: other
    columns, another day, segment or exchange, too few rows, values that are no numbers, an instrument twice, prices
    outside their own high and low.
    """
    table = _table(data, origin)
    problems = list(_problems(table, source, segment, day, bounds or BOUNDS[source, segment]))
    if problems:
        raise Malformed(f"{origin}: {'; '.join(problems)}")
    order = _order(_numbers(table, "FinInstrmId"))
    columns: Columns = {name: _values(table[name], order) for name in KEPT}
    return Bhavcopy(segment, source, day, table.num_rows, columns, tuple(_warnings(table)))


def _table(data: bytes, origin: str) -> pa.Table:
    header = _header(data, origin)
    kinds = {name: _kind(name) for name in KEPT}
    convert = pa_csv.ConvertOptions(
        column_types=kinds, include_columns=list(KEPT), null_values=[""], strings_can_be_null=True
    )
    read = pa_csv.ReadOptions(column_names=header, skip_rows=1)
    try:
        return pa_csv.read_csv(pa.BufferReader(data), read_options=read, convert_options=convert).combine_chunks()
    except pa.ArrowInvalid as error:
        raise Malformed(f"{origin}: {error}", hint=_CHANGED) from error


def _header(data: bytes, origin: str) -> list[str]:
    """The column names, once all 34 are there."""
    line = data[: data.find(b"\n") + 1] or data
    names = [name.strip().strip('"') for name in line.decode("utf-8-sig", "replace").rstrip("\r\n").split(",")]
    if missing := [name for name in HEADER if name not in names]:
        if len(missing) == len(HEADER):
            raise Malformed(f"{origin} is no bhavcopy; it begins {beginning(data)}", hint=_CHANGED)
        raise Malformed(f"{origin} has no column {', '.join(missing)}{_instead(missing, names)}", hint=_CHANGED)
    return names


def _instead(missing: Sequence[str], names: Sequence[str]) -> str:
    unknown = [name for name in names if name not in HEADER]
    near = {found for name in missing for found in get_close_matches(name, unknown, n=1)}
    return f"; it has {', '.join(sorted(near or unknown))} instead" if unknown else ""


def _kind(name: str) -> pa.DataType:
    if name in _WHOLE:
        return pa.int64()
    if name in _DECIMAL:
        return pa.float64()
    return pa.string() if name == "FinInstrmNm" else pa.dictionary(pa.int32(), pa.string())


def _order(tokens: NDArray[np.int64]) -> NDArray[np.intp]:
    """The order of the store's key, in which rows are inserted much faster than strewn."""
    return np.argsort(tokens, kind="stable")


def _problems(table: pa.Table, source: str, segment: str, day: date, bounds: Bounds) -> Iterator[str]:
    """Everything that makes the file another one than the one that was asked for, or a broken one."""
    if table.num_rows < bounds.rows:
        yield f"{table.num_rows:,} rows, where a whole day has at least {bounds.rows:,}"
    for name, wanted in (("TradDt", day.isoformat()), ("Sgmt", segment), ("Src", source)):
        if wrong := sorted(_distinct(table, name) - {wanted}):
            yield f"{name} is {', '.join(wrong[:3])} where {wanted} was asked for"
    for name in _NEVER_EMPTY:
        if empty := table[name].null_count:
            yield f"{name} is empty in {empty:,} rows"
    if lacking := sorted(bounds.types - _distinct(table, "FinInstrmTp")):
        yield f"no rows of type {', '.join(lacking)}"
    tokens = np.sort(_numbers(table, "FinInstrmId"))
    if twice := int(np.sum(tokens[1:] == tokens[:-1])):
        yield f"{twice:,} instruments are there more than once"
    yield from _odd_prices(table)


def _odd_prices(table: pa.Table) -> Iterator[str]:
    """Numbers that cannot be: below zero, or a traded price outside its own high and low."""
    for name in _NOT_NEGATIVE:
        values = _numbers(table, name)
        if np.any(values < 0):
            yield f"{name} is negative for {_example(table, values < 0)}"
    high, low, first = (_numbers(table, name) for name in ("HghPric", "LwPric", "OpnPric"))
    outside = (_numbers(table, "TtlTradgVol") > 0) & ((high < np.maximum(first, low)) | (low > first))
    if np.any(outside):
        yield f"prices lie outside their own high and low for {_example(table, outside)}"


def _warnings(table: pa.Table) -> Iterator[str]:
    """Oddities that happen: a close by average or auction beyond the day's range, and a lot size that changed."""
    high, low, last = (_numbers(table, name) for name in ("HghPric", "LwPric", "ClsPric"))
    beyond = (_numbers(table, "TtlTradgVol") > 0) & ((last > high) | (last < low))
    if np.any(beyond):
        yield f"the close lies beyond high and low for {_example(table, beyond)}"
    lot = _numbers(table, "NewBrdLotQty")
    odd = (lot > 0) & (_numbers(table, "OpnIntrst") % np.where(lot > 0, lot, 1) > 0)
    if np.any(odd):
        yield f"the open interest is no multiple of the lot for {_example(table, odd)}"


def _example(table: pa.Table, rows: NDArray[np.bool_]) -> str:
    """How many rows a mask marks, and the first of them by name."""
    count, first = int(rows.sum()), int(rows.argmax())
    name = table["FinInstrmNm"][first].as_py() or table["TckrSymb"][first].as_py()
    return f"{name}" if count == 1 else f"{name} and {count - 1:,} more"


def _distinct(table: pa.Table, name: str) -> set[str]:
    """The values of a column of names, empty ones left out."""
    return {value for value in pc.unique(table[name]).to_pylist() if value is not None}


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    """A column of numbers; where empties lie among them, as floats with NaN, which compares as false."""
    column: NDArray[Any] = table[name].to_numpy()
    return column


def _values(column: pa.ChunkedArray, order: NDArray[np.intp]) -> Sequence[Any]:
    """A column in that order: numbers as an array, words and what has empties as Python's own values. A word that comes
    again is one object, which is quicker to make and to store."""
    array = column.combine_chunks()
    found: Any
    if array.null_count == len(array):
        found = [None] * len(array)
    elif pa.types.is_dictionary(array.type):
        words = np.array([*array.dictionary.to_pylist(), None], dtype=object)
        places = pc.fill_null(array.indices, len(words) - 1).to_numpy()
        found = words[places[order]].tolist() if array.null_count or len(words) > 2 else [words[0]] * len(array)
    elif array.null_count or pa.types.is_string(array.type):
        found = np.array(array.to_pylist(), dtype=object)[order].tolist()
    else:
        found = array.to_numpy()[order]
    return cast("Sequence[Any]", found)
