"""Processes of this machine, found by name as a person would name them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Final

import psutil

from muhurat.jobs.monitor.base import Sample

_INTERPRETER: Final = re.compile(r"(python|pypy|node|java|ruby|perl|php|bash|dash|sh)[\d.]*(\.exe)?")
_ASKED: Final = ["pid", "name", "cmdline", "create_time", "status"]
_GONE: Final = frozenset({psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})


class ProcessProbe:
    """Finds processes by name, by the program they run, by the script their interpreter runs (`recorder.py`), or by a
    piece of the command line with a space in it (`muhurat capture run`); of several the oldest.

    All processes are listed only when one that is wanted is not, or no longer, known.
    """

    def __init__(self) -> None:
        self._known: dict[str, psutil.Process] = {}

    def look(self, names: Sequence[str]) -> Mapping[str, Sample]:
        lost = [name for name in names if not _alive(self._known.get(name))]
        for name in lost:
            self._known.pop(name, None)
        if lost:
            self._known.update(_found(lost))
        return {name: sample for name in names if (sample := self._measured(name)) is not None}

    def _measured(self, name: str) -> Sample | None:
        process = self._known.get(name)
        if process is None:
            return None
        with suppress(psutil.NoSuchProcess), process.oneshot():
            read, written = _disk(process)
            return Sample(
                running=True,
                kind="process",
                pid=process.pid,
                started_ns=int(process.create_time() * 1e9),
                cpu_percent=process.cpu_percent(),
                memory_bytes=process.memory_info().rss,
                read_bytes=read,
                written_bytes=written,
            )
        return None


def _found(names: Sequence[str]) -> dict[str, psutil.Process]:
    """The oldest process under each name, this one left out."""
    oldest: dict[str, psutil.Process] = {}
    for process in psutil.process_iter(_ASKED):
        info = process.info
        if process.pid == os.getpid() or info["status"] in _GONE:
            continue
        called = set(_names(info["name"] or "", info["cmdline"] or []))
        line = " ".join(info["cmdline"] or [])
        for name in names:
            fits = name in called or (" " in name and name in line)
            if fits and (name not in oldest or info["create_time"] < oldest[name].create_time()):
                oldest[name] = process
    return oldest


def _names(name: str, command: Sequence[str]) -> Iterator[str]:
    """What a process goes by: its name, its program, its interpreter's script or module, each without `.exe` too."""
    called = [name, *([PurePath(command[0]).name] if command else [])]
    if any(_INTERPRETER.fullmatch(each) for each in called):
        words = [word for word in command[1:] if not word.startswith("-")]
        called += [PurePath(words[0]).name] if words else []
    for each in called:
        yield each
        yield each.removesuffix(".exe")


def _alive(process: psutil.Process | None) -> bool:
    if process is None:
        return False
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() not in _GONE
    return False


def _disk(process: psutil.Process) -> tuple[int | None, int | None]:
    """Bytes read from and written to disks since its start; None for another user's process."""
    try:
        counters = process.io_counters()
    except psutil.AccessDenied:
        return None, None
    return counters.read_bytes, counters.write_bytes
