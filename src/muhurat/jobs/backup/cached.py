"""The cache as one file, and back: keys with their age and series with their times, one JSON object a line.

The first line names the form, the last one counts; so a file that was cut is noticed. Values travel as base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from muhurat.clock import ManualClock
from muhurat.jobs.backup.base import BackupError, Kind, Sink
from muhurat.stores.base import Cache

SUFFIX: Final = ".jsonl"
NAME: Final = "cache"
KEYS, SERIES, KEY = "keys", "series", "key"

_FORM: Final = {"form": "muhurat cache", "version": 1}


class CacheSource:
    """The desk's cache to back up; each entry is read at one moment, the whole is not."""

    kind: Kind = "cache"
    suffix = SUFFIX
    name = NAME

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def identity(self) -> str:
        return NAME

    def dump(self, sink: Sink) -> dict[str, int]:
        sink(_line(_FORM))
        counts = {KEYS: 0, SERIES: 0}
        for key in self._cache.keys(""):
            held = self._cache.get(key)
            if held is None:
                continue  # it has gone since
            counts[KEYS] += 1
            sink(_line({KEY: key, "value": _text(held.value), "stored_ns": held.stored_ns, "ttl_s": held.ttl_s}))
        for name in self._cache.series_names():
            points = [[at_ns, _text(point)] for at_ns, point in self._cache.series(name)]
            counts[SERIES] += 1
            sink(_line({SERIES: name, "points": points}))
        sink(_line({"end": counts}))
        return counts


def play(chunks: Iterable[bytes], cache: Cache, clock: ManualClock) -> dict[str, int]:
    """Put entries back under their own times into `cache`, whose clock is `clock`; how many.

    `check` comes first. Raises `BackupError` when the file is none of ours, or is cut.
    """
    counts = {KEYS: 0, SERIES: 0}
    for told in _entries(chunks):
        if KEY in told:
            counts[KEYS] += 1
            clock.set(told["stored_ns"])
            cache.set(told[KEY], base64.b64decode(told["value"]), ttl_s=told["ttl_s"])
        else:
            counts[SERIES] += 1
            _play_series(told[SERIES], told["points"], cache, clock)
    return counts


def check(chunks: Iterable[bytes]) -> None:
    """Read a backup to its end; raises `BackupError` when it is none, or not whole."""
    for _ in _entries(chunks):
        pass


def _entries(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The entries of a file that begins and ends as it should."""
    counts = {KEYS: 0, SERIES: 0}
    end: dict[str, int] | None = None
    for number, told in enumerate(_objects(chunks)):
        if number == 0:
            if told != _FORM:
                raise _damaged("it does not begin as one")
            continue
        end = told.get("end")
        if end is None:
            counts[KEYS if KEY in told else SERIES] += 1
            yield told
    if end != counts:
        raise _damaged(f"it ends after {counts}")


def _play_series(name: str, points: list[list[Any]], cache: Cache, clock: ManualClock) -> None:
    for at_ns, point in points:
        clock.set(at_ns)
        cache.append(name, base64.b64decode(point), keep=len(points))


def _objects(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError as error:
                raise _damaged(str(error)) from error
    if rest:
        raise _damaged("its last line is cut")


def _line(told: object) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _damaged(why: str) -> BackupError:
    return BackupError(f"this is no whole backup of a cache: {why}", hint="choose another: `muhurat db list`")
