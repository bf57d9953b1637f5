"""From records of a journal to rows of the tick tables: many decoded messages become few arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from muhurat.capture.journal import Record
from muhurat.capture.token_names import DayNames
from muhurat.clock import NS_PER_S
from muhurat.model.tick import MessageDecoder, TickGroup
from muhurat.stores.base import make_seq

_NS_PER_MS: Final = 1_000_000

Columns = dict[str, NDArray[Any]]


class _Stretch(NamedTuple):
    """The packets of one layout in one record."""

    ordinal: int
    ts_recv_ns: int
    group: TickGroup


@dataclass(frozen=True, slots=True)
class TickRows:
    """TickRows for one tick table, with the `codes` of their instruments in the day's names."""

    table: str
    columns: Columns
    codes: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(slots=True)
class Decoded:
    """What a batch of records of one hour held; `packets` counts also those of unknown lengths."""

    packets: int = 0
    truncated: int = 0
    excess_bytes: int = 0
    unknown_lengths: Counter[int] = field(default_factory=Counter)
    unknown_tokens: int = 0
    rows: list[TickRows] = field(default_factory=list)


def decode_records(records: Sequence[Record], decode: MessageDecoder, names: DayNames) -> Decoded:
    """Decode records of one journal hour."""
    decoded = Decoded()
    stretches: dict[tuple[str, ...], list[_Stretch]] = {}
    for record in records:
        batch = decode(record.payload)
        decoded.packets += batch.packets
        if batch.unknown or batch.truncated or batch.excess_bytes:
            decoded.unknown_lengths.update(batch.unknown)
            decoded.truncated += batch.truncated
            decoded.excess_bytes += batch.excess_bytes
        for group in batch.groups:
            stretch = _Stretch(record.position.ordinal, record.ts_recv_ns, group)
            stretches.setdefault((group.table, *group.columns), []).append(stretch)
    for alike in stretches.values():
        rows = _rows(records[0].position.hour, alike, names)
        decoded.unknown_tokens += int(names.unknown[rows.codes].sum())
        decoded.rows.append(rows)
    return decoded


def _rows(hour: str, stretches: Sequence[_Stretch], names: DayNames) -> TickRows:
    """TickRows of one layout, in the order of the journal."""
    groups = [stretch.group for stretch in stretches]
    columns: Columns = {name: _joined([group.columns[name] for group in groups]) for name in groups[0].columns}
    sizes = [len(group) for group in groups]
    record = np.repeat([stretch.ordinal for stretch in stretches], sizes)
    ts_recv_ns = np.repeat([stretch.ts_recv_ns for stretch in stretches], sizes)
    codes = names.codes(columns["instrument_token"])
    columns |= {
        "timestamp": ts_recv_ns // _NS_PER_MS,
        "ts_recv_ns": ts_recv_ns,
        "symbol": names.symbols[codes],
        "seq": make_seq(hour, record, _joined([group.packet_index for group in groups])),
        "modelled": names.modelled[codes],
    }
    if "exchange_timestamp" in columns:
        columns["ts_event"] = columns["exchange_timestamp"]
    return TickRows(groups[0].table, columns, codes)


def receive_lags_s(rows: Sequence[TickRows]) -> Iterator[NDArray[np.float64]]:
    """Seconds from the venue's time to reception, of every row that has the venue's time."""
    for part in rows:
        event = part.columns.get("ts_event")
        if event is not None:
            timed = event > 0
            yield part.columns["ts_recv_ns"][timed] / NS_PER_S - event[timed]


def _joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
