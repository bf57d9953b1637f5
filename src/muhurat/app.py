"""The composition root: desk settings become objects here, and only here are concrete parts named."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from muhurat.clock import Clock, clock_from_environment, ist, ist_ns
from muhurat.config import Desk, KiteSection, Known, load_desk
from muhurat.errors import UsageError
from muhurat.heartbeat import Heartbeat
from muhurat.log import configure, register_secret
from muhurat.model.money import to_paise

if TYPE_CHECKING:
    from muhurat.calendars.calendar import Calendar
    from muhurat.calendars.session import Session
    from muhurat.capture.universe import IndexUniverse, Universe
    from muhurat.model.bar import Bar
    from muhurat.model.instrument import Instrument
    from muhurat.stores.base import TickStore
    from muhurat.supervisor.spec import ServiceSpec, Window
    from muhurat.supervisor.supervisor import Supervisor
    from muhurat.trading.session import SessionFacts
    from muhurat.venues.base import History
    from muhurat.venues.kite.login import TokenFile
    from muhurat.venues.kite.rest import KiteRest
    from muhurat.web.snapshot import Place

VENUES: Final = frozenset({"kite"})
UNIVERSE_INDEX: Final = "BSE:SENSEX"
_UNIVERSE_LEADS_S: Final = 1200
_DECODE_LINGERS_S: Final = 120
_TRADER_LINGERS_S: Final = 120


def known() -> Known:
    """The names that this version's registries know."""
    from muhurat.capture.universe import UNIVERSES
    from muhurat.stores.registry import TICK_STORES
    from muhurat.trading.strategy import STRATEGIES

    return Known(VENUES, frozenset(STRATEGIES), frozenset(TICK_STORES), frozenset(UNIVERSES))


def open_desk(source: Path, overlays: Sequence[Path] = ()) -> Desk:
    """The desk of a file, its secrets hidden from every log; raises `ConfigError` with every problem."""
    desk = load_desk(source, overlays, known=known())
    if desk.venues.kite is not None:
        for secret in (desk.venues.kite.api_secret, desk.venues.kite.api_key):
            register_secret(secret)
    return desk


def calendar_of(desk: Desk) -> Calendar:
    """The desk's calendar with its overlays: those it names, or the file that `calendar import` writes."""
    from muhurat.calendars.calendar import calendar_for, desk_overlays

    chosen = desk.calendar
    overlays = tuple(desk.path(path) for path in chosen.overlays) or desk_overlays(desk.folder, chosen.mic)
    return calendar_for(chosen.mic, chosen.segment, overlays)


def place_of(desk: Desk) -> Place:
    """What the page and the report need to know of a desk."""
    from muhurat.web.snapshot import Place

    mode = desk.trading.mode if desk.trading else "debug"
    return Place(desk.desk.name, mode, desk.run_dir, desk.data_dir, calendar_of(desk))


def tick_store(desk: Desk, clock: Clock) -> TickStore:
    from muhurat.stores.registry import open_tick_store

    return open_tick_store(desk.stores.ticks, base=desk.folder, clock=clock, universe=desk.data_dir / "universe")


def supervisor(desk: Desk) -> Supervisor:
    """The supervisor of a desk's services, with its log set up."""
    from muhurat.supervisor.supervisor import Supervisor

    clock = _start("supervisor", desk)
    chosen = desk.supervisor
    return Supervisor(
        services(desk),
        desk.run_dir,
        desk.logs_dir,
        clock,
        check_interval_s=chosen.health.check_interval,
        shutdown_s=chosen.timeouts.shutdown,
    )


