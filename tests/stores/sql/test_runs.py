"""The run log in SQLite: appended to by many at once, read in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from muhurat.model.run_event import RunEvent
from muhurat.stores.sql.runs import SqlRunLog, open_run_log

DAY = date(2026, 11, 20)


@pytest.fixture
def log(tmp_path: Path) -> SqlRunLog:
    return opened(tmp_path)


def opened(folder: Path) -> SqlRunLog:
    return open_run_log("sqlite:///./data/desk.db", folder)


def event(kind: str, name: str = "load", day: date = DAY, rows: int | None = None) -> RunEvent:
    return RunEvent(1, day, name, kind, "r1", "asha", "भाव", {"rows": rows, "files": ["a b"]})


def test_events_come_back_as_told_and_in_order(log: SqlRunLog) -> None:
    first = log.tell(DAY, 0, lambda before: [event("started"), event("failed")])
    assert [one.seq for one in first] == [1, 2]
    second = log.tell(DAY, first[-1].seq, lambda news: [event("started")] if not news else [])
    assert log.read(DAY) == [*first, *second]
    assert log.read(DAY, first[-1].seq) == second
    assert log.read(DAY)[0].why == "भाव"
    assert log.read(date(2026, 11, 19)) == []


def test_what_fails_halfway_is_not_kept(log: SqlRunLog) -> None:
    def decide(before: object) -> list[RunEvent]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        log.tell(DAY, 0, decide)
    assert log.read(DAY) == []


def test_of_many_who_decide_at_once_one_is_first_and_the_others_see_it(tmp_path: Path) -> None:
    opened(tmp_path).close()

    def start(_: int) -> int:
        log = opened(tmp_path)
        told = log.tell(
            DAY, 0, lambda before: [] if any(one.kind == "started" for one in before) else [event("started")]
        )
        log.close()
        return len(told)

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(start, range(24))) == 1


def test_the_last_success_of_each_earlier_day_is_found_newest_first(log: SqlRunLog) -> None:
    for day, rows in ((17, 10), (18, 20), (18, 21), (19, 30), (20, 40)):
        told = event("succeeded", day=DAY.replace(day=day), rows=rows)
        log.tell(told.business_date, 0, lambda _, told=told: [told])
    log.tell(DAY.replace(day=16), 0, lambda _: [event("failed", day=DAY.replace(day=16))])
    assert [one.facts["rows"] for one in log.successes("load", DAY, 2)] == [30, 21]
    assert log.successes("other", DAY, 2) == []
    assert log.days(DAY, 3) == [DAY.replace(day=19), DAY.replace(day=18), DAY.replace(day=17)]
