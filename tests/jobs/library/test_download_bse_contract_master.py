"""BSE's masters come both or not at all, and each way in which BSE can fail is told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from muhurat.clock import SystemClock
from muhurat.errors import MuhuratError
from muhurat.jobs.base import JobError, Outcome, job_named
from muhurat.jobs.library.download_bse_contract_master import DownloadBseContractMasterOptions, run
from muhurat.venues.bse.base import BseFiles
from muhurat.venues.bse.files import CONTRACT_PATH, SCRIP_PATH, BseClient
from muhurat.venues.refusals import Blocked, Malformed, NotPublished, Unavailable
from tests.jobs.library.small_disk import small_disk
from tests.jobs.library.tools import DeskTools, tools_in
from tests.venues.answering import MISSING, PAGE, SOFT_MISSING, Answer, WebServer
from tests.venues.bse.masters import contract_text, contract_zip, scrip_text, scrip_zip, zipped

MONDAY = date(2026, 9, 21)
CUT = scrip_zip(MONDAY)


@pytest.fixture
def tools(tmp_path: Path, web: WebServer) -> Iterator[DeskTools]:
    with tools_in(tmp_path) as tools:
        tools.put(BseFiles, BseClient(web.root, SystemClock(), requests_per_second=1000, timeout_s=0.2))
        web.lay(SCRIP_PATH, Answer(scrip_zip(MONDAY)))
        web.lay(CONTRACT_PATH, Answer(contract_zip(MONDAY)))
        yield tools


def download(tools: DeskTools, folder: str = "downloads") -> Outcome:
    return run(DownloadBseContractMasterOptions(download_folder=Path(folder)), tools)


def test_both_masters_of_the_session_before_arrive(tools: DeskTools, tmp_path: Path) -> None:
    outcome = download(tools)

    folder = tmp_path / "downloads"
    assert (folder / "SCRIP.TXT").read_bytes() == scrip_text()
    assert (folder / "EQD.csv").read_bytes() == contract_text(MONDAY)
    assert sorted(path.name for path in folder.iterdir()) == ["EQD.csv", "SCRIP.TXT"]
    assert outcome.rows == 10_020 + 1_200
    assert outcome.files == (folder / "SCRIP.TXT", folder / "EQD.csv")
    assert "10,020 scrips of 2026-09-21, 1,200 contracts of 2026-09-21" in outcome.note
    assert outcome.facts["contracts"]["member"] == "EQD_CO210926.csv"
    assert any("master of scrips" in what for _, _, what in tools.shown)


def test_a_second_run_of_the_day_gives_the_same(tools: DeskTools) -> None:
    assert download(tools).facts == download(tools).facts


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (MISSING, NotPublished, "answered HTTP 404"),
        (SOFT_MISSING, NotPublished, "a web page instead of the file"),
        (Answer(PAGE, 200, "application/zip"), NotPublished, "a web page instead of the file"),
        (Answer(PAGE, 403, "text/html"), Blocked, "answered HTTP 403"),
        (Answer(status=503), Unavailable, "answered HTTP 503"),
        (Answer(status=429, headers={"Retry-After": "1200"}), MuhuratError, "too often"),
        (Answer(b""), Malformed, "with an empty file"),
        (Answer(CUT[: len(CUT) // 2]), Malformed, "is no zip archive, or only the beginning of one"),
        (Answer(CUT, cut=len(CUT) // 2), Unavailable, "could not be read"),
        (Answer(zipped({"readme.txt": b"hello"})), Malformed, "has no member like"),
        (Answer(CUT, hangs=True), Unavailable, "did not answer within 0.2 s"),
        (Answer(CUT, drips=True), Unavailable, "only drips"),
    ],
)
def test_what_bse_can_do_wrong_is_named_and_leaves_the_good_files(
    tools: DeskTools, web: WebServer, tmp_path: Path, answer: Answer, kind: type[Exception], message: str
) -> None:
    web.lay(CONTRACT_PATH, answer)
    leaves_the_good_files(tools, tmp_path, kind, f"CO_BSE.zip.*{message}")


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (SCRIP_PATH, lambda: scrip_zip(date(2026, 9, 18)), "SCRIP_180926.TXT of 2026-09-18"),
        (CONTRACT_PATH, lambda: contract_zip(date(2026, 9, 18)), "EQD_CO180926.csv of 2026-09-18"),
        (SCRIP_PATH, lambda: b"<html>", "scrip.zip answered.* a web page instead"),
        (SCRIP_PATH, lambda: CUT[: len(CUT) // 2], "scrip.zip is no zip archive"),
        (SCRIP_PATH, lambda: scrip_zip(MONDAY, b""), "0 scrips"),
        (CONTRACT_PATH, lambda: contract_zip(MONDAY, b"2,1.0.0,\r\n"), "0 contracts"),
        (SCRIP_PATH, lambda: scrip_zip(MONDAY, scrip_text().replace(b"|D|1000", b"|D|1000|new")), "line 1: 27 times"),
        (
            CONTRACT_PATH,
            lambda: contract_zip(MONDAY, contract_text(MONDAY).replace(b",A\r", b"\r")),
            "line 2: 67 times",
        ),
    ],
)
def test_a_master_with_something_else_inside_is_named(
    tools: DeskTools, web: WebServer, tmp_path: Path, path: str, content: Callable[[], bytes], message: str
) -> None:
    web.lay(path, Answer(content()))
    leaves_the_good_files(tools, tmp_path, MuhuratError, message)


def leaves_the_good_files(tools: DeskTools, tmp_path: Path, kind: type[Exception], message: str) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name in ("SCRIP.TXT", "EQD.csv"):
        (folder / name).write_bytes(b"yesterday's " + name.encode())

    with pytest.raises(kind, match=f"(?s){message}") as caught:
        download(tools)

    assert isinstance(caught.value, MuhuratError)
    assert caught.value.hint
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: b"yesterday's " + name.encode() for name in ("SCRIP.TXT", "EQD.csv")
    }


def test_a_full_disk_is_named_and_leaves_the_good_files(tools: DeskTools, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as small:
        (small / "SCRIP.TXT").write_bytes(b"yesterday")
        with pytest.raises(MuhuratError, match=r"small.* has no room for SCRIP.TXT") as caught:
            download(tools, "small")
        assert "free space" in caught.value.hint
        assert [path.read_bytes() for path in small.iterdir()] == [b"yesterday"]


def test_a_folder_that_cannot_be_made_is_named(tools: DeskTools, tmp_path: Path) -> None:
    (tmp_path / "downloads").write_bytes(b"a file")
    with pytest.raises(JobError, match=r"cannot be written in .*downloads"):
        download(tools)


def test_what_a_killed_run_left_is_cleared_away(tools: DeskTools, tmp_path: Path) -> None:
    left = tmp_path / "downloads/.bse_masters.part"
    left.mkdir(parents=True)
    (left / "scrip.zip.part").write_bytes(b"half")

    download(tools)

    assert sorted(path.name for path in (tmp_path / "downloads").iterdir()) == ["EQD.csv", "SCRIP.TXT"]


def test_after_a_weekend_fridays_masters_are_wanted(tools: DeskTools, web: WebServer) -> None:
    tools.business_date = MONDAY
    web.lay(SCRIP_PATH, Answer(scrip_zip(date(2026, 9, 18))))
    web.lay(CONTRACT_PATH, Answer(contract_zip(date(2026, 9, 18))))
    assert "scrips of 2026-09-18" in download(tools).note


def test_the_trader_waits_for_this_job() -> None:
    assert job_named("download_bse_contract_master").on_failure == "block"
