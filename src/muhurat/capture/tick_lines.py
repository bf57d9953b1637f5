"""The ticks of a journal as plain rows, one by one, for people and scripts; the tick store has the fast way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from muhurat.capture.journal.format import Record
from muhurat.clock import ist
from muhurat.model.tick import MessageDecoder


def tick_lines(
    records: Iterable[Record], decode: MessageDecoder, symbols: Mapping[int, str] | None = None
) -> Iterator[dict[str, Any]]:
    """One dict per packet with the tick tables' names; `symbols` gives names to tokens, the others stay None.

    Times: `timestamp` (reception, to the millisecond) and `ts_event` (the venue's) in ISO 8601, `ts_recv_ns` and the
    venue's own seconds as numbers.
    """
    named = symbols or {}
    for record in records:
        batch = decode(record.payload)
        places = sorted((int(packet), group.table) for group in batch.groups for packet in group.packet_index)
        received = ist(record.ts_recv_ns).isoformat(timespec="milliseconds")
        for (packet, table), row in zip(places, batch.rows(), strict=True):
            yield {
                "table": table,
                "timestamp": received,
                "ts_event": _event_time(row),
                "ts_recv_ns": record.ts_recv_ns,
                "seq": record.position.seq(packet),
                "symbol": named.get(row["instrument_token"]),
                **row,
            }


def _event_time(row: Mapping[str, Any]) -> str | None:
    seconds = row.get("exchange_timestamp")
    return ist(seconds * 1_000_000_000).isoformat() if seconds else None
