"""Where every instant comes from.

`Clock` tells desk time (instants, UTC nanoseconds since the epoch) and real monotonic time (intervals). Services take a
clock as an argument and never ask the operating system. In a rehearsal all processes of a desk share one
`SimulatedClock`: it reads a small memory-mapped *clock page* named by the environment variable `MUHURAT_CLOCK`.

A rehearsed desk's time is stepped, not smooth: one process, the conductor, writes the present instant into the page,
and may wait before each step until every listener has read what was sent (see `simulator.conductor`). So a busy
machine makes a rehearsal slower, never different. Any process may hold the page for a while, as the supervisor does
while a service starts, and may appoint an instant that time must not pass before it has been there, as the supervisor
does with the hours of its services. Processes that die no longer count.

Page layout, little-endian, 4,096 bytes: `0 magic "MUHCLK01" | 8 now_ns i64 | 16 speed f64 | 24 conductor pid u32 |
28 reserved u32 | 32 holders: 32 x pid u32 | 160 appointments: 32 x (instant_ns i64, pid u32, reserved u32)`.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from pathlib import Path
from typing import Final, Protocol

from muhurat.errors import MuhuratError

ENVIRONMENT_VARIABLE: Final = "MUHURAT_CLOCK"
NS_PER_S: Final = 1_000_000_000
IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")

_MAGIC: Final = b"MUHCLK01"
_PAGE_SIZE: Final = 4096
_NOW: Final = struct.Struct("<q")
_SPEED: Final = struct.Struct("<d")
_PID: Final = struct.Struct("<I")
_APPOINTMENT: Final = struct.Struct("<qII")
_NOW_AT, _SPEED_AT, _CONDUCTOR_AT, _HOLDERS_AT, _APPOINTMENTS_AT, _SLOTS = 8, 16, 24, 32, 160, 32
_LONGEST_NAP_S: Final = 0.02
_SHORTEST_NAP_S: Final = 0.0005


class Clock(Protocol):
    """Desk time for instants, real monotonic time for intervals."""

    @property
    def speed(self) -> float:
        """Desk seconds per real second: 1 but in a rehearsal."""

    def now_ns(self) -> int:
        """The desk's present instant, UTC nanoseconds since 1970."""

    def monotonic(self) -> float:
        """Real seconds from an arbitrary start; never goes back, never simulated."""

    def sleep_until(self, instant_ns: int) -> None:
        """Block until desk time has reached `instant_ns`."""

    def hold(self) -> AbstractContextManager[None]:
        """Stop desk time for the length of a `with` block, where desk time can be stopped."""

    def appoint(self, instant_ns: int | None) -> None:
        """Where desk time can wait, let it not pass `instant_ns` before this process appointed a later one, or none."""


class SystemClock:
    """The machine's own time."""

    speed = 1.0

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep_until(self, instant_ns: int) -> None:
        while (left_s := (instant_ns - self.now_ns()) / NS_PER_S) > 0:
            time.sleep(min(left_s, 1.0))

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield

    def appoint(self, instant_ns: int | None) -> None:
        """This time waits for nobody."""


