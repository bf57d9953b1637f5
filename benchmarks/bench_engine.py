"""What trading costs: a tick on its way into bars and decisions, and a whole session of candles.

The live load is 40 instruments with four messages a second, rehearsed at 150 times the speed: 24,000 ticks/s. Its
baseline is decoding the same messages, which every follower of the journal has to do; a session of candles is held
against the plain float recursion of its averages.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, time
from decimal import Decimal

import numpy as np

from benchmarks import Result, seconds, within
from muhurat.calendars.session import Window
from muhurat.clock import NS_PER_S, ist_ns
from muhurat.model.bar import Bar
from muhurat.model.money import to_paise
from muhurat.model.tick import TickBatch, TickGroup
from muhurat.trading.account import NoBook
from muhurat.trading.bars import BarBuilder
from muhurat.trading.contracts import Contract
from muhurat.trading.engine import Engine
from muhurat.trading.indicators import UNKNOWN, advance
from muhurat.trading.parameters import Limits, Parameters
from muhurat.trading.session import SessionFacts
from muhurat.trading.simulated import broker_named

DAY = date(2026, 11, 19)
OPEN_NS, CLOSE_NS = ist_ns(DAY, time(9, 15)), ist_ns(DAY, time(15, 40))
INSTRUMENTS, MESSAGES, BARS = 40, 4_000, 125
BAR_NS = 180 * NS_PER_S
DEPTH = ("bid_price_1", "ask_price_1", "low", "high")


def run() -> list[Result]:
    """Microseconds per tick and per bar."""
    batches = [(at_ns, message(at_ns)) for at_ns in range(OPEN_NS, OPEN_NS + MESSAGES * NS_PER_S // 4, NS_PER_S // 4)]
    ticks = MESSAGES * INSTRUMENTS
    columns = per(ticks, lambda: [batch.groups[0].columns["last_price"].tolist() for _, batch in batches])
    building = per(ticks, lambda: build(batches))
    trading = per(ticks, lambda: follow(batches))
    closes = [bar.close for bar in index_bars()]
    averages = per(BARS, lambda: recursion(closes))
    candles = per(BARS, lambda: trade_candles(index_bars()))
    return [
        within("a tick into its bar", ours=building, baseline=columns, bar=3.0, unit="us"),
        within("a tick through the engine", ours=trading, baseline=columns, bar=5.0, unit="us"),
        within("an index candle decided", ours=candles, baseline=averages, bar=150.0, unit="us"),
    ]


def per(count: int, work: Callable[[], object]) -> float:
    return seconds(work) / count * 1e6


def message(at_ns: int) -> TickBatch:
    """A message with every instrument in it, as the decoder gives it."""
    chance = random.Random(at_ns)
    prices = np.array([round(300 + chance.gauss(0, 5), 2) for _ in range(INSTRUMENTS)])
    columns = {
        "instrument_token": np.arange(1, INSTRUMENTS + 1),
        "last_price": prices,
        "volume": np.full(INSTRUMENTS, at_ns // NS_PER_S),
        "exchange_timestamp": np.full(INSTRUMENTS, at_ns // NS_PER_S - chance.randrange(2)),
        **dict.fromkeys(DEPTH, prices),
    }
    return TickBatch(INSTRUMENTS, (TickGroup("ticks_full", np.arange(INSTRUMENTS, dtype=np.uint32), columns),))


def build(batches: list[tuple[int, TickBatch]]) -> int:
    names = {token: f"I{token:02d}" for token in range(1, INSTRUMENTS + 1)}
    builder = BarBuilder(names, (Window(OPEN_NS, CLOSE_NS),))
    made = 0
    for at_ns, batch in batches:
        while builder.due_ns <= at_ns:
            made += len(builder.close())
        builder.mark(at_ns)
        builder.add(batch.groups[0], at_ns)
    return made


def follow(batches: list[tuple[int, TickBatch]]) -> int:
    made = engine("quotes")
    for at_ns, batch in batches:
        made.on_message(at_ns, batch)
    return made.risk.trades


def trade_candles(bars: list[Bar]) -> int:
    made = engine("candles")
    for bar in bars:
        made.on_candle(bar)
    return made.risk.trades


def engine(broker: str) -> Engine:
    options = [
        Contract(f"I{token:02d}", token, "BFO", "CE", Decimal(79_000 + 100 * token), DAY, 20)
        for token in range(2, INSTRUMENTS + 1)
    ]
    parameters = replace(Parameters(), minimum_bars=1)
    facts = SessionFacts(
        day=DAY,
        mode="test",
        windows=(Window(OPEN_NS, CLOSE_NS),),
        contracts=tuple(options),
        history=(),
        balance_paise=to_paise(500_000),
        broker=broker,
        index_symbol="I01",
        index_token=1,
        parameters=parameters,
        limits=Limits(),
    )
    made = Engine(facts, broker_named(broker, parameters), NoBook(), lambda line: None)
    made.start()
    return made


def index_bars() -> list[Bar]:
    chance, spot, made = random.Random(7), 80_000.0, []
    for number in range(BARS):
        close = round(spot + chance.gauss(0, 15), 2)
        start_ns = OPEN_NS + number * BAR_NS
        made.append(Bar("I01", start_ns, start_ns + BAR_NS, spot, max(spot, close) + 5, min(spot, close) - 5, close, 0))
        spot = close
    return made


def recursion(closes: list[float]) -> float:
    averages = UNKNOWN
    for close in closes:
        averages = advance(averages, close, 10, 20)
    return averages.fast
