"""What `muhurat capture follow` does with its options."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from muhurat import app
from muhurat.capture.tick_lines import tick_lines
from muhurat.capture.universe import load_universe
from muhurat.cli.output import print_json_lines
from muhurat.config import usual_stream
from muhurat.errors import UsageError
from muhurat.venues.kite.decode import decode_message

if TYPE_CHECKING:
    from muhurat.capture.follower import Sink
    from muhurat.capture.journal import Record


class Following(NamedTuple):
    """The options."""

    redis: str
    feed: str | None
    stream: str | None
    group: str
    consumer: str | None
    store: str | None
    universe: Path | None
    once: bool
    json: bool


def run(wanted: Following) -> None:
    """Follow until SIGTERM; whatever is wrong, and at the end what was met, goes to the error output."""
    if wanted.feed and wanted.stream:
        raise UsageError("--feed and --stream name one thing twice", hint="give one of them")
    if wanted.store and wanted.json:
        raise UsageError("--json prints and --store keeps", hint="give one of them")
    stream = wanted.stream or usual_stream(wanted.feed or "sso_xvenue")
    source = app.Source(wanted.redis, stream, wanted.group, wanted.consumer or socket.gethostname())
    with _sink(wanted) as sink:
        met = app.follow(source, sink, _tell, once=wanted.once)
    _tell(f"{met.records:,} records, {len(met.gaps):,} gaps, {met.foreign:,} entries of others")


class LineSink:
    """Prints ticks, one a line."""

    def __init__(self, show: Callable[[Iterator[dict[str, Any]]], None], symbols: Mapping[int, str]) -> None:
        self._show = show
        self._symbols = symbols

    def take(self, feed: str, records: Sequence[Record]) -> None:
        self._show(tick_lines(records, decode_message, self._symbols))
        sys.stdout.flush()

    def keep(self) -> None:
        """What is printed is with whoever reads it."""


@contextmanager
def _sink(wanted: Following) -> Iterator[Sink]:
    if wanted.store is not None:
        with app.store_sink(wanted.store, wanted.universe) as sink:
            yield sink
        return
    named = load_universe(wanted.universe).instruments if wanted.universe else {}
    symbols = {entry.token: symbol for symbol, entry in named.items()}
    yield LineSink(print_json_lines if wanted.json else _print_plainly, symbols)


def _print_plainly(ticks: Iterator[dict[str, Any]]) -> None:
    for tick in ticks:
        print(tick["timestamp"], tick["symbol"] or tick["instrument_token"], tick["last_price"])


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
