"""A day of NSE is loaded whole or not at all, once it can be there."""

from __future__ import annotations

import json
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import ist_ns
from muhurat.errors import MuhuratError, RateLimited, StoreError
from muhurat.jobs.base import JobError, NotYet, Outcome
from muhurat.jobs.library.download_and_process_bhavcopy import JOB, DownloadAndProcessBhavcopyOptions
from muhurat.stores.base import ReferenceStore
from muhurat.venues.nse.archives import HISTORY_PATH
from muhurat.venues.nse.base import Blocked, Malformed, NotPublished, Unavailable, WebPage
from tests.jobs.library.nse_desk import CONTRACTS, SHARES, connect, left
from tests.jobs.library.small_disk import small_disk
from tests.jobs.library.tools import TUESDAY, DeskTools, tools_in
from tests.venues.file_server import Answer, Asked, Fault, FileServer
from tests.venues.nse import made

MONDAY = date(2026, 9, 21)
FO = made.bhavcopy_path("FO", MONDAY)
CM = made.bhavcopy_path("CM", MONDAY)
RENAMED = made.HEADER.replace("SttlmPric", "SettlPric")


@cache
def packed(segment: str, day: date) -> bytes:
    return made.bhavcopy_zip(segment, day, made.bhavcopy(segment, day, SHARES if segment == "CM" else CONTRACTS))


def lay_down(server: FileServer, day: date) -> None:
    for segment in ("CM", "FO"):
        server.put(made.bhavcopy_path(segment, day), packed(segment, day), "application/zip")
    server.put(made.index_path(day), made.index_file(day))


@pytest.fixture
def tools(tmp_path: Path, server: FileServer) -> Any:
    with tools_in(tmp_path, day=TUESDAY, session=MONDAY) as desk:
        connect(desk, server)
        lay_down(server, MONDAY)
        yield desk


def load(tools: DeskTools, **options: Any) -> Outcome:
    return JOB.run(DownloadAndProcessBhavcopyOptions.model_validate(options), tools)


def test_the_session_before_is_loaded_in_the_morning(tools: DeskTools) -> None:
    outcome = load(tools)

    store = tools.get(ReferenceStore)
    assert outcome.rows == SHARES + CONTRACTS + 31
    assert outcome.facts["by_segment"] == {"CM": SHARES, "FO": CONTRACTS, "INDEX": 31}
    assert outcome.note == "2026-09-21: 21 rows of CM, 204 rows of FO, 31 rows of INDEX"
    assert [path.name for path in outcome.files] == [Path(CM).name, Path(FO).name, Path(made.index_path(MONDAY)).name]
    row = store.read("FoBhavcopy", where={"TradDt": MONDAY, "FinInstrmId": 7})[0]
    assert (row["TckrSymb"], row["StrkPric"], row["OptnTp"], row["OpnIntrst"]) == ("UND7", 350.0, "CE", 7500)
    assert store.count("IndexOhlc", where={"IndexDate": MONDAY}) == 31


def test_loading_a_day_again_changes_nothing(tools: DeskTools) -> None:
    load(tools)
    before = left(tools)

    load(tools)

    assert left(tools) == before


def test_a_day_is_not_asked_for_before_it_can_be_there(tools: DeskTools, server: FileServer) -> None:
    tools.session_date = TUESDAY
    tools.clock.set(ist_ns(TUESDAY, time(18, 0)))

    with pytest.raises(NotYet, match="published by about 18:30, and it is 2026-09-22 18:00") as caught:
        load(tools)

    assert caught.value.retry_after_s == 1800
    assert server.asked == []
    tools.clock.set(ist_ns(TUESDAY, time(18, 30)))
    lay_down(server, TUESDAY)
    assert load(tools).facts["days"] == ["2026-09-22"]


