"""The day's derivatives bhavcopy of BSE reaches every folder and the table, together or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import SystemClock
from muhurat.errors import MuhuratError
from muhurat.jobs.base import NotYet, Outcome, job_named
from muhurat.jobs.library.copy_bse_fo_files import CopyBseFoFilesOptions, run
from muhurat.stores.base import ReferenceStore
from muhurat.venues.bse.base import BseFiles
from muhurat.venues.bse.files import FO_BHAVCOPY_PATH, BseClient
from muhurat.venues.refusals import Blocked, Malformed, NotPublished, Unavailable
from tests.jobs.library.small_disk import small_disk
from tests.jobs.library.tools import DeskTools, tools_in
from tests.venues.answering import MISSING, SOFT_MISSING, Answer, WebServer
from tests.venues.bse.bhavcopy import bse_fo_bhavcopy

MONDAY, FRIDAY = date(2026, 9, 21), date(2026, 9, 18)
NAME = "BhavCopy_BSE_FO_0_0_0_20260921_F_0000.CSV"
GOOD = bse_fo_bhavcopy(MONDAY)


@pytest.fixture
def tools(tmp_path: Path, web: WebServer) -> Iterator[DeskTools]:
    with tools_in(tmp_path, session=MONDAY) as tools:
        tools.put(BseFiles, BseClient(web.root, SystemClock(), requests_per_second=1000, timeout_s=0.2))
        web.lay(FO_BHAVCOPY_PATH + NAME, Answer(GOOD, content_type="text/csv"))
        yield tools


def copy(tools: DeskTools, **options: Any) -> Outcome:
    return run(CopyBseFoFilesOptions.model_validate(options), tools)


def days(tools: DeskTools) -> set[str]:
    return {str(row["TradDt"]) for row in tools.get(ReferenceStore).read("BseFoBhavcopy", columns=["TradDt"])}


def test_the_file_is_copied_everywhere_and_loaded(tools: DeskTools, tmp_path: Path) -> None:
    outcome = copy(tools, destination=["one", "two/deep"])

    for folder in (tmp_path / "one", tmp_path / "two/deep"):
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {NAME: GOOD}
    assert outcome.rows == 1_100
    store = tools.get(ReferenceStore)
    assert store.count("BseFoBhavcopy") == 1_100
    row = store.read("BseFoBhavcopy", where={"FinInstrmId": 800_001})[0]
    assert (row["TckrSymb"], row["StrkPric"], row["OptnTp"], row["NewBrdLotQty"]) == ("SENSEX", 60_100.0, "PE", 20)


def test_a_second_run_changes_nothing_and_other_days_stay(tools: DeskTools, web: WebServer) -> None:
    copy(tools)
    before = tools.get(ReferenceStore).checksum()
    copy(tools)
    assert tools.get(ReferenceStore).checksum() == before

    web.lay(FO_BHAVCOPY_PATH + NAME.replace("21_F", "18_F"), Answer(bse_fo_bhavcopy(FRIDAY)))
    tools.session_date = FRIDAY
    copy(tools)
    assert days(tools) == {"2026-09-18", "2026-09-21"}


def test_a_delivered_file_is_taken_instead(tools: DeskTools, web: WebServer, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / NAME).write_bytes(GOOD)

    copy(tools, source="share", destination="out")

    assert (tmp_path / "out" / NAME).read_bytes() == GOOD
    assert web.asked == []
    assert days(tools) == {"2026-09-21"}


def test_a_delivery_that_is_not_there_is_named(tools: DeskTools) -> None:
    with pytest.raises(NotYet, match=rf"share/{NAME} is not there"):
        copy(tools, source="share", destination="out")


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (MISSING, NotPublished, "answered HTTP 404"),
        (SOFT_MISSING, NotPublished, "a web page instead of the file"),
        (Answer(b"no", 403, "text/html"), Blocked, "answered HTTP 403"),
        (Answer(status=503), Unavailable, "answered HTTP 503"),
        (Answer(GOOD, cut=len(GOOD) // 2), Unavailable, "could not be read"),
        (Answer(GOOD[: len(GOOD) // 2 - 7]), Malformed, "rows, where a whole day has at least|columns"),
        (Answer(bse_fo_bhavcopy(FRIDAY)), Malformed, "TradDt is 2026-09-18 where 2026-09-21 was asked for"),
        (Answer(GOOD.replace(b"SttlmPric", b"SettlePric", 1)), Malformed, "has no column SttlmPric; it has SettlePric"),
        (Answer(b""), Malformed, "with an empty file"),
        (Answer(bse_fo_bhavcopy(MONDAY, 0)), Malformed, "0 rows, where a whole day"),
        (Answer(GOOD, hangs=True), Unavailable, "did not answer within 0.2 s"),
        (Answer(GOOD, drips=True), Unavailable, "only drips"),
    ],
)
def test_what_bse_can_do_wrong_changes_neither_folder_nor_table(
    tools: DeskTools, web: WebServer, tmp_path: Path, answer: Answer, kind: type[Exception], message: str
) -> None:
    copy(tools, destination="out")
    before = tools.get(ReferenceStore).checksum()
    web.lay(FO_BHAVCOPY_PATH + NAME, answer)

    with pytest.raises(kind, match=message):
        copy(tools, destination="out")

    assert tools.get(ReferenceStore).checksum() == before
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {NAME: GOOD}


def test_a_full_disk_takes_the_rows_back(tools: DeskTools, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", kilobytes=64) as small:
        with pytest.raises(MuhuratError, match=rf"no room for {NAME} in .*small, it wants"):
            copy(tools, destination=["out", "small"])
        assert list(small.iterdir()) == []
    assert list((tmp_path / "out").iterdir()) == []
    assert days(tools) == set()


def test_a_database_that_is_gone_leaves_the_folders_as_they_were(tools: DeskTools, tmp_path: Path) -> None:
    tools.get(ReferenceStore).close()
    (tmp_path / "data/reference.db").unlink()
    (tmp_path / "data/reference.db").mkdir()

    with pytest.raises(MuhuratError, match=r"reference.db"):
        copy(tools, destination="out")

    assert list((tmp_path / "out").iterdir()) == []


def test_the_job_says_what_it_writes_and_only_warns() -> None:
    job = job_named("copy_bse_fo_files")
    assert (job.writes, job.on_failure, job.for_session) == (("BseFoBhavcopy",), "warn", "today")
