"""From a decoder's arrays to the data frames that QuestDB's client sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from muhurat.stores.schema import Column, Kind, Table

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000


def frame(table: Table, columns: Mapping[str, NDArray[Any]], feed: str) -> pd.DataFrame:
    """The rows, "none" as the client wants it; columns that hold nothing else are left out."""
    series = {
        column.name: values
        for column in table.columns
        if (values := _values(column, columns, feed, len(columns["timestamp"]))) is not None
    }
    return pd.DataFrame(series, copy=False)


def batches(frames: Iterable[pd.DataFrame], most: int) -> Iterator[list[pd.DataFrame]]:
    """The frames, cut where need be, in batches of at most so many rows."""
    batch: list[pd.DataFrame] = []
    size = 0
    for rows in (part for each in frames for part in _slices(each, most)):
        if size + len(rows) > most:
            yield batch
            batch, size = [], 0
        batch.append(rows)
        size += len(rows)
    if batch:
        yield batch


def _slices(rows: pd.DataFrame, most: int) -> Iterator[pd.DataFrame]:
    for first in range(0, len(rows), most):
        yield rows.iloc[first : first + most]


def _values(column: Column, columns: Mapping[str, NDArray[Any]], feed: str, rows: int) -> Any:
    if column.name == "feed":
        return pd.Categorical.from_codes(np.zeros(rows, np.int8), [feed])
    values = columns.get(column.name)
    if values is None:
        return None
    match column.kind:
        case Kind.INSTANT:
            return (values.astype(np.int64, copy=False) * _NS_PER_MS).view("datetime64[ns]")
        case Kind.SECONDS:
            return _instants(values.astype(np.int64, copy=False))
        case Kind.TEXT:
            return _texts(values)
        case Kind.PRICE:
            return values.astype(np.float64, copy=False)
        case Kind.FLAG:
            return values.astype(np.bool_, copy=False)
        case _:
            return _numbers(column, values.astype(np.int64, copy=False), columns)


def _instants(seconds: NDArray[np.int64]) -> NDArray[Any]:
    instants = (seconds * _NS_PER_S).view("datetime64[ns]")
    instants[seconds == 0] = np.datetime64("NaT")
    return instants


def _numbers(column: Column, values: NDArray[np.int64], columns: Mapping[str, NDArray[Any]]) -> Any:
    """Numbers, with nulls where the column that they belong to has none."""
    if column.none_with is None:
        return values
    beside = columns.get(column.none_with)
    if beside is None:
        return None
    none = np.isnan(beside)
    return pd.arrays.IntegerArray(values, none) if none.any() else values


def _texts(values: NDArray[Any]) -> Any:
    """Few different texts, each said once; None is null."""
    codes, known = pd.factorize(values)
    return pd.Categorical.from_codes(codes, known) if len(known) else None
