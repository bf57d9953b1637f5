"""What is done with hours that are over, in order: compress, verify, bundle, remove, delete.

Everything that is wanting is done, of the day and of every day before it; what is done already is left alone. What
fails is named, and keeps nothing else from being done. Nothing is removed but what was verified elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path

from muhurat.capture.archive.base import ArchiveError, Report, Rules, Step, What, disk_refused
from muhurat.capture.archive.compress import compress_hour, require_same
from muhurat.capture.archive.due import (
    close_left_behind,
    day_of,
    files_of,
    hours_up_to,
    is_hot,
    lost_hours,
    not_yet,
    unread,
)
from muhurat.capture.archive.periods import last_day, period_of
from muhurat.capture.archive.shelf import Shelf
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.format import HourPaths
from muhurat.clock import Clock, ist
from muhurat.errors import MuhuratError

Progress = Callable[[int, int | None, str], None]


def archive(
    rules: Rules,
    clock: Clock,
    day: date,
    *,
    dry_run: bool = False,
    progress: Progress = lambda done, total, what: None,
    files: Files | None = None,
) -> Report:
    """Archive everything up to the end of `day`; ages are counted from it, or from today where that is earlier.

    A `dry_run` changes nothing and reports what would be done. Raises nothing that belongs to one file: see `failed`.
    """
    work = _EndOfDay(rules, clock, min(day, ist(clock.now_ns()).date()), dry_run, progress, files or Files())
    work.look_for_lost_hours()
    work.compress()
    if rules.kinds:
        work.bundle()
    work.remove_raw()
    if rules.archive_days is not None:
        work.delete_hours(rules.archive_days)
        work.delete_bundles(rules.archive_days)
    return work.report


class _EndOfDay:
    def __init__(
        self, rules: Rules, clock: Clock, today: date, dry_run: bool, progress: Progress, files: Files
    ) -> None:
        self.report = Report()
        self._rules = rules
        self._clock = clock
        self._today = today
        self._dry_run = dry_run
        self._progress = progress
        self._files = files
        self._hours = hours_up_to(rules.journals, today)
        self._archived = [paths for paths in self._hours if paths.zst.exists()]
        self._shelf = Shelf(rules.bundles, clock, files)

    def look_for_lost_hours(self) -> None:
        """Name the hours that were recorded and are nowhere, as long as their index is there."""
        for paths in lost_hours(self._rules.journals, self._today):
            error = ArchiveError(
                f"{paths.bin} is gone, its archive too, and {paths.idx.name} knows of records",
                hint="bring the hour back with `muhurat journal restore BUNDLE --to DIR`, or remove the .idx",
            )
            self.report.failed.append((paths.bin.name, error))

    def compress(self) -> None:
        """Compress every hour that is over; it counts as archived when it was read back."""
        due = [paths for paths in self._hours if paths not in self._archived]
        for number, paths in enumerate(due):
            self._progress(number, len(due), f"compressing {paths.bin.name}")
            if why := not_yet(paths, self._clock.now_ns()):
                self.report.waiting.append((paths.bin.name, why))
                continue
            with self._telling(paths.bin):
                self._compress(paths)
                self._archived.append(paths)

    def bundle(self) -> None:
        """Bundle every day that has an hour no bundle holds, then the weeks and months that are over."""
        shelf = self._shelf
        self.report.failed += [(path.name, error) for path, error in shelf.damaged.items()]
        for day in sorted({day_of(paths) for paths in self._archived}):
            hours = [paths for paths in self._archived if day_of(paths) == day]
            if not all(paths.zst.exists() and shelf.holds(paths) for paths in hours):
                self._bundle(shelf.path("daily", period_of("daily", day)), partial(shelf.make_daily, day, hours))
        for kind in self._rules.kinds:
            for period in () if kind == "daily" else shelf.wanting(kind, self._today):
                self._bundle(shelf.path(kind, period), partial(shelf.make_longer, kind, period))

    def remove_raw(self) -> None:
        """Remove raw files that are archived, cold and read, each after one more comparison with its archive."""
        for paths in self._archived:
            if not paths.bin.exists() or is_hot(paths, self._rules, self._today):
                continue
            with self._telling(paths.bin):
                if why := unread(paths, self._clock.now_ns()):
                    self.report.waiting.append((paths.bin.name, why))
                elif self._dry_run:
                    self._gone("remove raw", paths.bin, "archived")
                else:
                    require_same(paths.bin, paths.zst)
                    self._gone("remove raw", paths.bin, "archived")

    def delete_hours(self, archive_days: int) -> None:
        """Delete archives that are old enough, and where bundles are made only if they hold them."""
        for paths in self._archived:
            old = (self._today - day_of(paths)).days
            if old < archive_days or paths.bin.exists():
                continue
            with self._telling(paths.zst):
                if self._rules.kinds and not self._shelf.holds_exactly(paths):
                    self.report.waiting.append((paths.zst.name, "no bundle holds it"))
                    continue
                for path in files_of(paths):
                    self._gone("delete", path, f"{old} days old")

    def delete_bundles(self, archive_days: int) -> None:
        """Delete days that a week and a month hold, and old weeks that months hold; the longest are never deleted."""
        longer = [kind for kind in self._rules.kinds if kind != "daily"]
        for path, daily in self._shelf.of("daily"):
            if longer and all(self._shelf.holding(daily, kind) for kind in longer):
                self._gone("delete bundle", path, f"in the {' and the '.join(longer)} bundle")
        for path, weekly in self._shelf.of("weekly") if "monthly" in longer else ():
            old = (self._today - last_day("weekly", weekly.period)).days
            if old >= archive_days and self._shelf.holding(weekly, "monthly"):
                self._gone("delete bundle", path, f"{old} days old, in the monthly bundle")

    def _compress(self, paths: HourPaths) -> None:
        if self._dry_run:
            self.report.steps.append(Step("compress", paths.zst, paths.bin.stat().st_size))
            return
        close_left_behind(paths, self._clock)
        done = compress_hour(paths, self._files)
        self.report.steps.append(Step("compress", done.file, done.bytes_before, done.bytes_after))
        if not done.found.sound:
            self.report.unsound.append(paths.bin.name)

    def _bundle(self, path: Path, make: Callable[[], int]) -> None:
        self._progress(0, None, f"bundling {path.name}")
        if path in self._shelf.damaged:
            return
        with self._telling(path):
            before = path.stat().st_size if path.exists() else 0
            self.report.steps.append(Step("bundle", path, before, before if self._dry_run else make()))

    def _gone(self, what: What, path: Path, why: str) -> None:
        """Remove a file; its size is told."""
        with self._telling(path):
            size = path.stat().st_size
            if not self._dry_run:
                self._files.remove(path)
            self.report.steps.append(Step(what, path, size, 0, why))

    @contextmanager
    def _telling(self, path: Path) -> Iterator[None]:
        """What fails here is named and ends here."""
        try:
            yield
        except MuhuratError as error:
            self.report.failed.append((path.name, error))
        except OSError as error:
            self.report.failed.append((path.name, disk_refused(error, path)))
