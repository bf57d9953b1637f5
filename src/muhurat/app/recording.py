"""The processes that choose instruments, record feeds and keep their ticks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from muhurat.app.desk import calendar_of, kite, kite_rest, start, stop_event, tick_store, token_file
from muhurat.clock import Clock, ist
from muhurat.config import Desk
from muhurat.errors import UsageError
from muhurat.heartbeat import Heartbeat
from muhurat.log import also_to

if TYPE_CHECKING:
    from muhurat.capture.universe import IndexUniverse, Universe
    from muhurat.model.instrument import Instrument


class _Named(NamedTuple):
    """What a feed's own log is called, and what the recorder is called in it."""

    log: str
    title: str


_KNOWN_CRAWLERS: Final = {"sso_xvenue": _Named("crawler3_sso_xvenue", "Crawler 3")}
"""The names that the desk's people know from the crawlers before Muhurat."""


def prepare_universe(desk: Desk, *, again: bool = False) -> None:
    """Fetch today's instruments and write today's universe file of every feed.

    A file that is there already is left alone, so that a day goes on with the instruments it began with; `again` makes
    it anew.
    """
    choose_instruments(desk, start("universe", desk), again=again)


def choose_instruments(desk: Desk, clock: Clock, *, again: bool = False) -> dict[str, int]:
    """What `prepare_universe` does, in a process that has its own log; how many instruments by feed."""
    from muhurat.capture.universe import UNIVERSES, load_universe, save_universe, universe_path
    from muhurat.venues.kite.instruments import save_instruments

    day = ist(clock.now_ns()).date()
    chosen = {}
    for name, feed in desk.feeds.items():
        path = universe_path(desk.data_dir / "universe", name, day)
        if again or not path.exists():
            if feed.universe in UNIVERSES:
                instruments = _instruments(desk, UNIVERSES[feed.universe])
                save_instruments(desk.data_dir / "reference", day, instruments)
                save_universe(path, _universe(desk, name, instruments, clock))
            else:
                save_universe(path, load_universe(desk.path(feed.universe)))
        chosen[name] = len(load_universe(path).instruments)
    return chosen


def _instruments(desk: Desk, kind: IndexUniverse) -> list[Instrument]:
    from muhurat.venues.kite.instruments import KiteInstruments

    exchanges = {kind.exchange, kind.derivatives, *(kind.volatility or ())[:1]}
    return KiteInstruments(kite(desk).root, token_file(desk).read).fetch(sorted(exchanges))


def _universe(desk: Desk, name: str, instruments: Sequence[Instrument], clock: Clock) -> Universe:
    """A feed's universe around the present spot; a simulator's made-up prices are noted with their instruments."""
    from muhurat.capture.universe import UNIVERSES, UniverseError, build

    feed, rest, now_ns = desk.feeds[name], kite_rest(desk, clock), clock.now_ns()
    kind = UNIVERSES[feed.universe]
    spot = rest.last_prices([kind.spot_key]).get(kind.spot_key)
    if spot is None:
        raise UniverseError(f"Kite gives no last price of {kind.spot_key}", hint="try again in a minute")
    chosen = partial(
        build,
        kind,
        instruments,
        spot,
        ist(now_ns).date(),
        feed=name,
        venue=feed.venue,
        mode=feed.mode,
        strikes=feed.strikes,
        built_at_ns=now_ns,
    )
    universe = chosen()
    entries = [*universe.instruments.values(), *universe.reserve.values()]
    quotes = rest.quotes([f"{entry.exchange}:{entry.symbol}" for entry in entries])
    made_up = frozenset(key.partition(":")[2] for key, quote in quotes.items() if quote.modelled)
    return chosen(modelled=made_up) if made_up else universe


def run_recorder(desk: Desk) -> None:
    """The recorder's process: one stream and one journal per feed."""
    from muhurat.calendars.session import at
    from muhurat.capture.disk_forecast import DiskForecast
    from muhurat.capture.recorder import FeedPlan, run
    from muhurat.venues.kite.stream import KiteStream

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
            title=_named(desk, name).title,
        )
        for name, feed in desk.feeds.items()
    ]
    for name in desk.feeds:
        also_to(desk.logs_dir / f"{_named(desk, name).log}.log", feed=name)
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
        streams = {
            plan.name: KiteStream(
                kite(desk).ticker,
                tokens.read().api_key,
                tokens.access_token,
                clock,
                data_due=lambda now_ns: session is not None and session.contains(now_ns),
            )
            for plan in plans
        }
        await run(plans, streams, clock, Heartbeat("recorder", desk.run_dir, clock), stop, disk)

    asyncio.run(record())


def _named(desk: Desk, feed: str) -> _Named:
    known = _KNOWN_CRAWLERS.get(feed, _Named(f"feed_{feed}", "Recorder"))
    return known._replace(log=desk.feeds[feed].log or known.log)


def run_decode(desk: Desk, feed: str | None = None) -> None:
    """The process that keeps a feed's ticks; without a name, those of the desk's only feed."""
    from muhurat.capture.decode_service import DecodeSettings, run
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
    with tick_store(desk, clock) as store:
        run(settings, decode_message, store, clock, heartbeat, stop)


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
