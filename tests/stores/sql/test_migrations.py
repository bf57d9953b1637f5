"""Every database is brought to the present schema, and none is taken for what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from muhurat.errors import StoreError
from muhurat.stores.sql.engine import open_engine, writing
from muhurat.stores.sql.migrations import known_versions, upgrade
from muhurat.stores.sql.tables import METADATA
from tests.servers.mariadb import MariaDb


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.servers)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "sqlite":
        return open_engine("sqlite:///./reference.db", tmp_path)
    name = request.getfixturevalue("mariadb_database")
    server: MariaDb = request.getfixturevalue("mariadb")
    return open_engine(server.url(name), tmp_path)


def test_the_versions_lead_to_the_tables_that_the_code_knows(engine: Engine) -> None:
    upgrade(engine, "reference")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "alembic_version_reference"})
        assert compare_metadata(context, METADATA) == []


def test_both_schemas_may_share_a_database(engine: Engine) -> None:
    upgrade(engine, "reference")
    upgrade(engine, "desk")
    assert {"alembic_version_reference", "alembic_version_desk"} <= set(inspect(engine).get_table_names())


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    upgrade(engine, "reference")
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO Margins (AsOf, Segment) VALUES ('2026-11-20', 'equity')"))
    upgrade(engine, "reference")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM Margins")).scalar() == 1


def test_a_database_of_a_newer_muhurat_is_refused(engine: Engine) -> None:
    upgrade(engine, "reference")
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version_reference SET version_num = '9999'"))
    with pytest.raises(StoreError, match="has version 9999 of the reference tables") as caught:
        upgrade(engine, "reference")
    assert known_versions("reference")[-1] in str(caught.value)
    assert "install the Muhurat that wrote it" in caught.value.hint


def test_an_upgrade_that_was_cut_off_is_finished(engine: Engine) -> None:
    """A MySQL server keeps each table as soon as it is made; then the process died."""
    with writing(engine) as connection:
        METADATA.tables["Margins"].create(connection)
    upgrade(engine, "reference")
    assert set(METADATA.tables) <= set(inspect(engine).get_table_names())


def test_an_error_in_a_block_that_writes_undoes_it(engine: Engine) -> None:
    upgrade(engine, "reference")

    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO Margins (AsOf, Segment) VALUES ('2026-11-20', 'equity')"))
            connection.execute(text("INSERT INTO Nowhere VALUES (1)"))

    with pytest.raises(StoreError, match=r"no such table|doesn't exist"):
        write_and_fail()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM Margins")).scalar() == 0
