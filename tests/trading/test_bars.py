"""Rule T2, tick by tick: each test feeds records as (received, ticks) and looks at the bars that come out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.calendars.session import Window
from muhurat.clock import NS_PER_S
from muhurat.model.bar import Bar
from muhurat.model.tick import TickGroup
from muhurat.trading.bars import NEVER_NS, BarBuilder
from tests.trading.tables import at

INDEX, OPTION = 265, 900
SESSION = Window(at("09:15"), at("15:30"))
NAMES = {INDEX: "SENSEX", OPTION: "OPT"}
Tick = tuple[int, float, int, str | None]


def builder(*windows: Window, modelled: frozenset[str] = frozenset()) -> BarBuilder:
    return BarBuilder(NAMES, windows or (SESSION,), 3, modelled)


def group(ticks: list[Tick], *, stamped: bool = True) -> TickGroup:
    """A layout's packets: (token, price, cumulative volume, exchange time)."""
    columns = {
        "instrument_token": np.array([tick[0] for tick in ticks], np.int64),
        "last_price": np.array([tick[1] for tick in ticks]),
        "volume": np.array([tick[2] for tick in ticks], np.int64),
    }
    if stamped:
        times = [0 if tick[3] is None else at(tick[3]) // NS_PER_S for tick in ticks]
        columns["exchange_timestamp"] = np.array(times, np.int64)
    return TickGroup("ticks_full", np.arange(len(ticks), dtype=np.uint32), columns)


def tell(bars: BarBuilder, received_ns: int, *ticks: Tick, stamped: bool = True) -> list[Bar]:
    """One journal record; returns the bars that it closed."""
    closed = []
    while bars.due_ns <= received_ns:
        closed += bars.close()
    bars.mark(received_ns)
    if ticks:
        bars.add(group(list(ticks), stamped=stamped), received_ns)
    return closed


def prices(bar: Bar) -> tuple[float, float, float, float, int]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume


def test_a_bar_is_open_high_low_close_of_its_ticks_and_the_difference_of_cumulative_volume() -> None:
    bars = builder()
    tell(bars, at("09:14:59"), (OPTION, 100.0, 500, "09:14:58"))
    for second, price, volume in (("09:15:01", 101.0, 520), ("09:16:00", 105.0, 540), ("09:17:59", 99.0, 600)):
        tell(bars, at(second), (OPTION, price, volume, second))

    (bar,) = tell(bars, at("09:18:02"))

    assert (bar.symbol, bar.start_ns, bar.end_ns, bar.ticks) == ("OPT", at("09:15"), at("09:18"), 3)
    assert prices(bar) == (101.0, 105.0, 99.0, 99.0, 100)


def test_a_heartbeat_closes_a_bar_two_seconds_after_its_end_and_not_before() -> None:
    bars = builder()
    tell(bars, at("09:15:01"), (INDEX, 80_000.0, 0, "09:15:00"))

    assert tell(bars, at("09:18:02") - 1) == []
    assert len(tell(bars, at("09:18:02"))) == 1


def test_a_tick_belongs_to_the_second_the_exchange_gave_it_however_late_it_came() -> None:
    bars = builder()
    tell(bars, at("09:17:58"), (INDEX, 80_000.0, 0, "09:17:57"))
    tell(bars, at("09:18:01"), (INDEX, 80_010.0, 0, "09:17:59"), (OPTION, 7.0, 0, "09:18:00"))

    (first,) = tell(bars, at("09:18:02"))
    (second,) = tell(bars, at("09:21:02"))

    assert (first.symbol, first.close) == ("SENSEX", 80_010.0)
    assert (second.symbol, second.start_ns) == ("OPT", at("09:18"))


def test_a_tick_without_exchange_time_belongs_to_the_second_of_its_reception() -> None:
    bars = builder()
    tell(bars, at("09:15:01"), (INDEX, 80_000.0, 0, None))
    tell(bars, at("09:18:00"), (INDEX, 80_005.0, 0, None), stamped=False)

    (first,) = tell(bars, at("09:18:03"))
    (second,) = tell(bars, at("09:21:03"))

    assert (first.close, second.open) == (80_000.0, 80_005.0)


def test_a_tick_that_comes_after_its_bar_was_closed_is_counted_and_never_applied() -> None:
    bars = builder()
    tell(bars, at("09:15:01"), (INDEX, 80_000.0, 0, "09:15:01"))
    tell(bars, at("09:18:02"), (INDEX, 90_000.0, 0, "09:17:59"), (INDEX, 80_001.0, 0, "09:18:01"))

    (bar,) = tell(bars, at("09:21:02"))

    assert (bar.high, bars.late) == (80_001.0, 1)


def test_a_late_tick_is_late_even_where_no_bar_had_begun() -> None:
    bars = builder()
    tell(bars, at("09:21:30"), (INDEX, 80_000.0, 0, "09:16:00"))

    assert (bars.late, bars.due_ns) == (1, NEVER_NS)


def test_where_no_tick_came_there_is_no_bar() -> None:
    bars = builder()
    tell(bars, at("09:15:01"), (INDEX, 80_000.0, 0, "09:15:01"))
    closed = tell(bars, at("09:25:00"), (INDEX, 80_002.0, 0, "09:24:59"))
    closed += tell(bars, at("09:28:00"))

    assert [bar.start_ns for bar in closed] == [at("09:15"), at("09:24")]


def test_only_the_sessions_own_windows_count() -> None:
    bars = builder()
    tell(bars, at("09:14:59"), (INDEX, 1.0, 0, "09:14:59"))
    tell(bars, at("15:29:59"), (INDEX, 80_000.0, 0, "15:29:59"), (INDEX, 2.0, 0, "15:30:00"))

    (bar,) = tell(bars, at("15:30:02"))

    assert (bar.start_ns, bar.close, bars.outside) == (at("15:27"), 80_000.0, 2)


def test_bars_of_a_second_window_begin_anew_at_its_open() -> None:
    bars = builder(Window(at("09:15"), at("10:00")), Window(at("11:31"), at("12:30")))
    tell(bars, at("09:59:59"), (INDEX, 1.0, 0, "09:59:58"))
    closed = tell(bars, at("11:31:01"), (INDEX, 2.0, 0, "10:30:00"), (INDEX, 3.0, 0, "11:31:00"))
    closed += tell(bars, at("11:34:02"))

    assert [(bar.start_ns, bar.close) for bar in closed] == [(at("09:57"), 1.0), (at("11:31"), 3.0)]
    assert bars.outside == 1


def test_two_bars_may_be_in_the_making_around_an_edge() -> None:
    bars = builder()
    tell(bars, at("09:17:59"), (INDEX, 1.0, 0, "09:17:58"))
    tell(bars, at("09:18:01"), (INDEX, 2.0, 0, "09:18:00"), (INDEX, 3.0, 0, "09:17:59"), (INDEX, 4.0, 0, "09:18:01"))
    (first,) = tell(bars, at("09:18:02"))
    (second,) = tell(bars, at("09:21:02"))

    assert (first.close, second.open, second.close) == (3.0, 2.0, 4.0)


def test_volume_of_a_day_joined_late_counts_from_its_first_tick() -> None:
    bars = builder()
    tell(bars, at("11:00:01"), (OPTION, 10.0, 70_000, "11:00:00"))
    tell(bars, at("11:02:01"), (OPTION, 10.0, 70_020, "11:02:00"))
    (first,) = tell(bars, at("11:03:02"), (OPTION, 10.0, 70_060, "11:03:01"))
    (second,) = tell(bars, at("11:06:02"))

    assert (first.volume, second.volume) == (20, 40)


def test_an_index_has_no_volume_and_a_modelled_instrument_says_so() -> None:
    bars = builder(modelled=frozenset({"OPT"}))
    message = group([(INDEX, 80_000.0, 0, "09:15:01")])
    without_volume = TickGroup(
        "ticks_full", message.packet_index, {name: c for name, c in message.columns.items() if name != "volume"}
    )
    bars.add(without_volume, at("09:15:01"))
    tell(bars, at("09:15:02"), (OPTION, 5.0, 20, "09:15:02"), (123, 1.0, 1, "09:15:02"))

    option, index = tell(bars, at("09:18:02"))

    assert (index.volume, index.modelled, option.volume, option.modelled) == (0, False, 20, True)


SECONDS = at("09:15") // NS_PER_S


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1300), st.integers(1, 10_000), st.integers(0, 3)), min_size=1, max_size=120).map(
        lambda ticks: sorted(ticks, key=lambda tick: tick[0] + tick[2])
    )
)
def test_bars_equal_those_of_a_plain_reading_of_the_rule(ticks: list[tuple[int, int, int]]) -> None:
    """Ticks (exchange second, price, delay in seconds) in order of reception, against a dictionary of lists."""
    bars, closed, expected, late = builder(), [], {}, 0
    for second, price, delay in ticks:
        received = second + delay
        closed += tell(
            bars,
            (SECONDS + received) * NS_PER_S,
            _stamped(second, price),
        )
        start = second // 180 * 180
        if received >= start + 180 + 2:
            late += 1
        else:
            expected.setdefault(start, []).append(float(price))
    closed += tell(bars, (SECONDS + 5_000) * NS_PER_S)

    assert bars.late == late
    assert [(bar.start_ns // NS_PER_S - SECONDS, bar.open, bar.high, bar.low, bar.close) for bar in closed] == [
        (start, told[0], max(told), min(told), told[-1]) for start, told in sorted(expected.items())
    ]


def _stamped(second: int, price: int) -> Tick:
    hours, rest = divmod(SECONDS + second + 19_800, 3_600)
    return INDEX, float(price), 0, f"{hours % 24:02d}:{rest // 60:02d}:{rest % 60:02d}"


@pytest.mark.parametrize("token", [1, 2])
def test_unknown_instruments_are_passed_over(token: int) -> None:
    bars = builder()
    tell(bars, at("09:15:01"), (token, 1.0, 1, "09:15:01"))

    assert bars.due_ns == NEVER_NS
