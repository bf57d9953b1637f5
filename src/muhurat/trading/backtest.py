"""DEBUG mode: the engine on recorded candles. One of three short assemblies of the same engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from muhurat.calendars.session import Window
from muhurat.errors import UsageError
from muhurat.model.bar import Bar
from muhurat.model.instrument import Instrument
from muhurat.model.money import to_paise
from muhurat.trading.account import NoBook
from muhurat.trading.candles import CandleDay, in_order
from muhurat.trading.engine import Engine
from muhurat.trading.inputlog import DECISIONS, INPUT, DecisionLog, Entry, InputLog
from muhurat.trading.modelled import model_missing
from muhurat.trading.parameters import Limits, Parameters
from muhurat.trading.player import Player
from muhurat.trading.recorded import contracts_of
from muhurat.trading.session import SessionFacts, to_entry
from muhurat.trading.simulated import broker_named

_BROKER: Final = "candles"


def recorded_session(
    candles: CandleDay,
    parameters: Parameters,
    limits: Limits,
    dump: Sequence[Instrument] = (),
    *,
    model: bool = False,
) -> tuple[SessionFacts, list[Bar]]:
    """A day's facts and its bars in the order in which they are told; with `model`, missing options are priced."""
    contracts = list(contracts_of(candles, dump, limits.lot_size))
    bars = [*candles.history, *candles.bars]
    if model:
        index_bars = [bar for bar in bars if bar.symbol == candles.index]
        made, modelled = model_missing(contracts, {bar.symbol for bar in candles.bars}, index_bars, parameters)
        contracts = [each for each in contracts if each.symbol not in {new.symbol for new in made}] + made
        bars += modelled
    known = {candles.index, *(each.symbol for each in contracts)}
    ordered = in_order((bar for bar in bars if bar.symbol in known), candles.index)
    window = Window(min(bar.start_ns for bar in candles.bars), max(bar.end_ns for bar in candles.bars))
    facts = SessionFacts(
        day=candles.day,
        mode="debug",
        windows=(window,),
        contracts=tuple(contracts),
        history=tuple(bar for bar in ordered if bar.start_ns < window.open_ns),
        balance_paise=to_paise(limits.paper_capital),
        broker=_BROKER,
        index_symbol=candles.index,
        parameters=parameters,
        limits=limits,
    )
    return facts, [bar for bar in ordered if bar.start_ns >= window.open_ns]


def run_candles(facts: SessionFacts, bars: Sequence[Bar], directory: Path | None = None) -> list[Entry]:
    """Trade the bars of a session and return every line that the engine said.

    With a directory the session is recorded there, as `input.jsonl` and `decisions.jsonl`, to be replayed.
    """
    lines: list[Entry] = []
    if directory is not None:
        _run_recorded(facts, bars, directory, lines)
        return lines
    engine = Engine(facts, broker_named(facts.broker, facts.parameters), NoBook(), lines.append)
    engine.start()
    for bar in bars:
        engine.on_candle(bar)
    engine.on_timer(facts.end_ns)
    return lines


def _run_recorded(facts: SessionFacts, bars: Sequence[Bar], directory: Path, lines: list[Entry]) -> None:
    log, decisions = InputLog(directory / INPUT), DecisionLog(directory / DECISIONS)

    def hear(line: Entry) -> None:
        lines.append(line)
        decisions.write(line)

    try:
        if log.resumed or decisions.known:
            raise UsageError(f"{directory} holds a session already", hint="name an empty folder")
        player = Player(Engine(facts, broker_named(facts.broker, facts.parameters), NoBook(), hear))
        log.append("session", to_entry(facts))
        player.engine.start()
        for bar in bars:
            player.play(log.append("bar", {"bar": msgspec.to_builtins(bar)}))
        player.play(log.append("timer", {"at_ns": facts.end_ns}))
    finally:
        decisions.close()
        log.close()
