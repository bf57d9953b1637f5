"""The bundles there are, and the making of those that are wanting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from muhurat import __version__
from muhurat.capture.archive.base import ArchiveError, BundleKind, disk_refused, sha256_of
from muhurat.capture.archive.bundle import (
    SUFFIX,
    BundledFile,
    BundledHour,
    Manifest,
    Opener,
    of_bundle,
    of_file,
    read_manifest,
    write_bundle,
)
from muhurat.capture.archive.compress import verified
from muhurat.capture.archive.due import files_of
from muhurat.capture.archive.periods import last_day, period_of
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.format import HourPaths
from muhurat.clock import Clock, ist
from muhurat.errors import MuhuratError

KINDS: Final[tuple[BundleKind, ...]] = ("daily", "weekly", "monthly")


class Shelf:
    """The folder of bundles, `<kind>/journal_<period>.tar`.

    A bundle that cannot be read holds nothing, is in `damaged`, and is never written over.
    """

    def __init__(self, folder: Path, clock: Clock, files: Files | None = None) -> None:
        self.bundles: dict[Path, Manifest] = {}
        self.damaged: dict[Path, MuhuratError] = {}
        self._folder = folder
        self._clock = clock
        self._files = files
        self._sizes: set[tuple[str, int]] = set()
        for kind in KINDS:
            for path in sorted((folder / kind).glob(f"*{SUFFIX}")):
                self._take(path)

    def path(self, kind: BundleKind, period: str) -> Path:
        return self._folder / kind / f"journal_{period}{SUFFIX}"

    def of(self, kind: BundleKind) -> list[tuple[Path, Manifest]]:
        """The bundles of a kind, oldest first."""
        return [(path, manifest) for path, manifest in sorted(self.bundles.items()) if manifest.kind == kind]

    def holds(self, paths: HourPaths) -> bool:
        """Whether bundles hold every file of an hour, by name and size."""
        there = self._sizes = self._sizes or {(file.name, file.size) for file in self._all()}
        return {(name_of(paths, path), path.stat().st_size) for path in files_of(paths)} <= there

    def holds_exactly(self, paths: HourPaths) -> bool:
        """The same by checksum; reads the files. Raises `OSError`."""
        return {_described(paths, path) for path in files_of(paths)} <= set(self._all())

    def holding(self, manifest: Manifest, kind: BundleKind) -> bool:
        """Whether bundles of a kind hold all that this one holds."""
        there = {file for _, other in self.of(kind) for file in other.files}
        return set(manifest.files) <= there

    def make_daily(self, day: date, hours: Sequence[HourPaths]) -> int:
        """Write a day's bundle of these hours and what else the present one has; its size. Raises `MuhuratError`."""
        path = self.path("daily", period_of("daily", day))
        found, openers, told = self._begin([path])
        for paths in hours:
            for file in files_of(paths):
                described = _described(paths, file)
                found[described.name], openers[described.name] = described, of_file(file)
            told[paths.feed, paths.hour] = _told(paths)
        return self._write(path, "daily", period_of("daily", day), found, openers, told)

    def wanting(self, kind: BundleKind, today: date) -> list[str]:
        """The periods that are over and whose bundle lacks something that a daily one has."""
        periods = dict.fromkeys(period_of(kind, last_day("daily", daily.period)) for _, daily in self.of("daily"))
        return [
            period
            for period in periods
            if last_day(kind, period) < today
            and not all(self.holding(daily, kind) for _, daily in self._dailies(kind, period))
        ]

    def make_longer(self, kind: BundleKind, period: str) -> int:
        """Write a week's or month's bundle of its days' bundles; its size. Raises `ArchiveError`."""
        path = self.path(kind, period)
        sources = [path, *(daily for daily, _ in self._dailies(kind, period))]
        return self._write(path, kind, period, *self._begin(sources))

    def _all(self) -> Iterator[BundledFile]:
        return (file for manifest in self.bundles.values() for file in manifest.files)

    def _dailies(self, kind: BundleKind, period: str) -> list[tuple[Path, Manifest]]:
        return [
            (path, daily)
            for path, daily in self.of("daily")
            if period_of(kind, last_day("daily", daily.period)) == period
        ]

    def _begin(
        self, sources: Iterable[Path]
    ) -> tuple[dict[str, BundledFile], dict[str, Opener], dict[tuple[str, str], BundledHour]]:
        """What bundles hold together; of two files of one name that of the later bundle counts."""
        found: dict[str, BundledFile] = {}
        openers: dict[str, Opener] = {}
        told: dict[tuple[str, str], BundledHour] = {}
        for path in sources:
            if path in self.damaged:
                raise self.damaged[path]
            if path in self.bundles:
                for file in self.bundles[path].files:
                    found[file.name], openers[file.name] = file, of_bundle(path, file.name)
                told |= {(hour.feed, hour.hour): hour for hour in self.bundles[path].hours}
        return found, openers, told

    def _write(
        self,
        path: Path,
        kind: BundleKind,
        period: str,
        found: Mapping[str, BundledFile],
        openers: Mapping[str, Opener],
        told: Mapping[tuple[str, str], BundledHour],
    ) -> int:
        made_at = ist(self._clock.now_ns()).isoformat(timespec="seconds")
        files, hours = [found[name] for name in sorted(found)], [told[key] for key in sorted(told)]
        manifest = Manifest(kind, period, made_at, files, hours)
        size = write_bundle(path, manifest, openers, self._files)
        self.bundles[path] = manifest
        self._sizes = set()
        return size

    def _take(self, path: Path) -> None:
        try:
            self.bundles[path] = read_manifest(path)
        except ArchiveError as error:
            self.damaged[path] = error


def name_of(paths: HourPaths, path: Path) -> str:
    """What a file of an hour is called in a bundle."""
    return f"{paths.feed}/{path.name}"


def _described(paths: HourPaths, path: Path) -> BundledFile:
    try:
        return BundledFile(name_of(paths, path), sha256_of(path), path.stat().st_size)
    except OSError as error:
        raise disk_refused(error, path) from error


def _told(paths: HourPaths) -> BundledHour:
    """An hour's records as they are in its archive; raises `JournalError` when it cannot be read."""
    import zstandard

    found = verified(paths, paths.zst)
    return BundledHour(
        feed=paths.feed,
        hour=paths.hour,
        records=found.records,
        bytes=found.bytes,
        first=_iso(found.first_ts_ns),
        last=_iso(found.last_ts_ns),
        gaps=msgspec.to_builtins(found.gaps),
        torn_bytes=found.torn_bytes,
        damaged=found.damaged,
        versions={"muhurat": __version__, "zstd": ".".join(map(str, zstandard.ZSTD_VERSION))},
    )


def _iso(ts_ns: int) -> str | None:
    return ist(ts_ns).isoformat(timespec="milliseconds") if ts_ns else None
