"""The desk for Prometheus: what every process said of itself last, as text in Prometheus' exposition format.

It is made of heartbeats alone, so asking for it costs no database anything. A value that nobody knows is left out,
never 0: what a process that is gone said of its present, too. Lags and ages are desk time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from muhurat import __version__
from muhurat.capture.companions import decoders, publishers
from muhurat.clock import NS_PER_S, Clock
from muhurat.heartbeat import read_heartbeats
from muhurat.web.status import desk_status

Gauges = Mapping[str, Any]

_HOUR_S: Final = 3600.0
_RECENT_S: Final = 30.0
_ALIVE: Final = frozenset({"running", "unsupervised", "stopping"})
_RECEIVED: Final = (
    ("packets", "packets", "Packets received today."),
    ("messages", "messages", "Messages received today, heartbeats among them."),
    ("bytes", "bytes", "Bytes of messages received today."),
    ("gaps", "gaps", "Spans of today in which data are missing."),
    ("reconnects", "reconnects", "Connections of today after the first."),
    ("dropped_records", "dropped_records", "Messages lost because the disk refused for too long."),
    ("clock_doubt", "clock_doubt_records", "Messages received at an earlier time than the one before."),
)
_NOW: Final = (
    ("rate", "packets_per_second", "Packets per second of desk time at present."),
    ("buffered_records", "buffered_records", "Messages in memory, waiting for the disk."),
    ("buffered_bytes", "buffered_bytes", "Bytes in memory, waiting for the disk."),
    ("instruments", "instruments", "Instruments subscribed."),
    ("login_needed", "login_needed", "1 while the venue refuses the session and waits for another."),
)
_DECODED: Final = (
    ("rows", "ticks", "Ticks put into the tick store by the running decode service."),
    ("truncated", "truncated_messages", "Messages that announced more than they held."),
    ("unknown_tokens", "unknown_instrument_packets", "Packets of instruments that the universe does not name."),
    ("damaged", "damaged_places", "Places in the journal that cannot be read."),
)
_PUBLISHED: Final = (
    ("published_records", "records", "Messages put on the stream."),
    ("published_bytes", "bytes", "Bytes put on the stream."),
    ("dropped_records", "dropped_records", "Messages that the stream did not get; the journal has them."),
)
_BEHIND: Final = (
    ("behind_records", "behind_records", "Messages of the journal that are not published yet."),
    ("behind_bytes", "behind_bytes", "Bytes of the journal that are not published yet."),
    ("lag_s", "lag_seconds", "Age of the newest published message while others wait, else 0."),
)
_QUANTILES: Final = (("0.5", "receive_lag_p50_s"), ("0.99", "receive_lag_p99_s"))


def metrics(run_dir: Path, clock: Clock) -> tuple[bytes, str]:
    """The text and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Desk(run_dir, clock))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Desk(Collector):
    """Everything that is known at one moment."""

    def __init__(self, run_dir: Path, clock: Clock) -> None:
        self._run_dir = run_dir
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        words, status = read_heartbeats(self._run_dir), desk_status(self._run_dir)
        feeds: Mapping[str, Gauges] = status["feeds"]
        living = self._living(status, words)
        present = {name: word for name, word in words.items() if name in living}
        recording = feeds if "recorder" in living else {}
        yield _one("muhurat_build_info", "The version that runs.", 1, version=__version__)
        yield from _counters("muhurat_feed", _RECEIVED, feeds)
        yield from _gauges("muhurat_feed", _NOW, recording)
        yield from self._feeds(feeds, recording)
        yield from _decoded(decoders(words), decoders(present))
        yield from _counters("muhurat_publish", _PUBLISHED, publishers(words))
        yield from _gauges("muhurat_publish", _BEHIND, publishers(present))
        yield from _disk(status["disk"])
        yield from self._services(status, present)

    def _living(self, status: Gauges, words: Mapping[str, Gauges]) -> frozenset[str]:
        """The processes that are there: by the supervisor's word, else by their own if it is new."""
        rows = {str(row["name"]): row["state"] in _ALIVE for row in status["services"]}
        rows["supervisor"] = status["supervisor"] != "not running"
        monotonic = self._clock.monotonic()
        by_word = {name: 0 <= monotonic - float(word["monotonic"]) < _RECENT_S for name, word in words.items()}
        return frozenset(name for name, lives in (by_word | rows).items() if lives)

    def _feeds(self, feeds: Mapping[str, Gauges], recording: Mapping[str, Gauges]) -> Iterator[Metric]:
        now_ns = self._clock.now_ns()
        up = "1 while the feed is connected and carries data."
        carrying = {name: {"up": recording.get(name, {}).get("state") == "connected"} for name in feeds}
        yield _gauge("muhurat_feed_up", up, carrying, lambda told: told["up"])
        yield _gauge(
            "muhurat_feed_last_data_age_seconds",
            "Age of the newest data.",
            feeds,
            lambda facts: (now_ns - last) / NS_PER_S if (last := facts.get("last_data_ns")) else None,
        )

    def _services(self, status: Gauges, words: Mapping[str, Gauges]) -> Iterator[Metric]:
        monotonic = self._clock.monotonic()
        rows = {str(row["name"]): row for row in status["services"]}
        watched = status["supervisor"] == "running"
        yield _one("muhurat_supervisor_up", "1 while the supervisor runs and answers.", watched)
        up = "1 while the service has a process."
        yield _gauge("muhurat_service_up", up, rows, lambda row: row["state"] in _ALIVE, label="service")
        restarts = CounterMetricFamily("muhurat_service_restarts", "Restarts of the service.", labels=["service"])
        for name, row in rows.items():
            restarts.add_metric([name], row["restarts"])
        yield restarts
        age = "Real seconds since the process said something of itself."
        yield _gauge(
            "muhurat_heartbeat_age_seconds",
            age,
            words,
            lambda word: max(0.0, monotonic - float(word["monotonic"])),
            label="service",
        )


