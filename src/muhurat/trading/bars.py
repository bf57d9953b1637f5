"""Three-minute bars from ticks, by the mission's rule T2.

A tick belongs to the bar that its exchange timestamp falls in, or its reception where it has none; only the session's
own windows count. A bar is closed by the first journal record, a heartbeat too, that was received two seconds or more
after its end. A tick that comes later is counted and never applied. Where no tick came there is no bar. Volume is the
difference of the day's cumulative volume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Final

from muhurat.calendars.session import Window
from muhurat.clock import NS_PER_S
from muhurat.model.bar import Bar
from muhurat.model.tick import TickGroup

GRACE_S: Final = 2
"""How long after its end a bar waits for the ticks of its last second."""

NEVER_NS: Final = 1 << 62
_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _TICKS = range(6)


class BarBuilder:
    """Bars of many instruments at once.

    For every record, first `close` while `due_ns` has come, then `mark` its reception, then `add` its ticks.
    """

    def __init__(
        self,
        symbols: Mapping[int, str],
        windows: Sequence[Window],
        minutes: int = 3,
        modelled: frozenset[str] = frozenset(),
    ) -> None:
        self.late = 0
        self.outside = 0
        self.applied = 0
        self._symbols = dict(symbols)
        self._windows = [(w.open_ns // NS_PER_S, w.close_ns // NS_PER_S) for w in windows]
        self._width_s = 60 * minutes
        self._modelled = modelled
        self._forming: dict[tuple[int, int], dict[int, list[float]]] = {}
        self._cumulative: dict[int, int] = {}
        self._closed_before_s = 0
        self._mark_again_s = 0
        self._now: tuple[int, int] = (0, 0)
        self._now_bars: dict[int, list[float]] = {}

    def add(self, group: TickGroup, ts_recv_ns: int) -> None:
        """Apply the packets of one layout of one message."""
        columns = group.columns
        received_s = ts_recv_ns // NS_PER_S
        times = columns.get("exchange_timestamp")
        volumes = columns.get("volume")
        symbols = self._symbols
        for token, price, volume, at_s in zip(
            columns["instrument_token"].tolist(),
            columns["last_price"].tolist(),
            repeat(0) if volumes is None else volumes.tolist(),
            repeat(received_s) if times is None else times.tolist(),
            strict=False,
        ):
            if token not in symbols:
                continue
            at_s = at_s or received_s
            start_s, end_s = self._now
            bars = self._now_bars if start_s <= at_s < end_s else self._bars_at(at_s, token, volume)
            if bars is None:
                continue
            bar = bars.get(token)
            if bar is None:
                bars[token] = [price, price, price, price, volume, 1]
                self._set_baseline(token, volume)
                continue
            if price > bar[_HIGH]:
                bar[_HIGH] = price
            elif price < bar[_LOW]:
                bar[_LOW] = price
            bar[_CLOSE] = price
            bar[_VOLUME] = volume
            bar[_TICKS] += 1

    def mark(self, ts_recv_ns: int) -> None:
        """Note a record's reception: bars that ended two seconds or more before it take no more ticks."""
        until_s = ts_recv_ns // NS_PER_S - GRACE_S
        if until_s < self._mark_again_s:
            return
        for open_s, close_s in self._windows:
            if until_s >= open_s:
                whole = min(until_s, close_s) - open_s
                whole -= 0 if until_s >= close_s else whole % self._width_s
                self._closed_before_s = open_s + whole
        self._mark_again_s = self._next_mark(until_s)

    @property
    def due_ns(self) -> int:
        """The reception time from which on a record closes the oldest bar in the making; `NEVER_NS` without one."""
        if not self._forming:
            return NEVER_NS
        return (min(self._forming)[1] + GRACE_S) * NS_PER_S

    def close(self) -> list[Bar]:
        """End the oldest bars in the making, in the order of their symbols."""
        window = min(self._forming)
        bars = self._forming.pop(window)
        if window == self._now:
            self._now, self._now_bars = (0, 0), {}
        self._closed_before_s = max(self._closed_before_s, window[1])
        self.applied += sum(int(values[_TICKS]) for values in bars.values())
        finished = [self._finished(token, window, values) for token, values in bars.items()]
        return sorted(finished, key=lambda bar: bar.symbol)

    def _next_mark(self, until_s: int) -> int:
        for open_s, close_s in self._windows:
            if until_s < close_s:
                steps = max(0, until_s - open_s) // self._width_s + 1
                return min(open_s + steps * self._width_s, close_s)
        return NEVER_NS

    def _bars_at(self, at_s: int, token: int, volume: int) -> dict[int, list[float]] | None:
        """The bars in the making at a second; None, and counted, where none can be."""
        for open_s, close_s in self._windows:
            if open_s <= at_s < close_s:
                break
        else:
            self.outside += 1
            if at_s < self._windows[0][0]:
                self._cumulative[token] = volume
            return None
        if at_s < self._closed_before_s:
            self.late += 1
            return None
        start_s = at_s - (at_s - open_s) % self._width_s
        window = (start_s, min(start_s + self._width_s, close_s))
        self._now = window
        self._now_bars = self._forming.setdefault(window, {})
        return self._now_bars

    def _set_baseline(self, token: int, volume: int) -> None:
        """Volume counts from the last cumulative one known; a day joined late counts from its first tick."""
        if token not in self._cumulative:
            first_bar = self._now[0] == self._windows[0][0]
            self._cumulative[token] = 0 if first_bar else volume

    def _finished(self, token: int, window: tuple[int, int], values: list[float]) -> Bar:
        cumulative = int(values[_VOLUME])
        before, self._cumulative[token] = self._cumulative[token], cumulative
        symbol = self._symbols[token]
        return Bar(
            symbol=symbol,
            start_ns=window[0] * NS_PER_S,
            end_ns=window[1] * NS_PER_S,
            open=values[_OPEN],
            high=values[_HIGH],
            low=values[_LOW],
            close=values[_CLOSE],
            volume=max(0, cumulative - before),
            ticks=int(values[_TICKS]),
            modelled=symbol in self._modelled,
        )
