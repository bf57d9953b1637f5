"""`muhurat db`: back the desk's databases up, list the backups, bring one back, migrate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption

if TYPE_CHECKING:
    from muhurat.jobs.backup.base import Manifest, Target
    from muhurat.jobs.backup.choosing import Asked

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Back databases up, restore them, bring their schemas up to date."
)

PASSWORD_VARIABLE: Final = "MYSQL_PWD"

UserOption = Annotated[
    str, typer.Option("--user", help="MySQL user; the password is asked for, or comes from MYSQL_PWD.")
]
HostOption = Annotated[str, typer.Option("--host", help="MySQL's host.")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="MySQL's port.")]
ContainerOption = Annotated[
    str | None,
    typer.Option("--mysql_container_name", "--container", metavar="NAME", help="Docker container of the MySQL server."),
]


@app.command()
def backup(
    database: Annotated[str, typer.Option("--database", help="Which; by default the desk's reference store.")] = "",
    all_databases: Annotated[bool, typer.Option("--all-databases", help="All of the desk, or of the server.")] = False,
    cache: Annotated[bool, typer.Option("--cache", help="The cache instead of a database.")] = False,
    output_dir: Annotated[
        Path | None, typer.Option("--output_dir", "--output-dir", metavar="FOLDER", help="Default: data/backups.")
    ] = None,
    no_compress: Annotated[bool, typer.Option("--no_compress", "--no-compress", help="Without gzip.")] = False,
    encrypt_to: Annotated[
        Path | None, typer.Option("--encrypt-to", metavar="FILE", help="A GnuPG public key to encrypt to.")
    ] = None,
    user: UserOption = "",
    host: HostOption = "localhost",
    port: PortOption = 3306,
    container: ContainerOption = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Write a verified backup with its manifest."""
    from muhurat import app as composition
    from muhurat.app import databases
    from muhurat.cli.output import print_rows
    from muhurat.jobs.backup.base import FOLDER
    from muhurat.jobs.backup.gpg import encryption_to
    from muhurat.jobs.backup.making import Place

    opened = composition.open_desk(desk, overlay or [])
    register = opened.data_dir / FOLDER
    place = Place(
        folder=output_dir.resolve() if output_dir else register,
        register=register,
        compress=not no_compress,
        encryption=encryption_to(encrypt_to) if encrypt_to else None,
    )
    if cache:
        made = [databases.backup_cache(opened, place)]
    else:
        asked = _asked(user, host, port, container, database, all_databases=all_databases)
        made = databases.backup_databases(opened, asked, place)
    print_rows([_row(manifest) for _, manifest in made], as_json=json)


@app.command("list")
def list_backups(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None, json: JsonOption = False) -> None:
    """Show the backups the desk knows of, and whether each is still what was verified."""
    from muhurat import app as composition
    from muhurat.app import databases
    from muhurat.cli.output import print_rows

    opened = composition.open_desk(desk, overlay or [])
    found = databases.backups(opened)
    rows = [_row(manifest) | {"state": wrong or f"verified {manifest.verified_at}"} for manifest, wrong in found]
    print_rows(rows, as_json=json, title=None if rows else "backups")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup with its manifest beside it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database: Annotated[str, typer.Option("--database", help="Into another database than the backup's.")] = "",
    user: UserOption = "",
    host: HostOption = "localhost",
    port: PortOption = 3306,
    container: ContainerOption = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Bring a backup back: checked whole before anything is touched; a replaced SQLite file is kept beside."""
    from muhurat import app as composition
    from muhurat.app import databases
    from muhurat.jobs.backup.restoring import verified

    opened = composition.open_desk(desk, overlay or [])
    manifest = verified(file)
    asked = _asked(user, host, port, container, database)
    target = databases.restore_target(opened, manifest, asked)
    if not yes:
        typer.confirm(f"{_question(manifest, target)} Go on?", abort=True)
    if target is None:
        counts = databases.restore_cache(opened, manifest)
        typer.echo(f"the cache holds {counts['keys']:,} keys and {counts['series']:,} series again")
        return
    done = databases.restore_database(opened, manifest, target)
    typer.echo(f"{done.database} is as it was on {manifest.made_at}: {done.rows:,} rows; {done.replaced}")
    if done.others:
        typer.echo(f"not of the backup and left alone: {', '.join(done.others)}")


@app.command()
def migrate(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None, json: JsonOption = False) -> None:
    """Bring the desk's databases to the schemas of this version."""
    from muhurat import app as composition
    from muhurat.app import databases
    from muhurat.cli.output import print_rows

    print_rows(databases.migrate_databases(composition.open_desk(desk, overlay or [])), as_json=json)


def _asked(
    user: str, host: str, port: int, container: str | None, database: str, *, all_databases: bool = False
) -> Asked:
    from muhurat.jobs.backup.choosing import Asked
    from muhurat.log import register_secret

    password = os.environ.get(PASSWORD_VARIABLE, "")
    if user and not password:
        password = typer.prompt(f"Password of {user} at {host}", hide_input=True, default="", show_default=False)
    register_secret(password)
    return Asked(user, password, database, host, port, all_databases, container)


def _question(manifest: Manifest, target: Target | None) -> str:
    from muhurat.jobs.backup.base import SqliteTarget

    if target is None:
        what = "the cache"
    elif isinstance(target, SqliteTarget):
        what = str(target.path)
    else:
        what = f"{target.database or 'ALL databases'} at {target.container or f'{target.host}:{target.port}'}"
    return f"This replaces {what} with the {manifest.rows:,} rows of {manifest.made_at}."


def _row(manifest: Manifest) -> dict[str, object]:
    return {
        "database": manifest.database,
        "engine": manifest.engine,
        "business_date": manifest.business_date,
        "file": str(manifest.path),
        "bytes": manifest.bytes,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "encrypted": manifest.encrypted_to is not None,
    }
