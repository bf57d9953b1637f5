"""SQL over the parts, in DuckDB's dialect: one view per table, the desk's `now()`, QuestDB's `dateadd`.

Every query has a connection of its own and sees the files as they were when it began.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from muhurat.clock import NS_PER_S, Clock
from muhurat.errors import StoreError
from muhurat.stores.base import QueryError, Rows
from muhurat.stores.parquet.layout import hour_directories, live_parts
from muhurat.stores.parquet.named import (
    LIMITS,
    NAMED_VIEW,
    UNIVERSE,
    limits_rows,
    named_view,
    universe_rows,
)
from muhurat.stores.schema import TABLES, Kind, Table

_ATTEMPTS: Final = 5
_BATCH: Final = 10_000
_READING: Final = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})

_TYPES: Final = {
    Kind.INSTANT: "TIMESTAMP",
    Kind.NANOSECONDS: "BIGINT",
    Kind.SECONDS: "TIMESTAMP",
    Kind.PRICE: "DOUBLE",
    Kind.COUNT: "BIGINT",
    Kind.SEQ: "UBIGINT",
    Kind.TEXT: "VARCHAR",
    Kind.FLAG: "BOOLEAN",
}

_MACROS: Final = """
CREATE TEMP MACRO dateadd(unit, n, ts) AS ts + CASE unit
    WHEN 'y' THEN to_years(n) WHEN 'M' THEN to_months(n) WHEN 'w' THEN to_weeks(n) WHEN 'd' THEN to_days(n)
    WHEN 'h' THEN to_hours(n) WHEN 'm' THEN to_minutes(n) WHEN 's' THEN to_seconds(n)
    WHEN 'T' THEN to_milliseconds(n) WHEN 'u' THEN to_microseconds(n)
    ELSE error('dateadd: the unit is one of y M w d h m s T u, not ' || unit) END;
CREATE TEMP MACRO ist(ts) AS ts + INTERVAL 330 MINUTE;
"""

_MARK: Final = re.compile(r"^LINE (?P<line>\d+): (?P<shown>.*)\n(?P<caret> *)\^", re.MULTILINE)


class TickSql:
    """Answers queries on the store in `directory`, of which only the file names are shared with its writer."""

    def __init__(self, directory: Path, clock: Clock, *, universe: Path) -> None:
        self._directory = directory
        self._clock = clock
        self._universe = universe

    def query(self, sql: str) -> Rows:
        """Run one SELECT; raises `QueryError` for a wrong one, naming the place."""
        for _ in range(_ATTEMPTS):
            try:
                return self._answer(sql)
            except duckdb.IOException as error:
                if "No such file" not in str(error) and "No files found" not in str(error):
                    raise StoreError(f"the tick store cannot be read: {_first_line(error)}") from error
            except duckdb.Error as error:
                raise _query_error(sql, error) from error
        raise StoreError(f"the files under {self._directory} change faster than they can be read", permanent=False)

    def _answer(self, sql: str) -> Rows:
        connection = duckdb.connect(config={"python_enable_replacements": "false"})
        _check_reads(connection, sql)
        self._prepare(connection, sql)
        columns = [column[0] for column in connection.execute(sql).description or ()]
        zoned = [column[0] for column in connection.description or () if "TIME ZONE" in str(column[1])]
        if zoned:
            connection.execute(_without_zones(sql, zoned))
        return Rows(_distinct(columns), _batches(sql, connection, connection.fetchmany(_BATCH)))

    def _prepare(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_MACROS)
        connection.execute(self._now())
        for table in TABLES.values():
            wanted = table.name in sql.lower()
            connection.execute(_view(table, self._files(table) if wanted else []))
        if re.search(rf"{NAMED_VIEW}|{UNIVERSE}|{LIMITS}", sql, re.IGNORECASE):
            connection.register(UNIVERSE, universe_rows(self._universe))
            connection.register(LIMITS, limits_rows(self._universe))
            connection.execute(named_view())

    def _files(self, table: Table) -> list[Path]:
        return [
            part.path for directory in hour_directories(self._directory / table.name) for part in live_parts(directory)
        ]

    def _now(self) -> str:
        """The desk's time under both names that SQL has for it; a rehearsal's queries live in the rehearsed day."""
        now_ns = self._clock.now_ns()
        now = datetime.fromtimestamp(now_ns // NS_PER_S, UTC).replace(microsecond=now_ns % NS_PER_S // 1000)
        literal = f"TIMESTAMP '{now:%Y-%m-%d %H:%M:%S.%f}'"
        return f"CREATE TEMP MACRO now() AS {literal}; CREATE TEMP MACRO get_current_timestamp() AS {literal}"


def _view(table: Table, files: Sequence[Path]) -> str:
    """The table as declared, whatever files there are: none, or some from before a column was added."""
    columns = ", ".join(f'CAST(NULL AS {_TYPES[column.kind]}) AS "{column.name}"' for column in table.columns)
    declared = f"SELECT {columns} WHERE false"
    if not files:
        return f"CREATE TEMP VIEW {table.name} AS {declared}"
    names = ", ".join(_quoted(str(file)) for file in files)
    kept = f"SELECT * FROM read_parquet([{names}], hive_partitioning = false, union_by_name = true)"
    return f"CREATE TEMP VIEW {table.name} AS {declared} UNION ALL BY NAME {kept}"


def _check_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(f"one statement is wanted, not {len(statements)}")
    if statements[0].type not in _READING:
        raise QueryError(f"only SELECT is run here, not {statements[0].type.name}")


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names of which none occurs twice: a query may call two columns alike."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        distinct.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return distinct


def _without_zones(sql: str, columns: Sequence[str]) -> str:
    """The same query with its zoned instants as plain UTC, like every other instant here."""
    plain = ", ".join(f'CAST("{name}" AS TIMESTAMP) AS "{name}"' for name in columns)
    return f"SELECT * REPLACE ({plain}) FROM (\n{sql.rstrip().rstrip(';')}\n)"


def _batches(
    sql: str, connection: duckdb.DuckDBPyConnection, first: Sequence[tuple[Any, ...]]
) -> Iterator[Sequence[tuple[Any, ...]]]:
    batch = first
    while batch:
        yield batch
        try:
            batch = connection.fetchmany(_BATCH)
        except duckdb.Error as error:
            raise _query_error(sql, error) from error
    connection.close()


def _query_error(sql: str, error: duckdb.Error) -> QueryError:
    text = str(error)
    message, _, rest = text.partition("\n")
    mark = _MARK.search(text)
    hint = rest[: rest.index("LINE ")].strip() if mark else rest.strip()
    if mark is None:
        return QueryError(message, hint=hint)
    line = int(mark["line"])
    return QueryError(message, line=line, column=_column(sql, line, mark), hint=hint)


def _column(sql: str, line: int, mark: re.Match[str]) -> int:
    """Where the caret points in the query itself: DuckDB shows long lines in part, between dots."""
    offset = len(mark["caret"]) - len(f"LINE {mark['line']}: ")
    shown = mark["shown"]
    left_out = shown.startswith("...")
    fragment = shown[3 if left_out else 0 :].removesuffix("...").rstrip()
    start = sql.splitlines()[line - 1].find(fragment)
    return start + offset - (3 if left_out else 0) + 1


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
