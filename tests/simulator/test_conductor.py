from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from muhurat.clock import NS_PER_S, ClockPage
from muhurat.errors import UsageError
from muhurat.simulator.conductor import QUIET_FACTOR, QUIET_NS, Conductor

START = 1_795_100_000 * NS_PER_S
FAST = 1e6
_HOLDERS_AT = 32


class Schedule:
    """A venue with a list of instants, which remembers when it was asked to send."""

    def __init__(self, instants: list[int], conductor: Conductor) -> None:
        self.instants = instants
        self.sent: list[tuple[int, int]] = []
        self._conductor = conductor

    def due_ns(self) -> int | None:
        return self.instants[0] if self.instants else None

    def active_ns(self, now_ns: int) -> int | None:
        return next((instant for instant in self.instants if instant > now_ns), None)

    def send(self, now_ns: int) -> None:
        self.sent.append((self.instants.pop(0), self._conductor.now_ns))


@pytest.fixture
def conductor(tmp_path: Path) -> Conductor:
    return Conductor(ClockPage.create(tmp_path / "clock", START), FAST)


def every(seconds: float, count: int) -> list[int]:
    return [START + round((index + 1) * seconds * NS_PER_S) for index in range(count)]


async def test_everything_is_sent_at_the_very_instant_it_is_due(conductor: Conductor) -> None:
    schedule = Schedule(every(0.25, 40), conductor)
    conductor.add_source(schedule)

    await conductor.advance_to(START + 60 * NS_PER_S)

    assert schedule.sent == [(instant, instant) for instant in every(0.25, 40)]
    assert conductor.now_ns == START + 60 * NS_PER_S


async def test_two_venues_take_turns_in_the_order_of_time(conductor: Conductor) -> None:
    order: list[int] = []

    class Noted(Schedule):
        def send(self, now_ns: int) -> None:
            order.append(self.instants.pop(0))

    conductor.add_source(Noted(every(0.3, 10), conductor))
    conductor.add_source(Noted(every(0.2, 15), conductor))

    await conductor.advance_to(START + 4 * NS_PER_S)

    assert order == sorted(every(0.3, 10) + every(0.2, 15))


async def test_time_does_not_move_while_a_listener_has_not_read_everything(conductor: Conductor) -> None:
    seen: list[tuple[int, int]] = []
    unread: list[int] = []

    async def read_slowly() -> None:
        before = conductor.now_ns
        await asyncio.sleep(0.002)
        seen.append((unread.pop(), conductor.now_ns))
        assert conductor.now_ns == before

    class Sends(Schedule):
        def send(self, now_ns: int) -> None:
            unread.append(self.instants.pop(0))

    conductor.add_source(Sends(every(1, 20), conductor))
    conductor.add_barrier(lambda: read_slowly() if unread else None)
    await conductor.advance_to(START + 30 * NS_PER_S)

    assert seen == [(instant, instant) for instant in every(1, 20)]


async def test_a_listener_that_asks_for_more_while_others_read_is_waited_for_too(conductor: Conductor) -> None:
    waits = [1, 1, 1]

    async def read() -> None:
        waits.pop()

    conductor.add_barrier(lambda: read() if waits else None)
    await conductor.advance_to(START + NS_PER_S)

    assert waits == []


async def test_a_timer_is_called_at_its_instant_before_a_venue_sends(conductor: Conductor) -> None:
    order: list[str] = []

    class Noted(Schedule):
        def send(self, now_ns: int) -> None:
            self.instants.pop(0)
            order.append("venue")

    conductor.add_source(Noted([START + NS_PER_S], conductor))
    conductor.call_at(START + NS_PER_S, lambda: order.append(f"timer at {conductor.now_ns - START}"))
    await conductor.advance_to(START + 2 * NS_PER_S)

    assert order == [f"timer at {NS_PER_S}", "venue"]