def services(desk: Desk) -> list[ServiceSpec]:
    """What the desk file asks to be kept running, in the order of the day."""
    from muhurat.supervisor.spec import SessionWindow

    calendar = calendar_of(desk)
    found = [_service(desk, "web", ("web",), None)]
    if desk.feeds:
        starts = tuple(feed.start for feed in desk.feeds.values())
        stops = tuple(feed.stop for feed in desk.feeds.values())
        recording = SessionWindow(calendar, starts, stops)
        found.append(_service(desk, "universe", ("capture", "universe"), replace(recording, lead_s=_UNIVERSE_LEADS_S)))
        found.append(_service(desk, "recorder", ("capture", "run"), recording))
    for name, feed in desk.feeds.items():
        decoding = SessionWindow(calendar, (feed.start,), (feed.stop,), linger_s=_DECODE_LINGERS_S)
        found.append(_service(desk, decode_service_name(desk, name), ("capture", "decode", "--feed", name), decoding))
    if desk.trading is not None and desk.trading.mode != "debug":
        feed = desk.feeds[desk.trading.feed]
        trading = SessionWindow(calendar, (feed.start,), (feed.stop,), linger_s=_TRADER_LINGERS_S)
        found.append(_service(desk, "trader", ("trade", "--mode", desk.trading.mode), trading))
    return found


def _service(desk: Desk, name: str, verb: tuple[str, ...], window: Window | None) -> ServiceSpec:
    from muhurat.supervisor.spec import Patience, ServiceSpec

    chosen = desk.supervisor
    overlays = tuple(part for overlay in desk.overlays for part in ("--overlay", str(overlay)))
    return ServiceSpec(
        name=name,
        command=(sys.executable, "-m", "muhurat", *verb, "--desk", str(desk.source), *overlays),
        window=window,
        patience=Patience(
            start_s=chosen.timeouts.start,
            stop_s=chosen.timeouts.process_shutdown,
            first_delay_s=chosen.retry.initial_delay,
            longest_delay_s=chosen.retry.max_delay,
            burst=chosen.retry.burst,
            burst_window_s=chosen.retry.burst_window,
            healthy_after_s=chosen.retry.healthy_after,
        ),
        memory_limit_mb=chosen.health.memory_limit_mb,
    )


def prepare_universe(desk: Desk) -> None:
    """Fetch today's instruments and write today's universe file of every feed."""
    from muhurat.capture.universe import UNIVERSES, load_universe, save_universe, universe_path
    from muhurat.venues.kite.instruments import save_instruments

    clock = _start("universe", desk)
    day = ist(clock.now_ns()).date()
    for name, feed in desk.feeds.items():
        if feed.universe in UNIVERSES:
            instruments = _instruments(desk, UNIVERSES[feed.universe])
            save_instruments(desk.data_dir / "reference", day, instruments)
            universe = _universe(desk, name, instruments, clock)
        else:
            universe = load_universe(desk.path(feed.universe))
        save_universe(universe_path(desk.data_dir / "universe", name, day), universe)


def _instruments(desk: Desk, kind: IndexUniverse) -> list[Instrument]:
    from muhurat.venues.kite.instruments import KiteInstruments

    exchanges = {kind.exchange, kind.derivatives, *(kind.volatility or ())[:1]}
    return KiteInstruments(kite(desk).root, token_file(desk).read).fetch(sorted(exchanges))


def _universe(desk: Desk, name: str, instruments: Sequence[Instrument], clock: Clock) -> Universe:
    """A feed's universe around the present spot; a simulator's made-up prices are noted with their instruments."""
    from muhurat.capture.universe import UNIVERSES, build

    feed, rest, now_ns = desk.feeds[name], kite_rest(desk, clock), clock.now_ns()
    kind = UNIVERSES[feed.universe]
    spot = rest.last_prices([kind.spot_key])[kind.spot_key]
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
    from muhurat.capture.recorder import FeedPlan, run
    from muhurat.venues.kite.stream import KiteStream

    clock = _start("recorder", desk)
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
        )
        for name, feed in desk.feeds.items()
    ]

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
        await run(plans, streams, clock, Heartbeat("recorder", desk.run_dir, clock), stop)

    asyncio.run(record())


