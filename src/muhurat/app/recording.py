"""The processes that record feeds and keep their ticks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from muhurat.app.desk import calendar_of, clock_of, kite, kite_rest, start, stop_event, tick_store, token_file
from muhurat.app.relisting import look_for_new_contracts
from muhurat.clock import ist
from muhurat.config import Desk, feed_log
from muhurat.errors import UsageError
from muhurat.heartbeat import Heartbeat
from muhurat.log import also_to

if TYPE_CHECKING:
    from muhurat.capture.ingest import Ingested


_TITLES: Final = {"sso_xvenue": "Crawler 3"}
"""What feeds' recorders were called in the logs of the crawlers before Muhurat."""


def run_recorder(desk: Desk) -> None:
    """The recorder's process: one journal per feed, and every connection to the venue."""
    from muhurat.calendars.session import at
    from muhurat.capture.allocation import Limits
    from muhurat.capture.connections import ConnectionPool
    from muhurat.capture.disk_forecast import DiskForecast
    from muhurat.capture.recorder import FeedPlan, run
    from muhurat.supervisor.alerts import Alerts
    from muhurat.venues.kite.stream import KiteStream
    from muhurat.venues.kite.subscription import MOST_CONNECTIONS, MOST_INSTRUMENTS

    clock = start("recorder", desk)
    session = calendar_of(desk).session(ist(clock.now_ns()).date())
    tokens = token_file(desk)
    plans = [
        FeedPlan(
            name=name,
            journal=desk.data_dir / "raw_ticks" / name,
            universe=desk.data_dir / "universe",
            mode=feed.mode,
            opens_ns=at(session, feed.start) if session else None,
            closes_ns=at(session, feed.stop) if session else None,
            title=_TITLES.get(name, "Recorder"),
        )
        for name, feed in desk.feeds.items()
    ]
    for name in desk.feeds:
        also_to(desk.logs_dir / f"{feed_log(desk, name)}.log", feed=name)
    disk = DiskForecast(
        desk.data_dir,
        clock,
        least_free_bytes=desk.desk.least_free_gb * 1e9,
        closes_ns=max((plan.closes_ns for plan in plans if plan.closes_ns), default=None),
    )

    async def record() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)

        def open_stream() -> KiteStream:
            return KiteStream(
                kite(desk).ticker,
                tokens.api_key(),
                tokens.access_token,
                clock,
                data_due=lambda now_ns: session is not None and session.contains(now_ns),
            )

        pool = ConnectionPool(open_stream, Limits(MOST_INSTRUMENTS, MOST_CONNECTIONS), _traded_first(desk))
        looking = asyncio.create_task(look_for_new_contracts(desk, session, clock))
        tell = Alerts(desk.run_dir, clock).raise_
        try:
            heartbeat = Heartbeat("recorder", desk.run_dir, clock)
            await run(plans, pool.streams, clock, heartbeat, stop, tell=tell, disk=disk, left_out=pool.left_out)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    asyncio.run(record())


def _traded_first(desk: Desk) -> list[str]:
    """The feeds, with the one that is traded first: it never gives way to the others."""
    traded = desk.trading.feed if desk.trading else None
    return sorted(desk.feeds, key=lambda name: name != traded)


def run_decode(desk: Desk, feed: str | None = None) -> None:
    """The process that keeps a feed's ticks; without a name, those of the desk's only feed."""
    from muhurat.capture.decode_service import DecodeSettings, run
    from muhurat.supervisor.alerts import Alerts
    from muhurat.venues.kite.decode import decode_message

    name = feed or _only_feed(desk)
    service = decode_service_name(desk, name)
    clock = start(service, desk)
    settings = DecodeSettings(
        journal=desk.data_dir / "raw_ticks" / name,
        feed=name,
        universe=desk.data_dir / "universe",
        live=desk.run_dir / _live_view(desk, name),
    )
    heartbeat, stop = Heartbeat(service, desk.run_dir, clock), stop_event()
    tell = Alerts(desk.run_dir, clock).raise_
    with tick_store(desk, clock) as store:
        run(settings, decode_message, store, clock, heartbeat, stop, tell)


def ingest_ticks(desk: Desk, feed: str | None, chosen: str, *, anew: bool = False) -> Iterator[Ingested]:
    """Put a feed's recorded hours that begin with `chosen` into the tick store, hour after hour; `anew` in the place of
    what it has of them."""
    from muhurat.capture.ingest import ingest, recorded_hours, replace
    from muhurat.capture.token_names import TokenNames
    from muhurat.venues.kite.decode import decode_message

    name = feed or _only_feed(desk)
    names = TokenNames(desk.data_dir / "universe", name)
    hours = recorded_hours(desk.data_dir / "raw_ticks" / name, name, chosen)
    with tick_store(desk, clock_of(desk)) as store:
        for paths in hours:
            yield (replace if anew else ingest)(paths, decode_message, names, store)


def run_limits(desk: Desk) -> None:
    """The process that asks for the price bands of all feeds."""
    from muhurat.capture.circuit_limits import run

    clock, stop = start("limits", desk), stop_event()
    heartbeat = Heartbeat("limits", desk.run_dir, clock)
    run(list(desk.feeds), desk.data_dir / "universe", kite_rest(desk, clock), clock, heartbeat, stop)


def decode_service_name(desk: Desk, feed: str) -> str:
    """`decode`, or `decode_<feed>` on a desk with several feeds."""
    return "decode" if len(desk.feeds) == 1 else f"decode_{feed}"


def _live_view(desk: Desk, feed: str) -> str:
    """The page reads `live.json`: the feed that is traded, or the only one."""
    traded = desk.trading.feed if desk.trading else next(iter(desk.feeds))
    return "live.json" if feed == traded else f"live_{feed}.json"


def _only_feed(desk: Desk) -> str:
    if len(desk.feeds) != 1:
        raise UsageError(
            f"{desk.source} has {len(desk.feeds)} feeds", hint=f"name one with --feed: {', '.join(desk.feeds)}"
        )
    return next(iter(desk.feeds))
