"""The desk's databases and their backups, and the service that watches processes, put together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muhurat.app.desk import clock_of, start, stop_event
from muhurat.app.parts import cache, channel, reference_store
from muhurat.clock import Clock, ManualClock, ist
from muhurat.config import Desk
from muhurat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muhurat.jobs.backup.base import Databases, Manifest, Target
    from muhurat.jobs.backup.choosing import Asked
    from muhurat.jobs.backup.making import Place
    from muhurat.jobs.backup.restoring import Restored
    from muhurat.jobs.monitor.base import Sample
    from muhurat.jobs.process import Monitored
    from muhurat.jobs.registry import RegistryFile


def databases(desk: Desk, clock: Clock) -> Databases:
    """What backups, cleaning and restores need to know of a desk (the part behind `jobs.backup.base.Databases`)."""
    from muhurat.jobs.backup.base import Databases

    return Databases(desk.stores.reference, desk.folder, desk.data_dir)


@dataclass(frozen=True, slots=True)
class RegistryEntries:
    """`jobs.monitor.base.Watched` of the desk's registry, which is read again when it changes."""

    registry: RegistryFile

    def entries(self) -> Sequence[Monitored]:
        return self.registry.current().monitored


def watched(desk: Desk, clock: Clock) -> RegistryEntries:
    """Whom to watch; raises `UsageError` on a desk without jobs (the part behind `jobs.monitor.base.Watched`)."""
    from muhurat.jobs.registry import registry_file

    registry = registry_file(desk)
    if registry is None:
        raise UsageError(f"{desk.source} has no section jobs", hint="add it with the registry: `jobs: {}`")
    return RegistryEntries(registry)


def run_monitor(desk: Desk) -> None:
    """The service `monitor`: watch the registry's processes and containers until SIGTERM."""
    from muhurat.heartbeat import Heartbeat
    from muhurat.jobs.monitor.containers import ContainerProbe
    from muhurat.jobs.monitor.monitor import Parts, ProcessMonitor
    from muhurat.jobs.monitor.processes import ProcessProbe

    clock, stop = start("monitor", desk), stop_event()
    heartbeat = Heartbeat("monitor", desk.run_dir, clock)

    def shown(samples: Mapping[str, Sample]) -> None:
        down = sorted(name for name, sample in samples.items() if not sample.running)
        detail = f"down: {', '.join(down)}" if down else f"{len(samples)} running"
        heartbeat.beat(detail, watched={name: sample.facts() for name, sample in samples.items()})
        heartbeat.ready()

    mail = channel(desk, clock) if desk.notify.email is not None else None
    with closing(cache(desk, clock)) as kept, closing(ContainerProbe()) as containers:
        parts = Parts(clock, kept, desk.run_dir, watched(desk, clock), ProcessProbe(), containers, mail)
        ProcessMonitor(parts, shown=shown).run(stop)


def backup_databases(desk: Desk, asked: Asked, place: Place) -> list[tuple[Path, Manifest]]:
    """Back up what is meant, now, for the desk's date of today; the files and their manifests."""
    from muhurat.jobs.backup.choosing import is_own, targets
    from muhurat.jobs.backup.making import make
    from muhurat.jobs.library.db_backup import source_of

    clock, desk_databases = clock_of(desk), databases(desk, clock_of(desk))
    made = []
    for target in targets(asked, desk_databases):
        source = source_of(target, place.folder)
        if is_own(target, desk_databases):
            with closing(reference_store(desk, clock)) as store:
                made.append(make(source, place, clock, _today(clock), store.checksum))
        else:
            made.append(make(source, place, clock, _today(clock)))
    return made


def backup_cache(desk: Desk, place: Place) -> tuple[Path, Manifest]:
    """Back the cache up."""
    from muhurat.jobs.backup.cached import CacheSource
    from muhurat.jobs.backup.making import make

    clock = clock_of(desk)
    with closing(cache(desk, clock)) as store:
        return make(CacheSource(store), place, clock, _today(clock))


def backups(desk: Desk) -> list[tuple[Manifest, str | None]]:
    """The backups the desk knows of, newest first, each with what is wrong with its file, None when it is whole."""
    from muhurat.jobs.backup.base import manifests
    from muhurat.jobs.backup.choosing import default_folder
    from muhurat.jobs.backup.making import changed

    folder = default_folder(databases(desk, clock_of(desk)))
    return [(manifest, changed(manifest)) for manifest in manifests(folder)]


def restore_target(desk: Desk, manifest: Manifest, asked: Asked) -> Target | None:
    """The database that a backup would replace; None for the cache."""
    from muhurat.jobs.backup.restoring import target_of

    if manifest.engine == "cache":
        return None
    return target_of(manifest, asked, databases(desk, clock_of(desk)))


def restore_database(desk: Desk, manifest: Manifest, target: Target) -> Restored:
    """Put a verified backup back; of the reference store also compare the checksum of every table."""
    from muhurat.jobs.backup.choosing import is_own
    from muhurat.jobs.backup.restoring import restore, same_content

    clock = clock_of(desk)
    done = restore(manifest, target, clock)
    if manifest.checksum is not None and is_own(target, databases(desk, clock)):
        with closing(reference_store(desk, clock)) as store:
            same_content(manifest, store.checksum())
    return done


def restore_cache(desk: Desk, manifest: Manifest) -> dict[str, int]:
    """Put a backup of the cache back, every entry under its own time; what was there is forgotten first."""
    from muhurat.jobs.backup.cached import check, play
    from muhurat.jobs.backup.restoring import chunks

    check(chunks(manifest))
    past = ManualClock(clock_of(desk).now_ns())
    with closing(cache(desk, past)) as store:
        store.delete("")
        return play(chunks(manifest), store, past)


def migrate_databases(desk: Desk) -> list[dict[str, Any]]:
    """Bring the desk's databases to this version's schemas; the version that each has now."""
    from muhurat.stores.sql.engine import place
    from muhurat.stores.sql.migrations import Schema, known_versions, upgrade

    wanted: tuple[tuple[Schema, str], ...] = (
        ("reference", desk.stores.reference),
        ("desk", f"sqlite:///{desk.data_dir / 'desk.db'}"),
    )
    rows = []
    for schema, url in wanted:
        with _engine(url, desk.folder) as engine:
            upgrade(engine, schema)
            rows.append({"database": place(engine), "schema": schema, "version": known_versions(schema)[-1]})
    return rows


@contextmanager
def _engine(url: str, folder: Path) -> Iterator[Any]:
    from muhurat.stores.sql.engine import open_engine

    engine = open_engine(url, folder)
    try:
        yield engine
    finally:
        engine.dispose()


def _today(clock: Clock) -> date:
    told = os.environ.get("MUHURAT_BUSINESS_DATE")
    return date.fromisoformat(told) if told else ist(clock.now_ns()).date()
