"""The tools that a job gets in a test: a real reference store and cache in a folder, and time that the test moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar, cast

from muhurat.calendars.calendar import Calendar, calendar_for
from muhurat.clock import ManualClock, ist_ns
from muhurat.jobs.base import JobError
from muhurat.stores.base import Cache, ReferenceStore
from muhurat.stores.registry import open_cache, open_reference_store

T = TypeVar("T")

TUESDAY = date(2026, 9, 22)
"""An ordinary trading day, as are the days before and after it."""


class DeskTools:
    """`jobs.base.Tools` over a folder. Venue parts are put in with `put`; what was shown is in `shown`."""

    def __init__(
        self,
        folder: Path,
        *,
        day: date = TUESDAY,
        session: date | None = None,
        at: time = time(8, 0),
        calendar: Calendar | None = None,
    ) -> None:
        self.folder = folder
        self.clock = ManualClock(ist_ns(day, at))
        self.calendar = calendar or calendar_for("XNSE", "FO")
        self.business_date = day
        self.session_date = session or day
        self.data_dir, self.run_dir, self.logs_dir = (folder / name for name in ("data", "run", "logs"))
        self.earlier: Sequence[int] = ()
        self.shown: list[tuple[int, int | None, str]] = []
        self.waited: list[tuple[int, str]] = []
        self._parts: dict[type[Any], Any] = {}

    def put(self, contract: type[Any], part: Any) -> None:
        """Place a part behind a contract."""
        self._parts[contract] = part

    def get(self, contract: type[T]) -> T:
        if contract not in self._parts:
            if contract is cast("type[Any]", ReferenceStore):
                self._parts[contract] = open_reference_store("sqlite:///./data/reference.db", base=self.folder)
            elif contract is cast("type[Any]", Cache):
                self._parts[contract] = open_cache("sqlite:///./data/cache.db", base=self.folder, clock=self.clock)
            else:
                raise JobError(f"this desk has no {contract.__name__}")
        return cast("T", self._parts[contract])

    def path(self, written: Path | str) -> Path:
        return self.folder / written

    def progress(self, done: int, total: int | None, what: str) -> None:
        self.shown.append((done, total, what))

    def wait_until(self, instant_ns: int, why: str) -> None:
        self.waited.append((instant_ns, why))
        self.clock.sleep_until(instant_ns)

    def earlier_rows(self, newest: int = 20) -> Sequence[int]:
        return self.earlier[:newest]

    def close(self) -> None:
        """Close the stores that were opened."""
        for part in self._parts.values():
            if hasattr(part, "close"):
                part.close()


@contextmanager
def tools_in(folder: Path, **settings: Any) -> Iterator[DeskTools]:
    """Tools that are closed at the end of a `with` block."""
    tools = DeskTools(folder, **settings)
    try:
        yield tools
    finally:
        tools.close()