def test_a_stretch_is_filled_session_by_session(tools: DeskTools, server: FileServer) -> None:
    lay_down(server, date(2026, 9, 18))

    outcome = load(tools, **{"from": "2026-09-18"}, to="20260921", segments=["CM", "INDEX"])

    assert outcome.facts["days"] == ["2026-09-18", "2026-09-21"]
    assert outcome.rows == 2 * (SHARES + 31)
    assert tools.get(ReferenceStore).count("FoBhavcopy") == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"date": "2026-09-20"}, "no session on 2026-09-20 (weekend)"),
        ({"date": "2026-09-14"}, "no session on 2026-09-14"),
        ({"date": "2026-09-21", "from": "2026-09-18"}, "exclude each other"),
        ({"to": "2026-09-18"}, "--to wants --from"),
        ({"from": "2026-09-21", "to": "2026-09-18"}, "comes after"),
    ],
)
def test_days_that_cannot_be_are_refused_before_anything_is_asked(
    tools: DeskTools, server: FileServer, options: dict[str, str], said: str
) -> None:
    with pytest.raises(JobError) as caught:
        load(tools, **options)

    assert said in str(caught.value)
    assert caught.value.hint
    assert server.asked == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("missing", NotPublished),
        ("forbidden", Blocked),
        ("html", WebPage),
        ("truncated", Malformed),
        ("cut_off", Unavailable),
        ("empty", Malformed),
        ("hang", Unavailable),
        ("drip", Unavailable),
        ("unavailable", Unavailable),
        ("throttled", RateLimited),
    ],
)
def test_when_a_file_fails_the_store_and_the_earlier_file_stay(
    tools: DeskTools, server: FileServer, fault: Fault, error: type[MuhuratError]
) -> None:
    load(tools)
    before = left(tools)
    server.fault(FO, fault)

    with pytest.raises(error) as caught:
        load(tools)

    assert Path(FO).name in str(caught.value)
    assert caught.value.hint
    assert left(tools) == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (made.bhavcopy_zip("FO", MONDAY, made.bhavcopy("FO", date(2026, 9, 18), CONTRACTS)), "TradDt is 2026-09-18"),
        (
            made.bhavcopy_zip(
                "FO", MONDAY, made.bhavcopy("FO", MONDAY, CONTRACTS, header=made.HEADER.replace("SttlmPric", "X"))
            ),
            "no column SttlmPric",
        ),
        (made.bhavcopy_zip("FO", MONDAY, made.bhavcopy("FO", MONDAY, 0)), "0 rows"),
        (made.bhavcopy_zip("FO", MONDAY, made.bhavcopy("FO", MONDAY, 190)), "190 rows, where a whole day"),
        (made.zipped(made.bhavcopy_name("FO", MONDAY), b"x", "more.csv"), "where exactly one file"),
        (made.zipped("other.csv", made.bhavcopy("FO", MONDAY, 10)), "holds other.csv"),
        (packed("FO", MONDAY)[:1000] + b"?" + packed("FO", MONDAY)[1001:], "is no sound zip file"),
    ],
    ids=["wrong date", "changed column", "no rows", "too few rows", "two members", "another member", "damaged"],
)
def test_a_file_that_is_another_one_is_refused(tools: DeskTools, server: FileServer, body: bytes, said: str) -> None:
    load(tools)
    before = left(tools)
    server.put(FO, body, "application/zip")

    with pytest.raises(Malformed) as caught:
        load(tools)

    assert said in str(caught.value)
    assert left(tools) == before


def test_a_full_disk_is_named_and_nothing_is_stored(tools: DeskTools) -> None:
    with small_disk(tools.folder / "small", kilobytes=12) as small:
        (small / "other").write_bytes(bytes(8192))
        with pytest.raises(MuhuratError) as caught:
            load(tools, output_dir=str(small))
        assert not list(small.glob("*.part"))

    assert f"{small} has no room for" in str(caught.value)
    assert "free space" in caught.value.hint
    assert tools.get(ReferenceStore).count("CmBhavcopy") == 0


def test_a_day_that_cannot_be_stored_is_not_stored_in_part(tools: DeskTools, monkeypatch: pytest.MonkeyPatch) -> None:
    load(tools, segments=["CM"])
    before = left(tools)[0]
    store = tools.get(ReferenceStore)
    with store.transaction() as transaction:
        kind = type(transaction)
    replace = kind.replace

    def gone(self: Any, table: str, columns: Any, *, where: Any) -> int:
        if table == "FoBhavcopy":
            raise StoreError("the database is gone")
        return replace(self, table, columns, where=where)

    monkeypatch.setattr(kind, "replace", gone)
    with pytest.raises(StoreError, match="is gone"):
        load(tools)

    assert left(tools)[0] == before


def test_without_the_index_file_the_named_indices_are_asked_for_one_by_one(
    tools: DeskTools, server: FileServer
) -> None:
    server.remove(made.index_path(MONDAY))

    def answer(asked: Asked) -> Answer:
        name = asked.body.decode().partition("'name': '")[2].partition("'")[0]
        row = {"INDEX_NAME": name.title(), "HistoricalDate": "21 Sep 2026", "OPEN": "1", "HIGH": "3", "LOW": "1"}
        return Answer(json.dumps([row | {"CLOSE": "2"}]).encode(), "text/html; charset=utf-8")

    server.put(HISTORY_PATH, answer)

    outcome = load(tools, segments=["INDEX"], indices=["NIFTY 50", "NIFTY BANK"])

    assert outcome.rows == 2
    assert "only 2 from niftyindices.com, because" in outcome.note
    assert server.asked[-1].headers["x-requested-with"] == "XMLHttpRequest"
    found = tools.get(ReferenceStore).read("IndexOhlc", columns=["IndexName", "CloseValue"], order_by=["IndexName"])
    assert found == [{"IndexName": "Nifty 50", "CloseValue": 2.0}, {"IndexName": "Nifty Bank", "CloseValue": 2.0}]


def test_a_wrong_index_file_is_not_made_up_for_by_the_fallback(tools: DeskTools, server: FileServer) -> None:
    server.put(made.index_path(MONDAY), made.index_file(date(2026, 9, 18)))

    with pytest.raises(Malformed, match="is of 2026-09-18, not of 2026-09-21"):
        load(tools)

    assert tools.get(ReferenceStore).count("CmBhavcopy") == 0


def test_an_index_that_niftyindices_has_not_yet_is_not_published(tools: DeskTools, server: FileServer) -> None:
    server.remove(made.index_path(MONDAY))
    server.put(HISTORY_PATH, b"[]", "text/html")

    with pytest.raises(NotPublished, match="has no NIFTY 50 of 2026-09-21"):
        load(tools)
