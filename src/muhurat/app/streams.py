"""The processes at both ends of a stream: the one that publishes a feed, and one that follows it anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from muhurat.app.desk import start, stop_event
from muhurat.clock import SystemClock
from muhurat.config import Desk, streams_of
from muhurat.errors import UsageError
from muhurat.heartbeat import Heartbeat

if TYPE_CHECKING:
    from muhurat.capture.follower import Follower, Sink
    from muhurat.stores.base import Stream

_MB: Final = 1_000_000
_NOTHING: Final = "set stores.stream to publish any"


def run_publish(desk: Desk, feed: str | None = None) -> None:
    """The process that publishes a feed's journal; without a name, that of the only feed that is published."""
    from muhurat.capture.publisher import PublishSettings, run

    name = feed or _only_published(desk)
    stream = stream_of(desk, name)
    service = publish_service_name(desk, name)
    clock = start(service, desk)
    heartbeat, stop = Heartbeat(service, desk.run_dir, clock), stop_event()
    try:
        run(PublishSettings(desk.data_dir / "raw_ticks" / name, name), stream, clock, heartbeat, stop)
    finally:
        stream.close()


def stream_of(desk: Desk, feed: str) -> Stream:
    """A feed's stream; raises `UsageError` when the desk does not publish it."""
    from muhurat.capture.stream_records import FIELDS
    from muhurat.stores.registry import open_stream

    streams = streams_of(desk)
    if feed not in streams:
        hint = f"published are: {', '.join(streams)}" if streams else _NOTHING
        raise UsageError(f"{desk.source} does not publish a feed {feed!r}", hint=hint)
    limit = desk.feeds[feed].publish_limit_mb * _MB
    return open_stream(desk.stores.stream, streams[feed], fields=FIELDS, limit_bytes=limit)


def publish_service_name(desk: Desk, feed: str) -> str:
    """`publish`, or `publish_<feed>` on a desk that publishes several feeds."""
    return "publish" if len(streams_of(desk)) == 1 else f"publish_{feed}"


class Source(NamedTuple):
    """What to follow: one stream, as one consumer of a group."""

    url: str
    stream: str
    group: str
    consumer: str


def follow(source: Source, sink: Sink, tell: Callable[[str], None], *, once: bool = False) -> Follower:
    """Follow a stream into a sink until SIGTERM, or with `once` until there is nothing more; what was met."""
    from muhurat.capture.follower import Follower
    from muhurat.stores.registry import open_group

    reading = open_group(source.url, source.stream, group=source.group, consumer=source.consumer)
    try:
        follower = Follower(reading, sink, SystemClock(), tell)
        follower.run(stop_event(), once=once)
        return follower
    finally:
        reading.close()


@contextmanager
def store_sink(url: str, universe: Path | None) -> Iterator[Sink]:
    """A tick store of one's own to follow into; `universe` is the file that names the instruments."""
    from muhurat.capture.follower import StoreSink
    from muhurat.capture.token_names import DayNames, names_of
    from muhurat.stores.registry import open_tick_store
    from muhurat.venues.kite.decode import decode_message

    folder = Path.cwd()
    names = names_of(universe) if universe is not None else DayNames({})
    files = universe.parent if universe is not None else folder / "universe"
    with open_tick_store(url, base=folder, clock=SystemClock(), universe=files) as store:
        yield StoreSink(store, decode_message, names)


def _only_published(desk: Desk) -> str:
    streams = streams_of(desk)
    if len(streams) != 1:
        hint = f"name one with --feed: {', '.join(streams)}" if streams else _NOTHING
        raise UsageError(f"{desk.source} publishes {len(streams)} feeds", hint=hint)
    return next(iter(streams))
