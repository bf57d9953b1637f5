"""The newest risk file of a day is taken, checked to its last tag, stored, and its slot told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import ist_ns
from muhurat.errors import MuhuratError, RateLimited, StoreError
from muhurat.jobs.base import JobError, NotYet, Outcome
from muhurat.jobs.library.nse_span_downloader import JOB, NseSpanDownloaderOptions
from muhurat.stores.base import ReferenceStore
from muhurat.venues.nse.base import Blocked, Malformed, Unavailable, WebPage
from tests.jobs.library.nse_desk import COMMODITIES, connect, left
from tests.jobs.library.small_disk import small_disk
from tests.jobs.library.tools import TUESDAY, DeskTools, tools_in
from tests.venues.file_server import Fault, FileServer
from tests.venues.nse import made

I1 = made.span_path(TUESDAY, "i1")
ROWS = 4 * COMMODITIES


def risks(codes: int = COMMODITIES) -> bytes:
    return made.span(TUESDAY, codes)


@cache
def packed(slot: str) -> bytes:
    return made.span_zip(TUESDAY, slot, risks())


@pytest.fixture
def tools(tmp_path: Path, server: FileServer) -> Iterator[DeskTools]:
    with tools_in(tmp_path, at=time(18, 50)) as desk:
        connect(desk, server)
        server.put(I1, packed("i1"), "application/zip")
        yield desk


def load(tools: DeskTools, **options: Any) -> Outcome:
    return JOB.run(NseSpanDownloaderOptions.model_validate(options), tools)


@pytest.mark.parametrize(
    ("at", "asked_in_vain"), [(time(8, 0), []), (time(9, 14), []), (time(9, 15), ["i5", "i4", "i3", "i2"])]
)
def test_what_is_made_of_the_sessions_prices_is_not_asked_for_before_the_session(
    tools: DeskTools, at: time, asked_in_vain: list[str]
) -> None:
    tools.clock.set(ist_ns(TUESDAY, at))
    outcome = load(tools)
    assert (outcome.facts["slot"], outcome.facts["not_there"]) == ("i1", asked_in_vain)


def test_before_the_session_the_one_slot_that_can_be_there_is_waited_for(tools: DeskTools, server: FileServer) -> None:
    server.remove(I1)
    tools.clock.set(ist_ns(TUESDAY, time(8, 0)))
    with pytest.raises(NotYet, match=r"tried i1$"):
        load(tools, prefer="settlement")


def test_the_first_slot_is_there_and_its_arrays_can_be_looked_up(tools: DeskTools) -> None:
    outcome = load(tools)

    assert outcome.facts["slot"] == "i1"
    assert outcome.facts["not_there"] == ["i5", "i4", "i3", "i2"]
    assert outcome.rows == ROWS
    assert [path.name for path in outcome.files] == ["nsccl.20260922.i1.spn"]
    assert outcome.files[0].read_bytes() == risks()
    assert [path.name for path in outcome.files[0].parent.iterdir()] == ["nsccl.20260922.i1.spn"]
    wanted = {"SpanDate": TUESDAY, "Code": "NIFTY", "Kind": "OOP", "Strike": 24000.0, "OptionType": "PE"}
    (row,) = tools.get(ReferenceStore).read("SpanRisk", where=wanted)
    assert json.loads(row["Scan"]) == [-100.0 + step for step in range(16)]
    assert row["Slot"] == "i1"
    assert row["Expiry"] == date(2026, 10, 27)


@pytest.mark.parametrize(
    ("prefer", "there", "taken"),
    [
        ("intraday", ("i1", "i3", "i5", "s"), "i5"),
        ("intraday", ("i1", "i3", "s"), "i3"),
        ("intraday", ("s",), "s"),
        ("settlement", ("i1", "i5", "s"), "s"),
        ("settlement", ("i1", "i5"), "i5"),
    ],
)
def test_the_first_slot_in_the_order_of_preference_is_taken(
    tools: DeskTools, server: FileServer, prefer: str, there: tuple[str, ...], taken: str
) -> None:
    server.remove(I1)
    for slot in there:
        server.put(made.span_path(TUESDAY, slot), packed(slot), "application/zip")

    assert load(tools, date="20260922", prefer=prefer).facts["slot"] == taken


def test_a_later_slot_takes_the_place_of_the_earlier_one(tools: DeskTools, server: FileServer) -> None:
    load(tools)
    server.put(made.span_path(TUESDAY, "i2"), packed("i2"), "application/zip")

    load(tools)

    store = tools.get(ReferenceStore)
    assert store.count("SpanRisk") == store.count("SpanRisk", where={"Slot": "i2"}) == ROWS


def test_when_no_slot_is_there_all_that_were_tried_are_named(tools: DeskTools, server: FileServer) -> None:
    server.remove(I1)

    with pytest.raises(NotYet, match="tried i5, i4, i3, i2, i1, s") as caught:
        load(tools)

    assert "the evening before" in caught.value.hint


@pytest.mark.parametrize(("day", "said"), [("20260920", "no session on 2026-09-20"), ("20260929", "still to come")])
def test_a_day_that_cannot_have_one_is_not_asked_for(tools: DeskTools, server: FileServer, day: str, said: str) -> None:
    with pytest.raises(JobError, match=said):
        load(tools, date=day)

    assert server.asked == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("missing", NotYet),
        ("forbidden", Blocked),
        ("html", WebPage),
        ("truncated", Malformed),
        ("empty", Malformed),
        ("hang", Unavailable),
        ("drip", Unavailable),
        ("unavailable", Unavailable),
        ("throttled", RateLimited),
    ],
)
def test_when_it_fails_the_store_and_the_earlier_file_stay(
    tools: DeskTools, server: FileServer, fault: Fault, error: type[MuhuratError]
) -> None:
    load(tools)
    before = left(tools)
    server.fault(I1, fault)

    with pytest.raises(error) as caught:
        load(tools)

    assert "20260922" in str(caught.value) or fault == "missing"
    assert caught.value.hint
    assert left(tools) == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (made.span_zip(TUESDAY, "i1", made.span(date(2026, 9, 21), COMMODITIES)), "is of 20260921, not of 20260922"),
        (made.span_zip(TUESDAY, "i1", risks()[:-2000]), "is no whole XML file"),
        (made.span_zip(TUESDAY, "i1", risks(15)), "15 commodities"),
        (made.span_zip(TUESDAY, "i1", made.span(TUESDAY, COMMODITIES, "<a>1.0</a>")), "a risk array of 1 values"),
        (made.span_zip(TUESDAY, "i1", b""), "is no whole XML file"),
        (made.span_zip(TUESDAY, "i2", risks()), "holds nsccl.20260922.i02.spn where exactly one file"),
        (made.zipped("nsccl.20260922.i01.spn", risks(), "readme.txt"), "where exactly one file"),
    ],
    ids=["wrong date", "breaks off", "too few", "short array", "empty", "another member", "two members"],
)
def test_a_file_that_is_not_whole_changes_nothing(tools: DeskTools, server: FileServer, body: bytes, said: str) -> None:
    load(tools)
    before = left(tools)
    server.put(I1, body, "application/zip")

    with pytest.raises(Malformed) as caught:
        load(tools)

    assert said in str(caught.value)
    assert left(tools) == before


def test_a_full_disk_is_named_and_nothing_is_stored(tools: DeskTools) -> None:
    load(tools)
    before = left(tools)[0]
    with small_disk(tools.folder / "small", kilobytes=32) as small:
        with pytest.raises(MuhuratError) as caught:
            load(tools, output_dir=str(small))
        assert list(small.iterdir()) == []

    assert f"{small} has no room for nsccl.20260922.i1.spn; the file wants {len(risks()):,} bytes" in str(caught.value)
    assert "free space" in caught.value.hint
    assert left(tools)[0] == before


def test_when_the_database_goes_in_the_middle_nothing_is_left_half_done(
    tools: DeskTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tools)
    before = left(tools)
    with tools.get(ReferenceStore).transaction() as transaction:
        kind = type(transaction)
    replace, calls = kind.replace, []

    def gone(self: Any, table: str, columns: Any, *, where: Any) -> int:
        calls.append(table)
        if len(calls) == 30:
            raise StoreError("the database is gone")
        return replace(self, table, columns, where=where)

    monkeypatch.setattr(kind, "replace", gone)
    with pytest.raises(StoreError, match="is gone"):
        load(tools)

    assert left(tools) == before
