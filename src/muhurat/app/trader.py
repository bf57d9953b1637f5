"""The trader's process: paper money on the desk's live feed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from muhurat.app.day import blocking_jobs, run_history
from muhurat.app.desk import calendar_of, kite_rest, open_desk, start, stop_event
from muhurat.clock import NS_PER_S, Clock, ist, ist_ns
from muhurat.config import Desk
from muhurat.errors import UsageError
from muhurat.heartbeat import Heartbeat
from muhurat.jobs.process import State
from muhurat.model.money import to_paise

if TYPE_CHECKING:
    from muhurat.calendars.session import Session
    from muhurat.model.bar import Bar
    from muhurat.model.instrument import Instrument
    from muhurat.trading.parameters import Parameters
    from muhurat.trading.replay import Replayed
    from muhurat.trading.session import SessionFacts
    from muhurat.venues.base import History

UNIVERSE_INDEX: Final = "BSE:SENSEX"
_LEAVE_BEFORE_CLOSE_NS: Final = 600 * NS_PER_S
_ENTER_BEFORE_LEAVING_NS: Final = 1200 * NS_PER_S
_UNIVERSE_WITHIN_S: Final = 45.0
_LOOK_EVERY_S: Final = 0.2
_BAN_JOB: Final = "download_banned_instruments"
_LACKING_EVERY_S: Final = 0.5


def run_trader(source: Path, overlays: Sequence[Path], settings: Sequence[str] = ()) -> None:
    """The trader's process in TEST mode: paper money on the desk's live feed."""
    from muhurat.capture.journal import JournalReader, Position, hour_name
    from muhurat.capture.universe import save_wanted, want_path
    from muhurat.trading.ledger import Ledger
    from muhurat.trading.paper import DISABLED, run_paper
    from muhurat.venues.kite.decode import decode_message

    desk = open_desk(source, overlays)
    clock, stop = start("trader", desk), stop_event()
    _wait_for_universe(desk, clock, stop)
    facts = _session_facts(desk, clock, settings)
    folder = desk.data_dir / "raw_ticks" / facts.feed
    begin = Position(hour_name(ist_ns(facts.day, time.min)), 0)

    def open_records(place: Position | None) -> JournalReader:
        return JournalReader(folder, facts.feed, place or begin, name="trader")

    heartbeat = Heartbeat("trader", desk.run_dir, clock)
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
            unprepared=_Unprepared(desk, clock, facts.windows[0].open_ns),
            watch=partial(save_wanted, want_path(desk.data_dir / "universe", facts.feed, facts.day)),
        )


class _Unprepared:
    """What the day still lacks, from the open on: a job that blocks and is not done. Looked at about twice a second."""

    def __init__(self, desk: Desk, clock: Clock, open_ns: int) -> None:
        self._clock = clock
        self._open_ns = open_ns
        self._blocking = blocking_jobs(desk, clock, ist(open_ns).date())
        self._told: str | None = None
        self._ask_at = float("-inf")

    def __call__(self) -> str | None:
        now = self._clock.monotonic()
        if self._clock.now_ns() >= self._open_ns and now >= self._ask_at:
            self._ask_at = now + _LACKING_EVERY_S
            self._told = self._blocking()
        return self._told


def _wait_for_universe(desk: Desk, clock: Clock, stop: threading.Event) -> None:
    """On a desk that is started late, the day's instruments are just being chosen; real seconds."""
    from muhurat.capture.universe import universe_path

    if desk.trading is None:
        return
    path = universe_path(desk.data_dir / "universe", desk.trading.feed, ist(clock.now_ns()).date())
    limit = clock.monotonic() + _UNIVERSE_WITHIN_S
    while not path.exists() and not stop.is_set() and clock.monotonic() < limit:
        stop.wait(_LOOK_EVERY_S)


def replay_decisions(input_log: Path, journal: Path | None = None) -> Replayed:
    """Play a recorded session's inputs again; raises `ReplayDifference` where a decision is not the recorded one.

    `journal` is the feed's folder, when it does not lie where the desk keeps it, beside the input log.
    """
    from muhurat.capture.journal import JournalReader, Position
    from muhurat.trading.inputlog import read_entries
    from muhurat.trading.replay import replay
    from muhurat.venues.kite.decode import decode_message

    entries = read_entries(input_log)
    feed = entries[0]["facts"]["feed"] if entries and entries[0]["kind"] == "session" else ""
    folder = journal or input_log.resolve().parents[2] / "raw_ticks" / feed

    def open_records(place: Position | None) -> JournalReader:
        return JournalReader(folder, feed, place)

    return replay(input_log, decode_message, open_records)


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
        parameters=_within(session, parameters),
        limits=limits,
        banned=_banned(desk, clock, day),
    )


def _banned(desk: Desk, clock: Clock, day: date) -> tuple[str, ...] | None:
    """The stocks in which nothing may be opened today; None unless a job of this day has loaded this day's list."""
    from muhurat.app.parts import reference_store

    if desk.jobs is None:
        return None
    with closing(run_history(desk, clock)) as history:
        rows = history.rows(day)
    if not any(row.process.job == _BAN_JOB and row.state is State.SUCCESSFUL for row in rows):
        return None
    with closing(reference_store(desk, clock)) as store:
        listed = store.read("BannedInstruments", where={"IsBanned": True}, order_by=("Symbol",))
    if any(row["TradeDate"] not in (None, day) and not row["IsUserCreated"] for row in listed):
        return None
    return tuple(dict.fromkeys(str(row["Symbol"]) for row in listed))


def _within(session: Session, parameters: Parameters) -> Parameters:
    """Times that fit the session.

    Where the set ones lie outside of it, as on the evening of a Muhurat session, positions are left ten minutes before
    the close, and none is entered in the twenty minutes before that.
    """
    opens, latest = ist(session.open_ns).time(), ist(session.close_ns - _LEAVE_BEFORE_CLOSE_NS).time()
    leave, last = parameters.square_off_time, parameters.last_entry_time
    if not opens < leave <= latest:
        leave = latest
    if not opens < last < leave:
        last = ist(ist_ns(session.day, leave) - _ENTER_BEFORE_LEAVING_NS).time()
    return replace(parameters, square_off_time=leave, last_entry_time=last)


def _history(source: History, instruments: Sequence[Instrument], session: Session) -> tuple[Bar, ...]:
    """The three-minute bars of a past session, in order of time."""
    bars = [bar for row in instruments for bar in source.candles(row, "3minute", session.open_ns, session.close_ns)]
    return tuple(sorted(bars, key=lambda bar: (bar.start_ns, bar.symbol)))
