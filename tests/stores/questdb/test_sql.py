"""A query before it is sent: it reads, it is one, its `now()` is the desk's."""

from __future__ import annotations

import pytest

from muhurat.stores.base import QueryError
from muhurat.stores.questdb.server import Refused
from muhurat.stores.questdb.sql import prepare
from tests.stores.ticks import TEN

NOW = "cast('2025-09-02T04:30:00.000000Z' AS TIMESTAMP)"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM ticks_full",
        "select 1; -- the seed ends its lines so",
        "WITH a AS (SELECT 1 AS x) SELECT x FROM a",
        "EXPLAIN SELECT 1",
        "SHOW CREATE TABLE ticks_full",
        "DECLARE @feed := 'desk' SELECT @feed",
        "/* DROP TABLE x */ SELECT 'DROP TABLE x; DELETE'",
        'SELECT "update" FROM (SELECT 1 AS "update")',
    ],
)
def test_what_only_reads_is_sent_as_it_is(sql: str) -> None:
    assert prepare(sql, TEN).sql == sql


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("", "not 0"),
        (" ; -- nothing", "not 0"),
        ("SELECT 1; DROP TABLE ticks_full", "not 2"),
        ("DROP TABLE ticks_full", "not DROP"),
        ("ticks_full", "not TICKS_FULL"),
        ("'x'", "not 'x'"),
        ("WITH a AS (SELECT 1 AS x) UPDATE ticks_full SET volume = a.x FROM a", "not UPDATE"),
        ("EXPLAIN UPDATE ticks_full SET volume = 1", "not UPDATE"),
        ("DECLARE @x := 1 INSERT INTO t SELECT @x", "not INSERT"),
    ],
)
def test_what_does_more_is_refused(sql: str, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        prepare(sql, TEN)


def test_now_is_the_desks_time_wherever_it_is_no_text() -> None:
    sql = "SELECT now(), NOW ( ), 'now()', t.now() FROM t -- now()"
    assert prepare(sql, TEN).sql == f"SELECT {NOW}, {NOW}, 'now()', t.now() FROM t -- now()"


@pytest.mark.parametrize("word", ["wrong", "now", "more"])
def test_a_place_in_what_was_sent_is_found_in_what_was_written(word: str) -> None:
    sql = "SELECT\n  wrong, now(),\n  now() AS b, more"
    prepared = prepare(sql, TEN)
    sent = prepared.sql.replace(NOW, "now()".ljust(len(NOW), "#"))
    error = prepared.error(Refused("no such column", sent.rindex(word)))
    line, column = (error.line or 0) - 1, (error.column or 0) - 1
    expected = sql.rindex(word) + (len("now()") if word == "now" else 0)
    assert sum(len(each) + 1 for each in sql.splitlines()[:line]) + column == expected
