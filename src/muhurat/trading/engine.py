"""The engine: one flow from inputs to orders, the same in debug, test and live (DESIGN §3 rule 4).

It is told of candles, messages, timers and commands, each already written to the input log, and never looks at a clock:
its time is the time of its inputs. Whatever it decides it says in lines (`decisions`), and to the broker and the ledger
it was given. The same inputs give the same lines, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import msgspec

from muhurat.errors import MuhuratError
from muhurat.model.bar import Bar
from muhurat.model.money import to_paise, to_rupees
from muhurat.model.order import Action, BrokerEvent, Fill, Order, OrderEnded, Purpose
from muhurat.model.tick import TickBatch
from muhurat.trading import decisions, kernel, risk
from muhurat.trading.account import Account, Book, Intent
from muhurat.trading.bars import NEVER_NS
from muhurat.trading.contracts import barred
from muhurat.trading.decisions import Line
from muhurat.trading.market import MarketView
from muhurat.trading.orders import Broker, Quote, order_id
from muhurat.trading.risk import RiskState, TradingState
from muhurat.trading.session import SessionFacts

_NEAR_LIMIT: Final = "daily_loss_near"
COMMANDS: Final = ("halt", "reduce", "resume")


class Engine:
    """One session's trading, from its facts to its last line."""

    def __init__(self, facts: SessionFacts, broker: Broker, book: Book, emit: Callable[[Line], None]) -> None:
        self.facts = facts
        self.market = MarketView(facts)
        self.account = Account(facts.day, book)
        self.state = kernel.State()
        self.risk = RiskState(facts.balance_paise, barred=barred(facts.contracts, facts.banned))
        self.last_bar: Bar | None = None
        self.ended = False
        self._broker = broker
        self._book = book
        self._emit = emit
        self._timers: list[tuple[int, Callable[[int], None]]] = []
        self._orders = 0
        self._events = 0
        self._used: frozenset[str] = frozenset()
        self._wanted: dict[int, str] = {}

    # -- inputs ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take in the facts: warm the averages with the previous session and begin the ledger's session."""
        facts = self.facts
        for bar in facts.history:
            if bar.symbol == facts.index_symbol:
                self.state = kernel.warmed(self.state, bar, facts.parameters)
            elif self.market.is_option(bar.symbol):
                self.market.take_bar(bar, today=False)
        settings = msgspec.to_builtins({"parameters": facts.parameters, "limits": facts.limits})
        capital = to_rupees(facts.balance_paise)
        self._book.open_session(facts.day, facts.mode, facts.windows[0].open_ns, capital, settings)
        self._timers = sorted([(facts.square_off_ns, self._square_off), (facts.end_ns, self._end)], key=lambda t: t[0])
        size = len(facts.contracts), len(facts.history)
        self._emit(decisions.session_line(facts.day.isoformat(), facts.mode, facts.balance_paise, *size))

    def on_message(self, ts_recv_ns: int, batch: TickBatch) -> None:
        """A recorded message and its ticks; a heartbeat has none and closes bars all the same."""
        self._advance(ts_recv_ns)
        builder = self.market.builder
        builder.mark(ts_recv_ns)
        for group in batch.groups:
            builder.add(group, ts_recv_ns)
            if self._wanted:
                for quote in self.market.quotes(group, ts_recv_ns, self._wanted):
                    self._quote(quote)

    def on_candle(self, bar: Bar) -> None:
        """A whole bar from elsewhere; of one label the options' come before the index's.

        An option's open is the chance of orders given before the bar, so timers within the bar wait for the index's.
        """
        if bar.symbol == self.facts.index_symbol:
            self.on_timer(bar.end_ns)
            self._index_bar(bar, bar.end_ns)
            return
        self.on_timer(bar.start_ns)
        self._option_bar(bar)
        held = self.state.held
        if held is not None and held.symbol == bar.symbol:
            self._decide(kernel.PremiumCandle(bar), bar.start_ns, bar.end_ns)

    def on_timer(self, at_ns: int) -> None:
        """Fire the timers that are due at an instant."""
        while self._timers and self._timers[0][0] <= at_ns:
            due_ns, action = self._timers.pop(0)
            action(due_ns)

    def on_command(self, command: str, reason: str, at_ns: int) -> None:
        """`halt` closes everything and allows nothing, `reduce` allows no entry, `resume` allows trading again."""
        if command not in COMMANDS:
            raise MuhuratError(f"unknown command {command!r}", hint=f"known: {', '.join(COMMANDS)}")
        trading = {"halt": TradingState.HALTED, "reduce": TradingState.REDUCING, "resume": TradingState.ACTIVE}[command]
        if command == "resume" and risk.loss_share(self.risk, self.facts.limits) >= 1:
            trading, reason = TradingState.REDUCING, "daily_loss"
        self.risk = replace(self.risk, trading=trading, why=reason)
        self._tell(at_ns, decisions.risk_line(at_ns, trading.value, reason, self.risk.realised_paise))
        if trading is TradingState.HALTED:
            self._cancel_entries(at_ns)
            self._decide(kernel.Halted(self.facts.label_of(at_ns)), at_ns, at_ns)

    @property
    def next_timer_ns(self) -> int:
        """When the next timer is due; `NEVER_NS` when none is left."""
        return self._timers[0][0] if self._timers else NEVER_NS

    # -- bars, quotes and timers ----------------------------------------------------------------------------------

    def _advance(self, now_ns: int) -> None:
        """Bars and timers that a record of this instant finds due, in the order in which they were."""
        while (due_ns := min(self.market.builder.due_ns, self.next_timer_ns)) <= now_ns:
            if self.next_timer_ns == due_ns:
                self.on_timer(due_ns)
                continue
            self._close_bars(now_ns)

    def _close_bars(self, now_ns: int) -> None:
        """Close the oldest bars in the making: the options' first, so that the index's finds their prices."""
        bars = self.market.builder.close()
        for bar in bars:
            if bar.symbol != self.facts.index_symbol:
                self._option_bar(bar)
        for bar in bars:
            if bar.symbol == self.facts.index_symbol:
                self._index_bar(bar, now_ns)

    def _option_bar(self, bar: Bar) -> None:
        self.market.take_bar(bar)
        self._emit(decisions.option_bar_line(bar))
        self._apply(self._broker.on_bar(bar))
        position = self.account.position
        if position is not None and position.symbol == bar.symbol:
            self.account.mark(bar.close, bar.end_ns)

    def _index_bar(self, bar: Bar, now_ns: int) -> None:
        self.last_bar = bar
        symbols = self.market.recentred(bar.close, self._used)
        if symbols is not None:
            self._emit(decisions.watch_line(self.market.centre or 0, symbols))
        held = self.state.held
        premium = self.market.price_of(held.symbol) if held else None
        self._decide(kernel.BarClosed(bar, self.market.options, premium), bar.start_ns, now_ns)

    def _quote(self, quote: Quote) -> None:
        self._apply(self._broker.on_quote(quote))
        held = self.state.held
        if held is not None and held.symbol == quote.symbol:
            label_ns = self.facts.label_of(quote.ts_recv_ns)
            self._decide(kernel.PremiumSeen(quote.last, label_ns), label_ns, quote.ts_recv_ns)

    def _square_off(self, due_ns: int) -> None:
        self._cancel_entries(due_ns)
        self._decide(kernel.SquareOffDue(self.facts.label_of(due_ns)), due_ns, due_ns)

    def _end(self, due_ns: int) -> None:
        """The session is over: close what a feed that fell silent left open, and sum up."""
        while self.market.builder.due_ns < NEVER_NS:
            self._close_bars(due_ns)
        self._square_off(due_ns)
        self._apply(self._broker.on_end(due_ns))
        self.ended = True
        position = self.account.position
        builder = self.market.builder
        ticks = {"applied": builder.applied, "late": builder.late, "outside": builder.outside}
        symbol = position.symbol if position else None
        self._tell(due_ns, decisions.end_line(due_ns, self.risk.trades, self.risk.realised_paise, symbol, ticks))
        if position is None:
            self._book.close_session(due_ns)

    # -- decisions ------------------------------------------------------------------------------------------------

    def _decide(self, event: kernel.Event, signal_ns: int, now_ns: int) -> None:
        self.state, decision = kernel.decide(self.state, event, self.facts.parameters)
        ticket = self._asked(decision, signal_ns, now_ns) if isinstance(decision, kernel.Enter) else None
        if isinstance(event, kernel.BarClosed):
            self._emit(decisions.evaluated_line(event.bar, self.state.index, decision, ticket))
        match decision:
            case kernel.Enter() if ticket is not None:
                self._enter(decision, ticket, signal_ns, now_ns)
            case kernel.Refuse():
                self._refuse(decision, signal_ns, now_ns)
            case kernel.Exit():
                self._exit(decision, signal_ns, now_ns)

    def _asked(self, decision: kernel.Enter, signal_ns: int, now_ns: int) -> risk.Approved | risk.Refused:
        """What risk says to a signal."""
        contract, premium_paise = decision.option.contract, to_paise(decision.option.price or 0.0)
        quantity = risk.size(premium_paise, contract.lot_size, self.risk, self.facts.limits)
        intent = self._order(Purpose.ENTRY, contract.symbol, quantity, premium_paise, "signal", (signal_ns, now_ns))
        return risk.check(intent, self._risk_now(), self.facts.limits)

    def _enter(self, decision: kernel.Enter, ticket: risk.Approved | risk.Refused, signal_ns: int, now_ns: int) -> None:
        contract = decision.option.contract
        strike = decisions.plain_strike(contract.strike)
        price = decision.option.price
        self._tell(now_ns, decisions.signal_line(signal_ns, contract.side, strike, decision.strength, contract, price))
        if isinstance(ticket, risk.Refused):
            said = ticket.reason, ticket.value, ticket.limit
            self._tell(now_ns, decisions.refused_line(signal_ns, contract.side, strike, *said))
            return
        self.state = replace(self.state, entering=True)
        trade_id = f"{self.facts.day:%Y%m%d}-{self.facts.mode}-{self.risk.trades + 1}"
        self.account.placed(ticket.order, Intent(trade_id, contract, decision.strength))
        self._place(ticket)

    def _refuse(self, decision: kernel.Refuse, signal_ns: int, now_ns: int) -> None:
        price = self.market.price_of(decision.contract.symbol) if decision.contract else None
        side, strike = decision.side, decision.strike
        line = decisions.signal_line(signal_ns, side, strike, decision.strength, decision.contract, price)
        self._tell(now_ns, line)
        rule = next(rule for rule in decision.rules if rule.name == decision.reason)
        refused = decisions.refused_line(signal_ns, side, strike, decision.reason, rule.value, rule.limit)
        self._tell(now_ns, refused)

    def _exit(self, decision: kernel.Exit, signal_ns: int, now_ns: int) -> None:
        position = self.account.position
        if position is None:
            return
        reason = decision.reason.value
        line = decisions.exit_line(now_ns, position.symbol, reason, decision.rules, again=decision.again)
        self._tell(now_ns, line)
        if decision.again:
            return
        self._cancel_entries(now_ns)
        price = self.market.price_of(position.symbol)
        reference = position.entry_paise if price is None else to_paise(price)
        times = signal_ns, now_ns
        intent = self._order(Purpose.EXIT, position.symbol, position.open_quantity, reference, reason, times)
        if decision.price is not None:
            intent = replace(intent, at_paise=to_paise(decision.price))
        ticket = risk.check(intent, self._risk_now(), self.facts.limits)
        if isinstance(ticket, risk.Approved):
            self.account.placed(ticket.order)
            self._place(ticket)

    def _order(
        self, purpose: Purpose, symbol: str, quantity: int, reference: int, reason: str, times: tuple[int, int]
    ) -> Order:
        number = self._orders + 1
        action = Action.BUY if purpose is Purpose.ENTRY else Action.SELL
        name = order_id(self.facts.mode, self.facts.day, number, purpose)
        return Order(name, purpose, action, symbol, quantity, *times, reference, reason)

    def _place(self, ticket: risk.Approved) -> None:
        order = ticket.order
        self._orders += 1
        self.risk = replace(self.risk, seen=self.risk.seen | {order.id})
        self._tell(order.decided_ns, decisions.order_line(order))
        self._apply(self._broker.place(ticket))
        self._watch_quotes()

    def _cancel_entries(self, at_ns: int) -> None:
        for name in self.account.entries():
            self._apply(self._broker.cancel(name, at_ns))

    def _risk_now(self) -> RiskState:
        """What risk remembers, with what is open and on its way at this moment."""
        held = self.account.open_quantity()
        return replace(
            self.risk,
            entering=len(self.account.entries()),
            open_quantity=held,
            broker_quantity={symbol: self._broker.net_quantity(symbol) for symbol in held},
            exiting={symbol: self.account.exiting(symbol) for symbol in held},
        )

    # -- what the broker says -------------------------------------------------------------------------------------

    def _apply(self, events: Iterable[BrokerEvent]) -> None:
        for event in events:
            with self._book.transaction():
                if isinstance(event, Fill):
                    self._filled(event)
                else:
                    self._order_ended(event)
            self._watch_quotes()

    def _filled(self, fill: Fill) -> None:
        self._tell(fill.at_ns, decisions.fill_line(fill))
        if self.account.fill(fill):
            self.risk = replace(self.risk, trades=self.risk.trades + 1)
            self._used |= {fill.symbol}
        position = self.account.position
        if position is None:
            return
        if fill.action is Action.BUY:
            bars = self.state.held.bars if self.state.held else 0
            held = kernel.Held(position.side, position.symbol, position.entry_paise, position.opened_ns, bars)
            self.state = replace(self.state, held=held, entering=bool(self.account.entries()))
        self._finish(fill.at_ns)

    def _order_ended(self, event: OrderEnded) -> None:
        working = self.account.ended(event)
        if working is None:
            return
        self._tell(event.at_ns, decisions.ended_line(event.order_id, event.at_ns, event.reason))
        held = self.state.held
        if working.order.purpose is Purpose.EXIT and held is not None:
            held = replace(held, exit_reason=None)
        self.state = replace(self.state, held=held, entering=bool(self.account.entries()))

    def _finish(self, at_ns: int) -> None:
        held = self.state.held
        if held is None or held.exit_reason is None:
            return
        trade = self.account.finished(held.exit_reason, at_ns)
        if trade is None:
            return
        self.state = replace(self.state, held=None)
        before = self.risk
        self.risk = risk.after_trade(before, trade, self.facts.limits)
        self._tell(at_ns, decisions.trade_line(trade))
        self._tell_risk(before, at_ns)

    def _tell_risk(self, before: RiskState, at_ns: int) -> None:
        limits, now = self.facts.limits, self.risk
        near = float(limits.daily_loss_alert_percent) / 100
        if now.trading is not before.trading:
            self._tell(at_ns, decisions.risk_line(at_ns, now.trading.value, now.why, now.realised_paise))
        elif risk.loss_share(before, limits) < near <= risk.loss_share(now, limits):
            self._tell(at_ns, decisions.risk_line(at_ns, now.trading.value, _NEAR_LIMIT, now.realised_paise))

    def _watch_quotes(self) -> None:
        """Only instruments that are held or being ordered need their every tick looked at."""
        position = self.account.position
        symbols = {each.order.symbol for each in self.account.working.values()}
        symbols |= {position.symbol} if position else set()
        self._wanted = {self.market.contracts[symbol].token: symbol for symbol in sorted(symbols)}

    def _tell(self, at_ns: int, line: Line) -> None:
        """Say a line, and keep it in the ledger's audit."""
        self._events += 1
        self._emit(line)
        self._book.record_event(self._events, at_ns, line["kind"], line)
