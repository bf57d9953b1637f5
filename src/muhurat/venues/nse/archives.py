"""NSE's public archives (nsearchives.nseindia.com) and niftyindices.com: `NseFiles` over HTTP.

The archives want a browser's User-Agent and no cookies. niftyindices.com says nothing at all to who has none.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from muhurat.clock import Clock
from muhurat.config.sections import NseSection
from muhurat.venues import zips
from muhurat.venues.calls import RateLimit
from muhurat.venues.http import Fetcher
from muhurat.venues.nse.base import BanList, Bhavcopy, Columns, IndexDay, Progress, Segment, SpanFile, SpanSlot
from muhurat.venues.nse.indices import parse_history, parse_index_file
from muhurat.venues.nse.secban import parse_bans
from muhurat.venues.nse.session import USER_AGENT
from muhurat.venues.nse.span import WHOLE_FILE, Needs, SpanReader
from muhurat.venues.nse.udiff import BOUNDS, Bounds, read_bhavcopy
from muhurat.venues.part_file import part_of
from muhurat.venues.refusals import Malformed, NotPublished, OtherDay, place_of

FILE_HEADERS: Final = {
    "User-Agent": USER_AGENT,
    "Accept": "*/*",
    "Accept-Language": "en-US,en;q=0.9",
    "Accept-Encoding": "gzip, deflate",
}
HISTORY_PATH: Final = "/BackPage/getHistoricaldatatabletoString"

_BHAVCOPY_HINT: Final = "NSE publishes it between 16:00 and 18:30 of the day, and none for a day without a session"
_INDICES_HINT: Final = "NSE publishes it in the evening of the day, and none for a day without a session"
_BANS_HINT: Final = "NSE publishes it in the evening before its day"
_SPAN_HINT: Final = (
    "NSE Clearing makes i1 the evening before, i2 to i5 between 11:00 and 15:30, and s by about 18:45 of the day"
)
_PIECE: Final = 1 << 16


class NseArchives:
    """`NseFiles` over HTTP. `root` is the archives', `indices` niftyindices.com's.

    `bounds` and `span_needs` say what a whole bhavcopy and a whole SPAN file hold at least.
    """

    def __init__(
        self,
        root: str,
        indices: str,
        fetcher: Fetcher,
        *,
        bounds: Mapping[tuple[str, str], Bounds] = BOUNDS,
        span_needs: Needs = WHOLE_FILE,
    ) -> None:
        self._root = root.rstrip("/")
        self._indices = indices.rstrip("/")
        self._fetcher = fetcher
        self._bounds = bounds
        self._span_needs = span_needs

    def bhavcopy(self, segment: Segment, day: date, folder: Path, progress: Progress | None = None) -> Bhavcopy:
        """See `NseFiles`. The file is `BhavCopy_NSE_<CM|FO>_0_0_0_<YYYYMMDD>_F_0000.csv.zip`."""
        name = f"BhavCopy_NSE_{segment}_0_0_0_{day:%Y%m%d}_F_0000.csv"
        url = f"{self._root}/content/{segment.lower()}/{name}.zip"
        found: list[Bhavcopy] = []

        def check(part: Path) -> None:
            data = zips.read_only_member(part, name.replace(".", r"\."), place_of(url))
            bounds = self._bounds["NSE", segment]
            found.append(
                read_bhavcopy(data, source="NSE", segment=segment, day=day, origin=place_of(url), bounds=bounds)
            )

        with _published(_BHAVCOPY_HINT):
            path = self._fetcher.download(url, folder / f"{name}.zip", check, progress=progress)
        return replace(found[-1], path=path)

    def indices(self, day: date, folder: Path) -> IndexDay:
        """See `NseFiles`. The file is `ind_close_all_<DDMMYYYY>.csv`."""
        name = f"ind_close_all_{day:%d%m%Y}.csv"
        url = f"{self._root}/content/indices/{name}"
        found: list[IndexDay] = []

        def check(part: Path) -> None:
            found.append(parse_index_file(part.read_bytes(), day=day, origin=place_of(url)))

        with _published(_INDICES_HINT):
            path = self._fetcher.download(url, folder / name, check)
        return replace(found[-1], path=path)

    def index_history(self, name: str, first: date, last: date) -> list[IndexDay]:
        """See `NseFiles`. The body's `cinfo` is itself a text, in single quotes as the site's own page writes it."""
        inner = {
            "name": name.upper(),
            "startDate": f"{first:%d-%b-%Y}",
            "endDate": f"{last:%d-%b-%Y}",
            "indexName": name.upper(),
        }
        url = f"{self._indices}{HISTORY_PATH}"
        headers = {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Requested-With": "XMLHttpRequest",
            "Origin": self._indices,
            "Referer": f"{self._indices}/reports/historical-data",
        }
        body = json.dumps({"cinfo": str(inner)}).encode()
        response = self._fetcher.post(url, content=body, headers=headers)
        return parse_history(response.content, name=name, first=first, last=last, origin=place_of(url))

    def bans(self, session: date, folder: Path, *, archived: bool = False) -> BanList:
        """See `NseFiles`. The files are `fo_secban.csv` and, in the archive, `fo_secban_<DDMMYYYY>.csv`."""
        name = f"fo_secban_{session:%d%m%Y}.csv" if archived else "fo_secban.csv"
        url = f"{self._root}{'/archives/fo/sec_ban' if archived else '/content/fo'}/{name}"
        found: list[BanList] = []

        def check(part: Path) -> None:
            bans = parse_bans(part.read_bytes(), origin=place_of(url))
            if bans.trade_date != session:
                raise OtherDay(f"{place_of(url)} is the list of {bans.trade_date}, not of {session}", bans.trade_date)
            found.append(bans)

        with _published(_BANS_HINT):
            path = self._fetcher.download(url, folder / name, check)
        return replace(found[-1], path=path)

    def span(
        self,
        day: date,
        slot: SpanSlot,
        folder: Path,
        load: Callable[[Iterator[Columns]], int],
        progress: Progress | None = None,
    ) -> SpanFile:
        """See `NseFiles`. `nsccl.<YYYYMMDD>.<slot>.zip` is unpacked to `nsccl.<YYYYMMDD>.<slot>.spn`, and removed."""
        name = f"nsccl.{day:%Y%m%d}.{slot}"
        url = f"{self._root}/archives/nsccl/span/{name}.zip"
        origin = place_of(url)
        packed = folder / f"{name}.zip"

        def check(part: Path) -> None:
            with zips.opened(part, origin) as archive:
                zips.only_member(archive, _span_member(day, slot), origin)
                if (broken := archive.testzip()) is not None:
                    raise Malformed(f"{origin}: {broken} inside is damaged")

        with _published(_SPAN_HINT):
            self._fetcher.download(url, packed, check, progress=progress)
        reader = SpanReader(day=day, slot=slot, origin=origin, needs=self._span_needs)
        try:
            return self._unpacked(packed, folder / f"{name}.spn", reader, load)
        finally:
            packed.unlink()

    def close(self) -> None:
        self._fetcher.close()

    def _unpacked(
        self, packed: Path, target: Path, reader: SpanReader, load: Callable[[Iterator[Columns]], int]
    ) -> SpanFile:
        with zips.opened(packed, packed.name) as archive:
            member = archive.infolist()[0]
            with part_of(target, wanted=member.file_size) as part:
                rows = load(reader.rows(_copied(archive, member, part)))
        return SpanFile(target, reader.slot, reader.head, rows, len(reader.commodities))


def open_nse_files(section: NseSection, clock: Clock) -> NseArchives:
    """The archives that a desk names in `venues.nse`."""
    fetcher = Fetcher(
        headers=FILE_HEADERS,
        clock=clock,
        limit=RateLimit(section.requests_per_second, clock),
        timeout_s=section.timeout,
    )
    return NseArchives(section.archives, section.indices, fetcher)


def _span_member(day: date, slot: SpanSlot) -> str:
    """i1.zip holds i01.spn; s.zip holds s.spn."""
    inner = slot if slot == "s" else f"i0?{slot[1]}"
    return rf"nsccl(_\w+)?\.{day:%Y%m%d}\.{inner}\.spn"


def _copied(archive: zipfile.ZipFile, member: zipfile.ZipInfo, part: Path) -> Iterator[bytes]:
    """The pieces of a member, each after it was written to a file."""
    with archive.open(member) as packed, part.open("wb") as file:
        while piece := packed.read(_PIECE):
            file.write(piece)
            yield piece


@contextmanager
def _published(hint: str) -> Iterator[None]:
    """Say with a missing file when it appears."""
    try:
        yield
    except NotPublished as error:
        raise NotPublished(str(error), hint=hint) from error
