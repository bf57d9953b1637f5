"""TEST mode: the engine on the live feed with paper money. One of three short assemblies of the same engine.

It follows the feed's journal, so the same records reach it live, late or again. A session that was interrupted is taken
up by playing its own input log: recovery and replay are one path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from muhurat.clock import NS_PER_S, Clock
from muhurat.heartbeat import Heartbeat
from muhurat.model.money import plain_rupees, to_paise
from muhurat.model.tick import MessageDecoder
from muhurat.trading import decisions
from muhurat.trading.account import Book
from muhurat.trading.engine import Engine
from muhurat.trading.inputlog import DECISIONS, INPUT, DecisionLog, InputLog
from muhurat.trading.kernel import premium_levels
from muhurat.trading.player import OpenRecords, Player, records_fields
from muhurat.trading.risk import TradingState
from muhurat.trading.session import SessionFacts, from_entry, to_entry
from muhurat.trading.simulated import broker_named

DISABLED: Final = ".trading_disabled"
UNPREPARED: Final = "day not prepared: "
"""How the reason begins when entries are off because a job of the day is not done."""

_BATCH: Final = 2048
_WAIT_S: Final = 0.05
_SPEAK_EVERY_S: Final = 0.5
_SILENT_NS: Final = 3 * NS_PER_S
_SILENT_REAL_S: Final = 0.5
_OVER_NS: Final = 60 * NS_PER_S


class Stop(Protocol):
    """Something that says when to leave, such as `threading.Event`."""

    def is_set(self) -> bool: ...


def run_paper(
    facts: SessionFacts,
    open_records: OpenRecords,
    decode: MessageDecoder,
    book: Book,
    directory: Path,
    clock: Clock,
    heartbeat: Heartbeat,
    stop: Stop,
    disabled_file: Path | None = None,
    unprepared: Callable[[], str | None] | None = None,
    watch: Callable[[Sequence[str]], None] | None = None,
) -> Engine:
    """Trade one session on paper, into `directory`, until told to stop or the session and its feed are over.

    When `directory` holds this session's input log already, that log is played first and its facts are the ones that
    count. `disabled_file` halts trading as long as it exists; as long as `unprepared` names what the day still lacks,
    positions are only reduced. `watch` is told the option symbols that must be recorded, again whenever the strikes
    around the index change.
    """
    session = _PaperSession(facts, open_records, decode, book, directory, clock, watch)
    try:
        session.recover()
        heartbeat.ready()
        while not (stop.is_set() or session.over()):
            if unprepared is not None:
                session.heed(unprepared())
            session.turn()
            session.obey(disabled_file)
            session.speak(heartbeat)
        session.finish()
    finally:
        session.close()
    session.speak(heartbeat, now=True)
    return session.engine


class _PaperSession:
    """The loop's parts: log, player, engine."""

    def __init__(
        self,
        facts: SessionFacts,
        open_records: OpenRecords,
        decode: MessageDecoder,
        book: Book,
        directory: Path,
        clock: Clock,
        watch: Callable[[Sequence[str]], None] | None,
    ) -> None:
        self._clock = clock
        self._watch = watch
        self._log = InputLog(directory / INPUT)
        self._decisions = DecisionLog(directory / DECISIONS)
        resumed = self._log.resumed
        facts = from_entry(resumed[0]) if resumed else facts
        self._feed = facts.feed
        if not resumed:
            self._log.append("session", to_entry(facts))
        self.engine = Engine(facts, broker_named(facts.broker, facts.parameters), book, self._said)
        self._player = Player(self.engine, decode, open_records)
        self._due_since: float | None = None
        self._spoke_at = float("-inf")

    def _said(self, line: decisions.Line) -> None:
        self._decisions.write(line)
        if self._watch is not None and line["kind"] == "watch":
            self._watch(line["symbols"])

    def recover(self) -> None:
        """Bring the engine to where the input log ends."""
        self.engine.start()
        for entry in self._log.resumed[1:]:
            self._player.play(entry)
        self._log.resumed.clear()
        self._decisions.flush()

    def turn(self) -> None:
        """Take what the journal has, or wait a moment for it."""
        if not self._take_records() and not self._fire_silent_timer():
            self._player.source().wait(_WAIT_S)
        self._decisions.flush()

    def finish(self) -> None:
        """Before leaving: take what is left, and when the session has long been over, end it though no record came."""
        while self._take_records():
            self._decisions.flush()
        now_ns = self._clock.now_ns()
        if not self.engine.ended and now_ns - self.engine.facts.end_ns > _OVER_NS:
            self._player.play(self._log.append("timer", {"at_ns": now_ns}))
        self._decisions.flush()

    def _take_records(self) -> bool:
        records = self._player.source().read_records(_BATCH)
        if not records:
            return False
        fields = {"feed": self._feed, **records_fields(records)}
        self._player.play(self._log.append("records", fields), records)
        self._due_since = None
        return True

    def obey(self, disabled_file: Path | None) -> None:
        """Halt while the file is there, go on when it is gone."""
        if disabled_file is None:
            return
        risk = self.engine.risk
        halted_by_it = risk.trading is TradingState.HALTED and risk.why == DISABLED
        if disabled_file.exists() == halted_by_it:
            return
        self._command("resume" if halted_by_it else "halt", DISABLED)

    def heed(self, lacking: str | None) -> None:
        """Only reduce while the day lacks something; a halt and a loss limit stand above it."""
        risk = self.engine.risk
        reason = f"{UNPREPARED}{lacking}"
        reduced_by_it = risk.trading is TradingState.REDUCING and risk.why.startswith(UNPREPARED)
        if lacking is None and reduced_by_it:
            self._command("resume", "day prepared")
        elif lacking is not None and (risk.trading is TradingState.ACTIVE or (reduced_by_it and risk.why != reason)):
            self._command("reduce", reason)

    def _command(self, command: str, reason: str) -> None:
        fields = {"command": command, "reason": reason, "at_ns": self._clock.now_ns()}
        self._player.play(self._log.append("command", fields))
        self._decisions.flush()

    def over(self) -> bool:
        """Whether the session has ended and its feed has been silent for a minute since."""
        return self.engine.ended and self._clock.now_ns() - self._player.last_ts_ns > _OVER_NS

    def speak(self, heartbeat: Heartbeat, *, now: bool = False) -> None:
        """Tell state and gauges about twice a second; working them out costs more than a message."""
        at = self._clock.monotonic()
        if not now and at - self._spoke_at < _SPEAK_EVERY_S:
            return
        self._spoke_at = at
        behind_ns = self._clock.now_ns() - self._player.last_ts_ns if self._player.last_ts_ns else 0
        gauges = {**gauges_of(self.engine), "lag_s": round(max(0, behind_ns) / NS_PER_S, 3)}
        held = gauges["position"] or "flat"
        detail = f"{gauges['state']}, {held}, {gauges['trades']} trades, {gauges['realised']:+.2f}"
        heartbeat.beat(detail, now=now, **gauges)

    def close(self) -> None:
        self._player.close()
        self._decisions.close()
        self._log.close()

    def _fire_silent_timer(self) -> bool:
        """A timer that is due while no record comes is fired by the clock; its entry makes that repeatable."""
        now_ns = self._clock.now_ns()
        silent = now_ns - max(self._player.last_ts_ns, self.engine.next_timer_ns) >= _SILENT_NS
        if self.engine.next_timer_ns > now_ns or not silent:
            self._due_since = None
            return False
        at = self._clock.monotonic()
        self._due_since = at if self._due_since is None else self._due_since
        if at - self._due_since < _SILENT_REAL_S:
            return False
        self._due_since = None
        self._player.play(self._log.append("timer", {"at_ns": now_ns}))
        return True