def run_decode(desk: Desk, feed: str | None = None) -> None:
    """The process that keeps a feed's ticks; without a name, those of the desk's only feed."""
    from muhurat.capture.decode_service import DecodeSettings, run
    from muhurat.venues.kite.decode import decode_message

    name = feed or _only_feed(desk)
    service = decode_service_name(desk, name)
    clock = _start(service, desk)
    settings = DecodeSettings(
        journal=desk.data_dir / "raw_ticks" / name,
        feed=name,
        universe=desk.data_dir / "universe",
        live=desk.run_dir / "live.json",
    )
    heartbeat, stop = Heartbeat(service, desk.run_dir, clock), _stop_event()
    with tick_store(desk, clock) as store:
        run(settings, decode_message, store, clock, heartbeat, stop)


def run_trader(source: Path, overlays: Sequence[Path], settings: Sequence[str] = ()) -> None:
    """The trader's process in TEST mode: paper money on the desk's live feed."""
    from muhurat.capture.journal import JournalReader, Position, hour_name
    from muhurat.trading.ledger import Ledger
    from muhurat.trading.paper import DISABLED, run_paper
    from muhurat.venues.kite.decode import decode_message

    desk = open_desk(source, overlays)
    clock = _start("trader", desk)
    facts = _session_facts(desk, clock, settings)
    folder = desk.data_dir / "raw_ticks" / facts.feed
    begin = Position(hour_name(ist_ns(facts.day, time.min)), 0)

    def open_records(place: Position | None) -> JournalReader:
        return JournalReader(folder, facts.feed, place or begin, name="trader")

    heartbeat, stop = Heartbeat("trader", desk.run_dir, clock), _stop_event()
    with Ledger(desk.data_dir / "ledger.db") as ledger:
        run_paper(
            facts,
            open_records,
            decode_message,
            ledger,
            desk.data_dir / "trading" / f"{facts.day:%Y%m%d}",
            clock,
            heartbeat,
            stop,
            disabled_file=desk.folder / DISABLED,
        )


def _session_facts(desk: Desk, clock: Clock, settings: Sequence[str]) -> SessionFacts:
    """Today's session for the trader: contracts by the dump, the previous session's bars by Kite's history."""
    from muhurat.capture.universe import load_universe, universe_path
    from muhurat.trading.contracts import current_week
    from muhurat.trading.parameters import from_desk, with_settings
    from muhurat.trading.session import SessionFacts
    from muhurat.venues.kite.instruments import load_instruments

    if desk.trading is None:
        raise UsageError(f"{desk.source} has no section trading", hint="add one, even empty: `trading: {}`")
    parameters, limits = with_settings(*from_desk(desk.trading), settings)
    calendar, day = calendar_of(desk), ist(clock.now_ns()).date()
    session = calendar.session(day)
    if session is None:
        raise UsageError(f"{day} has no session: {calendar.why(day)}")
    feed = desk.trading.feed
    universe = load_universe(universe_path(desk.data_dir / "universe", feed, day))
    entries = universe.reserve | universe.instruments
    instruments = load_instruments(desk.data_dir / "reference", day)
    index = next(row for row in instruments if row.key == UNIVERSE_INDEX)
    week = [
        replace(contract, modelled=contract.symbol in entries and entries[contract.symbol].modelled)
        for contract in current_week(instruments, day)
    ]
    recorded = [row for row in instruments if row.symbol in universe.instruments and row.type.is_option]
    return SessionFacts(
        day=day,
        mode=desk.trading.mode,
        windows=session.windows,
        contracts=tuple(week),
        history=_history(kite_rest(desk, clock), [index, *recorded], calendar.previous_session(day)),
        balance_paise=to_paise(limits.paper_capital),
        broker="quotes",
        index_symbol=index.symbol,
        index_token=index.token,
        feed=feed,
        parameters=parameters,
        limits=limits,
    )