class ManualClock:
    """Time that a test moves by hand; both desk and monotonic time advance together."""

    speed = 1.0

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._monotonic = 0.0

    def advance(self, seconds: float) -> None:
        self._now_ns += round(seconds * NS_PER_S)
        self._monotonic += seconds

    def set(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic(self) -> float:
        return self._monotonic

    def sleep_until(self, instant_ns: int) -> None:
        self.advance(max(0, instant_ns - self._now_ns) / NS_PER_S)

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield

    def appoint(self, instant_ns: int | None) -> None:
        """This time waits for nobody."""


class ClockPage:
    """The shared page of a rehearsal: the present instant, its speed, its conductor and its holders."""

    def __init__(self, path: Path) -> None:
        """Open the page at `path`; raises `MuhuratError` when there is none or it is something else."""
        try:
            with path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), _PAGE_SIZE)
        except (OSError, ValueError) as error:
            raise MuhuratError(
                f"the clock page {path} cannot be read: {error}",
                hint=f"start the simulator first, or unset {ENVIRONMENT_VARIABLE}",
            ) from error
        if self._map[:8] != _MAGIC:
            raise MuhuratError(f"{path} is not a clock page", hint=f"check {ENVIRONMENT_VARIABLE}")
        self.path = path

    @classmethod
    def create(cls, path: Path, now_ns: int, speed: float = 1.0) -> ClockPage:
        """Write a new page, conducted by this process, whose time stands at `now_ns`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        head = _MAGIC + _NOW.pack(now_ns) + _SPEED.pack(speed) + _PID.pack(os.getpid())
        fresh.write_bytes(head.ljust(_PAGE_SIZE, b"\0"))
        fresh.replace(path)
        return cls(path)

    @property
    def now_ns(self) -> int:
        return int(_NOW.unpack_from(self._map, _NOW_AT)[0])

    @now_ns.setter
    def now_ns(self, value: int) -> None:
        _NOW.pack_into(self._map, _NOW_AT, value)

    @property
    def speed(self) -> float:
        return float(_SPEED.unpack_from(self._map, _SPEED_AT)[0])

    @speed.setter
    def speed(self, value: float) -> None:
        _SPEED.pack_into(self._map, _SPEED_AT, value)

    @property
    def conductor_pid(self) -> int:
        return int(_PID.unpack_from(self._map, _CONDUCTOR_AT)[0])

    def held(self) -> bool:
        """Whether a living process asks time to stand still."""
        return any(_alive(pid) for pid in self._holders())

    def add_holder(self) -> int:
        """Ask time to stand still; returns the slot to give back with `remove_holder`."""
        for slot, pid in enumerate(self._holders()):
            if not _alive(pid):
                _PID.pack_into(self._map, _HOLDERS_AT + 4 * slot, os.getpid())
                return slot
        raise MuhuratError(f"more than {_SLOTS} processes hold the clock page {self.path}")

    def remove_holder(self, slot: int) -> None:
        _PID.pack_into(self._map, _HOLDERS_AT + 4 * slot, 0)

    def appoint(self, instant_ns: int | None) -> None:
        """Let time not pass `instant_ns` until this process appoints a later instant, or none."""
        mine: int | None = None
        free: int | None = None
        for slot in range(_SLOTS):
            at = _APPOINTMENTS_AT + slot * _APPOINTMENT.size
            pid = _APPOINTMENT.unpack_from(self._map, at)[1]
            if pid == os.getpid():
                mine = at
            elif free is None and not _alive(pid):
                free = at
        chosen = mine if mine is not None else free
        if chosen is None:
            raise MuhuratError(f"more than {_SLOTS} processes have appointments on the clock page {self.path}")
        kept = (instant_ns, os.getpid(), 0) if instant_ns is not None else (0, 0, 0)
        _APPOINTMENT.pack_into(self._map, chosen, *kept)

    def appointment_ns(self, limit_ns: int) -> int | None:
        """The earliest instant up to `limit_ns` that a living process has appointed; None without any."""
        table = self._map[_APPOINTMENTS_AT : _APPOINTMENTS_AT + _SLOTS * _APPOINTMENT.size]
        found = (kept for kept in _APPOINTMENT.iter_unpack(table) if kept[1] and kept[0] <= limit_ns)
        return min((instant_ns for instant_ns, pid, _ in found if _alive(pid)), default=None)

    def conducted(self) -> bool:
        """Whether the process that moves this page's time still lives."""
        return _alive(self.conductor_pid)

    def _holders(self) -> tuple[int, ...]:
        return struct.unpack_from(f"<{_SLOTS}I", self._map, _HOLDERS_AT)


class SimulatedClock:
    """A rehearsal's desk time, shared by all processes through a `ClockPage`."""

    def __init__(self, page: ClockPage) -> None:
        self.page = page

    @property
    def speed(self) -> float:
        return self.page.speed

    def now_ns(self) -> int:
        return self.page.now_ns

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep_until(self, instant_ns: int) -> None:
        while (left_ns := instant_ns - self.now_ns()) > 0:
            time.sleep(self._nap_s(left_ns))

    @contextmanager
    def hold(self) -> Iterator[None]:
        slot = self.page.add_holder()
        try:
            yield
        finally:
            self.page.remove_holder(slot)

    def appoint(self, instant_ns: int | None) -> None:
        self.page.appoint(instant_ns)

    def _nap_s(self, left_ns: int) -> float:
        real_s = left_ns / NS_PER_S / max(self.page.speed, 0.001)
        return min(max(real_s / 2, _SHORTEST_NAP_S), _LONGEST_NAP_S)


def clock_from_environment() -> Clock:
    """The rehearsal's clock when `MUHURAT_CLOCK` names a page, the machine's otherwise."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    return SimulatedClock(ClockPage(Path(named))) if named else SystemClock()


def ist(instant_ns: int) -> datetime:
    """The instant as an aware datetime in Indian Standard Time, to the microsecond."""
    seconds, rest = divmod(instant_ns, NS_PER_S)
    return datetime.fromtimestamp(seconds, IST).replace(microsecond=rest // 1000)


def ist_ns(day: date, at: time_of_day) -> int:
    """The instant of a wall-clock time in India on a date."""
    return to_ns(datetime.combine(day, at, IST))


def to_ns(moment: datetime) -> int:
    """An aware datetime as UTC nanoseconds, exact to the microsecond; a naive one is refused."""
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: say which zone it is in")
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000


def _alive(pid: int) -> bool:
    """Whether a process lives; one that was killed and not yet reaped does not."""
    if pid == 0:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat[stat.rindex(b")") + 2 :][:1] not in (b"Z", b"X")
