"""From a decoder's arrays to Arrow, and how they are encoded in the files.

Numbers that creep (times, volumes, seqs) are kept as deltas, prices and small numbers by dictionary: smaller than
Parquet's defaults and quicker to write (`make bench`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from muhurat.errors import StoreError
from muhurat.stores.schema import VERSION, Column, Kind, Table, row_count

ROW_GROUP: Final = 1 << 17
_VERSION_KEY: Final = b"muhurat.schema"
_COMPRESSION: Final = "zstd"
_SMALL: Final = ("quantity", "orders", "instrument_token")
_TEXT: Final = pa.dictionary(pa.int32(), pa.string())

_ARROW: Final[Mapping[Kind, pa.DataType]] = {
    Kind.INSTANT: pa.timestamp("ms"),
    Kind.NANOSECONDS: pa.int64(),
    Kind.SECONDS: pa.timestamp("ms"),
    Kind.PRICE: pa.float64(),
    Kind.COUNT: pa.int64(),
    Kind.SEQ: pa.uint64(),
    Kind.TEXT: _TEXT,
    Kind.FLAG: pa.bool_(),
}


@cache
def arrow_schema(table: Table) -> pa.Schema:
    """The table's columns as Arrow has them; instants are UTC without saying so, as in every tick store."""
    fields = [pa.field(column.name, _ARROW[column.kind], not column.required) for column in table.columns]
    return pa.schema(fields, metadata={_VERSION_KEY: str(VERSION).encode()})


def to_arrow(table: Table, columns: Mapping[str, NDArray[Any]], feed: str) -> pa.Table:
    """Arrays as rows of the table; what a column calls "none" becomes null. Raises `StoreError` naming the offender."""
    rows = row_count(table, columns)
    valid = _valid(table, columns)
    arrays = [_array(column, columns, rows, feed, valid) for column in table.columns]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(table))


def _valid(table: Table, columns: Mapping[str, NDArray[Any]]) -> dict[str, pa.Buffer]:
    """The validity bits of the prices and times among which there are nulls."""
    found = {}
    for column in table.columns:
        values = columns.get(column.name)
        if values is not None and column.kind in (Kind.PRICE, Kind.SECONDS):
            none = np.isnan(values) if column.kind is Kind.PRICE else values == 0
            if none.any():
                found[column.name] = pa.py_buffer(np.packbits(~none, bitorder="little"))
    return found


def _array(
    column: Column, columns: Mapping[str, NDArray[Any]], rows: int, feed: str, valid: Mapping[str, pa.Buffer]
) -> pa.Array:
    if column.name == "feed":
        return pa.DictionaryArray.from_arrays(_numbers(pa.int32(), np.zeros(rows, np.int32)), pa.array([feed]))
    values = columns.get(column.name)
    if values is None:
        return pa.nulls(rows, _ARROW[column.kind])
    if column.none_with is not None and column.none_with not in columns:
        return pa.nulls(rows, _ARROW[column.kind])
    return _of_kind(column.kind, values, valid.get(column.none_with or column.name))


def _of_kind(kind: Kind, values: NDArray[Any], valid: pa.Buffer | None) -> pa.Array:
    match kind:
        case Kind.SECONDS:
            return _numbers(pa.timestamp("ms"), values.astype(np.int64, copy=False) * 1000, valid)
        case Kind.PRICE:
            return _numbers(pa.float64(), values.astype(np.float64, copy=False), valid)
        case Kind.TEXT:
            return pa.array(values, type=pa.string()).dictionary_encode()
        case Kind.FLAG:
            return pa.array(values, type=pa.bool_())
        case Kind.SEQ:
            return _numbers(pa.uint64(), values.astype(np.uint64, copy=False))
        case _:
            return _numbers(_ARROW[kind], values.astype(np.int64, copy=False), valid)


def _numbers(kind: pa.DataType, values: NDArray[Any], valid: pa.Buffer | None = None) -> pa.Array:
    """Numbers as they lie in memory, copied only where they are strewn."""
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def by_seq(rows: pa.Table) -> pa.Table:
    """The rows in order of seq, each seq once: of several the last given wins."""
    seq = rows["seq"].to_numpy()
    if len(seq) < 2 or bool((seq[1:] > seq[:-1]).all()):
        return rows
    order = np.argsort(seq, kind="stable")
    ordered = seq[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    return rows.unify_dictionaries().take(pa.array(order[last]))


def read_part(table: Table, path: Path, first: int | None = None, last: int | None = None) -> pa.Table:
    """A part's rows, all or those between two seqs, in the columns that the table has today."""
    wanted = None
    if first is not None and last is not None:
        wanted = (pc.field("seq") >= pa.scalar(first, pa.uint64())) & (pc.field("seq") <= pa.scalar(last, pa.uint64()))
    try:
        rows = pq.read_table(path, partitioning=None, filters=wanted, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    return _as_today(table, rows)


def _as_today(table: Table, rows: pa.Table) -> pa.Table:
    """Rows from before a column was added have nulls in it."""
    schema = arrow_schema(table)
    if rows.schema.equals(schema, check_metadata=False):
        return rows.replace_schema_metadata(schema.metadata)
    given = set(rows.schema.names)
    arrays = [
        rows[field.name].cast(field.type) if field.name in given else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def write_part(table: Table, rows: pa.Table, path: Path) -> None:
    """Write a file of these rows; it is neither durable nor whole before this returns."""
    pq.write_table(rows, path, row_group_size=ROW_GROUP, compression=_COMPRESSION, **_encodings(table))


def part_writer(table: Table, path: Path) -> pq.ParquetWriter:
    """The same for rows that come a row group at a time."""
    return pq.ParquetWriter(path, arrow_schema(table), compression=_COMPRESSION, **_encodings(table))


@cache
def _encodings(table: Table) -> dict[str, Any]:
    by_dictionary = [column.name for column in table.columns if _repeats(column)]
    by_delta = [
        column.name
        for column in table.columns
        if column.name not in by_dictionary and column.kind not in (Kind.FLAG, Kind.PRICE)
    ]
    return {
        "use_dictionary": by_dictionary,
        "column_encoding": dict.fromkeys(by_delta, "DELTA_BINARY_PACKED"),
        "write_statistics": ["timestamp", "ts_event", "seq", "symbol"],
    }


def _repeats(column: Column) -> bool:
    return column.kind in (Kind.TEXT, Kind.PRICE) or (
        column.kind is Kind.COUNT and any(word in column.name for word in _SMALL)
    )