def _history(source: History, instruments: Sequence[Instrument], session: Session) -> tuple[Bar, ...]:
    """The three-minute bars of a past session, in order of time."""
    bars = [bar for row in instruments for bar in source.candles(row, "3minute", session.open_ns, session.close_ns)]
    return tuple(sorted(bars, key=lambda bar: (bar.start_ns, bar.symbol)))


def run_web(desk: Desk) -> None:
    """The page's process."""
    from muhurat.web.server import serve

    clock = _start("web", desk)
    heartbeat = Heartbeat("web", desk.run_dir, clock)
    asyncio.run(serve(place_of(desk), clock, heartbeat, desk.web.host, desk.web.port))


def day_report(desk: Desk, day: date) -> dict[str, Any]:
    """What a day came to, as `web.day_report` describes it."""
    from muhurat.web.day_report import collect
    from muhurat.web.decisions import Decisions
    from muhurat.web.snapshot import take

    clock, place = clock_from_environment(), place_of(desk)
    shot = take(place, clock, Decisions(place.decisions_path(day)))
    with tick_store(desk, clock) as store:
        return collect(place, shot, tuple(desk.feeds), store, day)


def write_report(desk: Desk, report: dict[str, Any]) -> tuple[Path, Path]:
    """Keep a report as JSON and as HTML; returns both paths."""
    from muhurat.web.decisions import Decisions
    from muhurat.web.report_html import report_html

    day = date.fromisoformat(report["date"])
    seen = Decisions(place_of(desk).decisions_path(day))
    seen.follow()
    folder = desk.data_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    document, page = folder / f"{day}.json", folder / f"{day}.html"
    document.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page.write_text(report_html(report, seen.bars, seen.fills), encoding="utf-8")
    return document, page


def print_report(report: dict[str, Any], written: Sequence[Path]) -> None:
    """The report for a terminal, with where it was kept."""
    from muhurat.web.report_text import print_report as show

    show(report, written)


def save_token(desk: Desk, session: dict[str, str]) -> None:
    """Keep a Kite session for the desk's services; its values are hidden from every log."""
    from muhurat.venues.kite.login import KiteToken

    for name in ("access_token", "api_secret"):
        register_secret(session[name])
    token = KiteToken(session["api_key"], session["access_token"], session["api_secret"], session["user_id"])
    token_file(desk).write(token, clock_from_environment())


def decode_service_name(desk: Desk, feed: str) -> str:
    """`decode`, or `decode_<feed>` on a desk with several feeds."""
    return "decode" if len(desk.feeds) == 1 else f"decode_{feed}"


def _only_feed(desk: Desk) -> str:
    if len(desk.feeds) != 1:
        raise UsageError(
            f"{desk.source} has {len(desk.feeds)} feeds", hint=f"name one with --feed: {', '.join(desk.feeds)}"
        )
    return next(iter(desk.feeds))


def kite(desk: Desk) -> KiteSection:
    """The desk's Kite settings; raises `UsageError` without."""
    if desk.venues.kite is None:
        raise UsageError(f"{desk.source} has no section venues.kite", hint="add it, even empty: `kite: {}`")
    return desk.venues.kite


def token_file(desk: Desk) -> TokenFile:
    """Where the desk keeps its Kite session."""
    from muhurat.venues.kite.login import TokenFile

    return TokenFile(desk.path(kite(desk).token_file))


def kite_rest(desk: Desk, clock: Clock) -> KiteRest:
    """Kite's REST API with the desk's session."""
    from muhurat.venues.kite.rest import KiteRest

    return KiteRest(kite(desk).root, token_file(desk).read, clock)


def _start(service: str, desk: Desk) -> Clock:
    """A service's clock, with its log set up on it."""
    clock = clock_from_environment()
    configure(service, desk.logs_dir, clock=clock, level=desk.desk.log_level)
    return clock


def _stop_event() -> threading.Event:
    """Set by SIGTERM and SIGINT: finish and leave."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