def _decoded(found: Mapping[str, Gauges], present: Mapping[str, Gauges]) -> Iterator[Metric]:
    yield from _counters("muhurat_decode", _DECODED, found)
    unknown = CounterMetricFamily(
        "muhurat_decode_unknown_packets", "Packets of a length that means nothing.", labels=["feed", "length"]
    )
    lag = GaugeMetricFamily(
        "muhurat_feed_receive_lag_seconds",
        "From the exchange's second to reception, over the last minute.",
        labels=["feed", "quantile"],
    )
    for feed, gauges in found.items():
        for length, number in (gauges.get("unknown_lengths") or {}).items():
            unknown.add_metric([feed, str(length)], number)
    for feed, gauges in present.items():
        for quantile, name in _QUANTILES:
            if gauges.get(name) is not None:
                lag.add_metric([feed, quantile], gauges[name])
    yield from (unknown, lag)
    behind = "Age of the oldest message that is not decoded yet."
    yield _gauge("muhurat_decode_lag_seconds", behind, present, lambda told: _thousandth(told.get("lag_ms")))


def _disk(disk: Gauges) -> Iterator[Metric]:
    left_h = disk.get("hours_left")
    told = (
        ("free_bytes", "Free on the disk of the journal.", disk.get("free_bytes")),
        ("fill_bytes_per_hour", "What an hour of desk time takes at the present rate.", disk.get("bytes_per_hour")),
        ("full_in_seconds", "Until the disk is full at that rate.", None if left_h is None else left_h * _HOUR_S),
        ("trouble", "1 while the room does not do for the day, or is not known.", bool(disk.get("trouble"))),
    )
    for name, meaning, value in told if disk else ():
        if value is not None:
            yield _one(f"muhurat_disk_{name}", meaning, value)


def _one(name: str, meaning: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _counters(begin: str, names: Iterable[tuple[str, str, str]], found: Mapping[str, Gauges]) -> Iterator[Metric]:
    """A counter for each gauge that any feed tells."""
    for key, name, meaning in names:
        family = CounterMetricFamily(f"{begin}_{name}", meaning, labels=["feed"])
        for feed, gauges in found.items():
            if gauges.get(key) is not None:
                family.add_metric([feed], gauges[key])
        yield family


def _gauges(begin: str, names: Iterable[tuple[str, str, str]], found: Mapping[str, Gauges]) -> Iterator[Metric]:
    for key, name, meaning in names:
        yield _gauge(f"{begin}_{name}", meaning, found, lambda gauges, key=key: gauges.get(key))  # type: ignore[misc]


def _gauge(
    name: str,
    meaning: str,
    found: Mapping[str, Gauges],
    value_of: Callable[[Gauges], float | None],
    *,
    label: str = "feed",
) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for whose, told in found.items():
        value = value_of(told)
        if value is not None:
            family.add_metric([whose], float(value))
    return family


def _thousandth(number: float | None) -> float | None:
    return None if number is None else number / 1000