def gauges_of(engine: Engine) -> dict[str, Any]:
    """The engine's state in a few plain values, for heartbeat and page."""
    return {
        "state": engine.risk.trading.value,
        "why": engine.risk.why,
        **_position_gauges(engine),
        "realised": plain_rupees(engine.risk.realised_paise),
        "trades": engine.risk.trades,
        "max_trades": engine.facts.limits.max_trades_per_day,
        "last_bar": decisions.when(engine.last_bar.start_ns) if engine.last_bar else None,
        "late_ticks": engine.market.builder.late,
        "ended": engine.ended,
    }


def _position_gauges(engine: Engine) -> dict[str, Any]:
    """What is held: `stop` and `target` are premiums, `bars_left` index bars until the exit by time."""
    position, held = engine.account.position, engine.state.held
    if position is None:
        return {"position": None, "quantity": 0, "entry": None, "price": None, "unrealised": 0.0}
    price = engine.market.price_of(position.symbol)
    parameters = engine.facts.parameters
    stop, target = premium_levels(position.entry_paise, parameters)
    longest = parameters.max_bars_ce if position.side == "CE" else parameters.max_bars_pe
    return {
        "position": position.symbol,
        "quantity": position.open_quantity,
        "lot": next((c.lot_size for c in engine.facts.contracts if c.symbol == position.symbol), None),
        "entry": plain_rupees(position.entry_paise),
        "entry_time": decisions.when(position.opened_ns),
        "price": price,
        "unrealised": plain_rupees(position.unrealised_paise(to_paise(price))) if price is not None else 0.0,
        "stop": stop,
        "target": target,
        "bars_left": max(0, longest - held.bars) if held else None,
    }
