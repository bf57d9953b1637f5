"""BSE's public files over HTTP: browser's headers wanted, no cookie, and a web page with status 200 for a missing file
(facts: BSE, sections 2 and 5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from muhurat.clock import Clock
from muhurat.venues.bse.base import Bhavcopy, Master, Progress, fo_bhavcopy_name
from muhurat.venues.bse.masters import (
    CONTRACT_MEMBER,
    SCRIP_MEMBER,
    MasterTable,
    newest_member,
    read_contracts,
    read_scrips,
)
from muhurat.venues.calls import RateLimit, wait_real
from muhurat.venues.http import Fetcher
from muhurat.venues.part_file import part_of
from muhurat.venues.refusals import NotPublished, OtherDay, WebPage, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIP_PATH: Final = "/downloads/Help/file/scrip.zip"
CONTRACT_PATH: Final = "/downloads1/CO_BSE.zip"
FO_BHAVCOPY_PATH: Final = "/download/BhavCopy/Derivative/"

_BROWSER: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
_LATER: Final = "BSE says so of a file that is not there: it may not be published yet, or the day had no session"


class BseClient:
    """See `venues.bse.base.BseFiles`. `root` is BSE's website; limits are real time."""

    def __init__(
        self,
        root: str,
        clock: Clock,
        *,
        requests_per_second: float,
        timeout_s: float,
        wait: Callable[[float], None] = wait_real,
    ) -> None:
        self._root = root.rstrip("/")
        headers = {"User-Agent": _BROWSER, "Accept": "*/*", "Referer": f"{self._root}/"}
        limit = RateLimit(requests_per_second, clock, wait)
        self._fetcher = Fetcher(headers=headers, clock=clock, limit=limit, timeout_s=timeout_s)

    def scrip_master(self, folder: Path, earliest: date, latest: date, progress: Progress | None = None) -> Master:
        def read(data: bytes, origin: str, dated: date) -> MasterTable:
            return read_scrips(data, origin)

        return self._master(SCRIP_PATH, SCRIP_MEMBER, read, folder / "SCRIP.TXT", (earliest, latest), progress)

    def contract_master(self, folder: Path, earliest: date, latest: date, progress: Progress | None = None) -> Master:
        return self._master(
            CONTRACT_PATH, CONTRACT_MEMBER, read_contracts, folder / "EQD.csv", (earliest, latest), progress
        )

    def fo_bhavcopy(self, day: date, folder: Path, progress: Progress | None = None) -> Bhavcopy:
        name = fo_bhavcopy_name(day)
        read: list[Bhavcopy] = []

        def check(part: Path) -> None:
            read.append(_read_fo_bhavcopy(part, day, name))

        with _soft_404():
            self._fetcher.download(self._root + FO_BHAVCOPY_PATH + name, folder / name, check, progress=progress)
        return read[-1]

    def read_fo_bhavcopy(self, path: Path, day: date) -> Bhavcopy:
        return _read_fo_bhavcopy(path, day, str(path))

    def close(self) -> None:
        self._fetcher.close()

    def _master(
        self,
        path: str,
        member: re.Pattern[str],
        read: Callable[[bytes, str, date], MasterTable],
        target: Path,
        dates: tuple[date, date],
        progress: Progress | None,
    ) -> Master:
        """Download an archive beside `target`, judge it, unpack its member to `target`, and let the archive go."""
        url, archive = self._root + path, target.with_name(path.rpartition("/")[2])
        unpacked: list[tuple[Master, bytes]] = []

        def check(part: Path) -> None:
            name, dated, data = newest_member(part, member, place_of(url))
            _refuse_other_days(name, dated, dates)
            table = read(data, name, dated)
            unpacked.append((Master(target, name, dated, table.rows, table.kinds, table.warnings), data))

        with _soft_404():
            self._fetcher.download(url, archive, check, progress=progress)
        archive.unlink()
        master, data = unpacked[-1]
        with part_of(target, wanted=len(data)) as part:
            part.write_bytes(data)
        return master


@contextmanager
def _soft_404() -> Iterator[None]:
    """A web page instead of a file is how BSE says that there is no such file."""
    try:
        yield
    except WebPage as error:
        raise NotPublished(str(error), hint=_LATER) from error


def _refuse_other_days(name: str, dated: date, dates: tuple[date, date]) -> None:
    earliest, latest = dates
    if dated < earliest:
        raise OtherDay(
            f"BSE's newest master is {name} of {dated}, and that of {earliest}, the session before, is wanted",
            dated,
            hint="BSE has not published it yet; try again later",
        )
    if dated > latest:
        raise OtherDay(f"{name} is dated {dated}, after {latest}", dated, hint="check the desk's clock and --date")


def _read_fo_bhavcopy(path: Path, day: date, origin: str) -> Bhavcopy:
    from muhurat.venues.nse.udiff import read_bhavcopy

    return read_bhavcopy(path.read_bytes(), source="BSE", segment="FO", day=day, origin=origin)
