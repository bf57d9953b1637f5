"""The run log in a SQL database: one table that is only ever appended to, `<data_dir>/desk.db` on every desk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Row, String, Table, Text, insert, select

from muhurat.model.run_event import RunEvent
from muhurat.stores.sql.engine import open_engine, reading, writing
from muhurat.stores.sql.migrations import upgrade

EVENTS: Final = Table(
    "run_events",
    MetaData(),
    Column("seq", Integer, primary_key=True),
    Column("at_ns", BigInteger),
    Column("business_date", String(10)),
    Column("name", String(200)),
    Column("kind", String(20)),
    Column("run_id", String(250)),
    Column("who", String(200)),
    Column("why", Text),
    Column("facts", Text),
)

_SUCCEEDED: Final = "succeeded"


def open_run_log(url: str, base: Path) -> SqlRunLog:
    """The run log in the database of a URL, made or brought up to date where needed. Raises `StoreError`."""
    return SqlRunLog(url, base)


class SqlRunLog:
    """`jobs.runs.RunLog` in SQL."""

    def __init__(self, url: str, base: Path) -> None:
        self._engine = open_engine(url, base)
        upgrade(self._engine, "desk")

    def close(self) -> None:
        self._engine.dispose()

    def read(self, day: date, after: int = 0) -> list[RunEvent]:
        with reading(self._engine) as connection:
            return _after(connection, day, after)

    def tell(self, day: date, after: int, decide: Callable[[Sequence[RunEvent]], Iterable[RunEvent]]) -> list[RunEvent]:
        with writing(self._engine) as connection:
            told = list(decide(_after(connection, day, after)))
            if not told:
                return []
            before = connection.execute(select(EVENTS.c.seq).order_by(EVENTS.c.seq.desc()).limit(1)).scalar() or 0
            connection.execute(insert(EVENTS), [_columns(event) for event in told])
            return _after(connection, day, before)

    def successes(self, name: str, before: date, newest: int) -> list[RunEvent]:
        wanted = (
            select(EVENTS)
            .where(EVENTS.c.name == name, EVENTS.c.kind == _SUCCEEDED, EVENTS.c.business_date < before.isoformat())
            .order_by(EVENTS.c.business_date.desc(), EVENTS.c.seq.desc())
        )
        found: dict[date, RunEvent] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(wanted):
                event = _event(row)
                if event.business_date not in found and len(found) == newest:
                    break
                found.setdefault(event.business_date, event)
        return list(found.values())

    def days(self, before: date, newest: int) -> list[date]:
        wanted = (
            select(EVENTS.c.business_date)
            .where(EVENTS.c.business_date < before.isoformat())
            .group_by(EVENTS.c.business_date)
            .order_by(EVENTS.c.business_date.desc())
            .limit(newest)
        )
        with reading(self._engine) as connection:
            return [date.fromisoformat(day) for day in connection.scalars(wanted)]


def _after(connection: Connection, day: date, after: int) -> list[RunEvent]:
    wanted = (
        select(EVENTS).where(EVENTS.c.business_date == day.isoformat(), EVENTS.c.seq > after).order_by(EVENTS.c.seq)
    )
    return [_event(row) for row in connection.execute(wanted)]


def _columns(event: RunEvent) -> dict[str, object]:
    return {
        "at_ns": event.at_ns,
        "business_date": event.business_date.isoformat(),
        "name": event.name,
        "kind": event.kind,
        "run_id": event.run_id,
        "who": event.who,
        "why": event.why,
        "facts": json.dumps(dict(event.facts), ensure_ascii=False, default=str),
    }


def _event(row: Row[tuple[object, ...]]) -> RunEvent:
    told = row._mapping
    return RunEvent(
        at_ns=told["at_ns"],
        business_date=date.fromisoformat(told["business_date"]),
        name=told["name"],
        kind=told["kind"],
        run_id=told["run_id"],
        who=told["who"],
        why=told["why"],
        facts=json.loads(told["facts"]),
        seq=told["seq"],
    )
