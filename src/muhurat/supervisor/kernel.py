"""What the kernel says of processes, read from /proc (`man 5 proc`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Seen:
    """One process at one moment; `start_ticks` since boot and the pid together name it as long as the machine is up."""

    pid: int
    alive: bool
    group: int
    session: int
    start_ticks: int
    rss_bytes: int


def look(pid: int) -> Seen | None:
    """The process with this pid, a zombie included (which is not `alive`); None when there is none that we may see."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    told = stat[stat.rindex(b")") + 2 :].split()  # the name before it may hold anything
    return Seen(
        pid=pid,
        alive=told[0] not in (b"Z", b"X"),
        group=int(told[2]),
        session=int(told[3]),
        start_ticks=int(told[19]),
        rss_bytes=int(told[21]) * _PAGE_BYTES,
    )


def everyone() -> Iterator[Seen]:
    """All processes that we may see; about 20 microseconds each."""
    for pid in pids():
        if (seen := look(pid)) is not None:
            yield seen


def pids() -> list[int]:
    """The numbers of all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  Path costs more than the rest


def age_s(start_ticks: int) -> float:
    """Real seconds since a process was started."""
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    return max(0.0, up_s - start_ticks / _TICKS_PER_S)


@cache
def boot_id() -> str:
    """Which run of the machine this is: start times of processes mean nothing in another."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