async def test_a_timer_set_while_time_passes_is_not_overrun(conductor: Conductor) -> None:
    conductor.set_speed(10)
    called: list[int] = []
    asyncio.get_running_loop().call_later(
        0.02,
        lambda: conductor.call_at(
            conductor.now_ns + NS_PER_S // 10, lambda at=conductor.now_ns: called.append(conductor.now_ns)
        ),
    )
    await conductor.advance_to(START + NS_PER_S)

    assert len(called) == 1
    assert called[0] < START + NS_PER_S


async def test_time_stands_still_while_somebody_holds_the_page(conductor: Conductor) -> None:
    slot = conductor.page.add_holder()
    moving = asyncio.create_task(conductor.advance_to(START + NS_PER_S))
    await asyncio.sleep(0.05)
    assert conductor.now_ns == START

    conductor.page.remove_holder(slot)
    await moving

    assert conductor.now_ns == START + NS_PER_S


async def test_time_waits_at_an_appointed_instant_until_its_owner_has_been_there(conductor: Conductor) -> None:
    appointed = START + NS_PER_S // 2
    conductor.page.appoint(appointed)
    moving = asyncio.create_task(conductor.advance_to(START + NS_PER_S))
    while conductor.now_ns < appointed:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert conductor.now_ns == appointed

    conductor.page.appoint(None)
    await moving

    assert conductor.now_ns == START + NS_PER_S


async def test_a_holder_that_has_died_no_longer_holds(conductor: Conductor, tmp_path: Path, dead_pid: int) -> None:
    with (tmp_path / "clock").open("r+b") as file:
        file.seek(_HOLDERS_AT)
        file.write(struct.pack("<I", dead_pid))

    await conductor.advance_to(START + NS_PER_S)

    assert conductor.now_ns == START + NS_PER_S


async def test_time_stands_still_while_paused(conductor: Conductor) -> None:
    conductor.pause()
    moving = asyncio.create_task(conductor.advance_to(START + NS_PER_S))
    await asyncio.sleep(0.02)
    assert conductor.now_ns == START

    conductor.go()
    await moving

    assert conductor.now_ns == START + NS_PER_S


async def test_quiet_stretches_pass_faster_and_busy_ones_do_not(tmp_path: Path) -> None:
    conductor = Conductor(ClockPage.create(tmp_path / "clock", START), 1e4)
    paces: list[float] = []

    class Noted(Schedule):
        def send(self, now_ns: int) -> None:
            self.instants.pop(0)

    far = START + 10 * QUIET_NS
    conductor.add_source(Noted([far, far + NS_PER_S], conductor))
    conductor.call_at(START + QUIET_NS, lambda: paces.append(conductor.page.speed))
    conductor.call_at(far + NS_PER_S // 2, lambda: paces.append(conductor.page.speed))
    await conductor.advance_to(far + 2 * NS_PER_S)

    assert paces == [1e4 * QUIET_FACTOR, 1e4]


async def test_time_is_not_faster_than_its_speed(tmp_path: Path) -> None:
    conductor = Conductor(ClockPage.create(tmp_path / "clock", START), 10)
    begun = conductor.monotonic()

    await conductor.advance_to(START + NS_PER_S)

    assert conductor.monotonic() - begun >= 0.099


async def test_idle_time_moves_in_small_steps(tmp_path: Path) -> None:
    conductor = Conductor(ClockPage.create(tmp_path / "clock", START), 10)
    seen = {START}

    def look() -> None:
        seen.add(conductor.now_ns)
        asyncio.get_running_loop().call_later(0.001, look)

    look()
    await conductor.advance_to(START + NS_PER_S)

    steps = sorted(seen)
    widest = max(after - before for before, after in pairwise(steps))
    assert widest <= NS_PER_S // 2


async def test_an_instant_in_the_past_moves_nothing(conductor: Conductor) -> None:
    await conductor.advance_to(START - NS_PER_S)

    assert conductor.now_ns == START


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_gets_nowhere_is_refused(tmp_path: Path, speed: float) -> None:
    with pytest.raises(UsageError, match="speed"):
        Conductor(ClockPage.create(tmp_path / "clock", START), speed)


@pytest.fixture
def dead_pid() -> Iterator[int]:
    import subprocess

    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid
