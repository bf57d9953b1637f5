"""The service that understands what the recorder wrote: it follows a journal into the tick store.

Its place in the journal is saved only after the rows before it are durable, and rows are known by where they stand in
the journal; so it may die at any moment, and the next one goes on without losing or doubling a tick.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from muhurat.capture.alarms import Alarms, Tell
from muhurat.capture.journal import JournalReader, Record
from muhurat.capture.live_view import LiveView
from muhurat.capture.tick_columns import Decoded, decode_records, receive_lags_s
from muhurat.capture.token_names import TokenNames
from muhurat.clock import NS_PER_S, Clock
from muhurat.errors import StoreError
from muhurat.heartbeat import Heartbeat
from muhurat.log import get_logger
from muhurat.model.tick import MessageDecoder
from muhurat.stores.base import TickStore

READER: Final = "decode"
"""The name under which the service is registered with the journal."""

_RECORDS_AT_ONCE: Final = 256
_BYTES_AT_ONCE: Final = 2 << 20
_PAUSE_S: Final = 0.2
_PATIENCE_BEHIND: Final = 5
_REPORT_EVERY_S: Final = 0.5
_MINUTE_NS: Final = 60 * NS_PER_S
_LAG_BINS: Final = 6_001


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """Which journal to follow and where to show it.

    Rows are kept after `flush_s` real seconds, five times as many while the service has a backlog, or `flush_rows`.
    """

    journal: Path
    feed: str
    universe: Path
    live: Path
    flush_s: float = 1.0
    flush_rows: int = 2_000_000


def run(
    settings: DecodeSettings,
    decode: MessageDecoder,
    store: TickStore,
    clock: Clock,
    heartbeat: Heartbeat,
    stop: threading.Event,
    tell: Tell | None = None,
) -> None:
    """Follow the journal until `stop` is set, then finish what is in it. The caller closes the store.

    A store that cannot keep rows for now is tried again every second, the journal waits, and `tell` is told what is
    wrong, and again when something else helps; raises when it never can.
    """
    with JournalReader(settings.journal, settings.feed, name=READER) as reader:
        service = DecodeService(settings, decode, store, clock, reader, tell)
        heartbeat.ready()
        while not stop.is_set():
            service.step()
            if not service.behind:
                stop.wait(_PAUSE_S)
            service.report(heartbeat)
        while service.step():
            pass
        service.finish()
        service.report(heartbeat, now=True)


class DecodeService:
    """One pass after the other over what the journal has to offer."""

    def __init__(
        self,
        settings: DecodeSettings,
        decode: MessageDecoder,
        store: TickStore,
        clock: Clock,
        reader: JournalReader,
        tell: Tell | None = None,
    ) -> None:
        self.records = self.packets = self.rows = self.truncated = self.unknown_tokens = 0
        self.unknown_lengths: Counter[int] = Counter()
        self._settings = settings
        self._decode = decode
        self._store = store
        self._clock = clock
        self._reader = reader
        self._names = TokenNames(settings.universe, settings.feed)
        self._live = LiveView(settings.live, clock)
        self._minute = LastMinute()
        self._lag_ns = 0
        self._waiting_rows = 0
        self._waiting_since: float | None = None
        self.behind = False
        """Whether the journal had so much that more is probably there; a little may as well wait for the next."""
        self._trouble = self._remedy = ""
        self._alarms = Alarms(tell)
        self._reported_at = float("-inf")
        self._log = get_logger(__name__)

    def step(self) -> bool:
        """Keep what is due and decode the next records; tells whether there were any."""
        if self._due():
            self._flush()
        if self._trouble:
            return False
        records = self._reader.read_records(_RECORDS_AT_ONCE)
        if records:
            self._take(records)
        else:
            self._lag_ns = 0
        self._live.publish()
        size = sum(len(record.payload) for record in records)
        self.behind = len(records) == _RECORDS_AT_ONCE or size >= _BYTES_AT_ONCE
        return bool(records)

    def finish(self) -> None:
        """Keep and show everything decoded; raises `StoreError` when the store cannot."""
        self._keep()
        self._live.publish(now=True)

    def report(self, heartbeat: Heartbeat, *, now: bool = False) -> None:
        """Beat with the gauges, which cost something, only when it is time."""
        at = self._clock.monotonic()
        if now or at - self._reported_at >= _REPORT_EVERY_S:
            self._reported_at = at
            self._alarms.tell()
            heartbeat.beat(self.detail(), now=now, **self.gauges())

    def detail(self) -> str:
        """A sentence for the heartbeat."""
        if self._trouble:
            return self._trouble
        return f"{self.rows:,} ticks of {self.records:,} messages, {self._reader.position}"

    def gauges(self) -> dict[str, Any]:
        """The state in numbers. Lags and ages are desk time; `unknown_lengths` counts packets by their length.

        `trouble` is why ticks are not kept for now, `remedy` what helps; both empty while they are.
        """
        now_ns = self._clock.now_ns()
        return {
            "feed": self._settings.feed,
            "records": self.records,
            "packets": self.packets,
            "rows": self.rows,
            "truncated": self.truncated,
            "unknown_lengths": {str(length): count for length, count in self.unknown_lengths.items()},
            "unknown_tokens": self.unknown_tokens,
            "damaged": len(self._reader.damaged),
            "trouble": self._trouble,
            "remedy": self._remedy,
            "lag_ms": self._lag_ns // 1_000_000,
            **self._minute.gauges(now_ns),
        }

    def _take(self, records: list[Record]) -> None:
        names = self._names.on(records[0].position.hour[:8])
        decoded = decode_records(records, self._decode, names)
        for rows in decoded.rows:
            self._store.append(rows.table, rows.columns, feed=self._settings.feed)
            self._live.update(rows)
        if self._waiting_since is None:
            self._waiting_since = self._clock.monotonic()
        self._count(records, decoded)
        self._minute.add(records[-1].ts_recv_ns, decoded)
        self._lag_ns = max(0, self._clock.now_ns() - records[0].ts_recv_ns)

    def _count(self, records: list[Record], decoded: Decoded) -> None:
        rows = sum(len(part) for part in decoded.rows)
        self.records += len(records)
        self.packets += decoded.packets
        self.rows += rows
        self.truncated += decoded.truncated
        self.unknown_tokens += decoded.unknown_tokens
        self.unknown_lengths.update(decoded.unknown_lengths)
        self._waiting_rows += rows

    def _due(self) -> bool:
        if self._waiting_since is None:
            return False
        waited_s = self._clock.monotonic() - self._waiting_since
        patience_s = self._settings.flush_s * (_PATIENCE_BEHIND if self.behind else 1)
        return waited_s >= patience_s or self._waiting_rows >= self._settings.flush_rows

    def _keep(self) -> None:
        """Make the rows durable and only then the place behind them."""
        self._store.flush()
        self._save_place()
        self._waiting_rows, self._waiting_since = 0, None

    def _save_place(self) -> None:
        try:
            self._reader.save()
        except OSError as error:
            told = f"the place in the journal of {self._settings.feed} cannot be kept: {error.strerror}"
            raise StoreError(told, permanent=False, hint="make room on the disk of the journal") from error

    def _flush(self) -> None:
        """Keep what is due; when the store cannot for now, say so and try again later."""
        try:
            self._keep()
        except StoreError as error:
            if error.permanent:
                raise
            if not self._trouble:
                self._log.error("ticks cannot be kept, the journal waits", error=str(error))
            if not (self._trouble and error.hint == self._remedy):
                what = f"ticks of {self._settings.feed} cannot be kept, the journal waits: {error}"
                self._alarms.raise_("warning", what, error.hint)
            self._trouble, self._remedy = str(error), error.hint
            self._waiting_since = self._clock.monotonic()
            return
        if self._trouble:
            self._log.info("ticks are kept again")
        self._trouble = self._remedy = ""


class _Stretch(NamedTuple):
    ts_recv_ns: int
    packets: int
    lags_s: NDArray[np.float64]


class _LagCounts:
    """How many packets came how late, in hundredths of a second up to a minute: a whole day in 48 KB."""

    def __init__(self) -> None:
        self._counts = np.zeros(_LAG_BINS, dtype=np.int64)

    def add(self, lags_s: NDArray[np.float64]) -> None:
        bins = np.clip(np.round(lags_s * 100), 0, _LAG_BINS - 1).astype(np.int64)
        self._counts += np.bincount(bins, minlength=_LAG_BINS)

    def quantile(self, share: float) -> float | None:
        """The lag that this share of the packets did not exceed; None before the first one."""
        total = int(self._counts.sum())
        if not total:
            return None
        return int(np.searchsorted(np.cumsum(self._counts), share * total)) / 100


class LastMinute:
    """Rate and receive lag over the last minute of desk time, and the lag since the start."""

    def __init__(self) -> None:
        self._stretches: deque[_Stretch] = deque()
        self._whole = _LagCounts()
        self._last_data_ns = 0

    def add(self, ts_recv_ns: int, decoded: Decoded) -> None:
        """Take note of records, the newest of which was received at `ts_recv_ns`."""
        if not decoded.packets:
            return
        lags = list(receive_lags_s(decoded.rows))
        for part in lags:
            self._whole.add(part)
        self._stretches.append(_Stretch(ts_recv_ns, decoded.packets, np.concatenate(lags) if lags else np.empty(0)))
        self._last_data_ns = max(self._last_data_ns, ts_recv_ns)

    def gauges(self, now_ns: int) -> dict[str, float | None]:
        """Packets per second, median and 99th percentile of the receive lag, and the age of the newest data."""
        while self._stretches and self._stretches[0].ts_recv_ns < now_ns - _MINUTE_NS:
            self._stretches.popleft()
        lags = np.concatenate([stretch.lags_s for stretch in self._stretches] or [np.empty(0)])
        p50, p99 = np.percentile(lags, (50, 99)).tolist() if len(lags) else (None, None)
        return {
            "packets_per_s": sum(stretch.packets for stretch in self._stretches) / 60,
            "receive_lag_p50_s": p50,
            "receive_lag_p99_s": p99,
            "receive_lag_p50_since_start_s": self._whole.quantile(0.50),
            "receive_lag_p95_since_start_s": self._whole.quantile(0.95),
            "last_data_age_s": (now_ns - self._last_data_ns) / NS_PER_S if self._last_data_ns else None,
        }
