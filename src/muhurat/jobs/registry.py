"""The registry `process.json`: read whole, checked whole, and picked up again when it changes.

Every problem of a file is told at once, each with its path such as `processes[3].parametr` and what to do about it.
Reference: docs/jobs-registry.md.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from muhurat.config import Desk, read_dotenv
from muhurat.errors import ConfigError, ConfigProblem
from muhurat.jobs.base import LIBRARY, Job, job_named
from muhurat.jobs.process import Monitored, Process, Registry
from muhurat.jobs.registry_document import MISSING, Document, MonitoredEntry, ProcessEntry, checked, nearest
from muhurat.jobs.registry_parameters import BASE, Places, read_parameter
from muhurat.jobs.registry_paths import PathMap, is_absolute, is_windows, nearest_file
from muhurat.jobs.registry_rules import depends_problems, name_of, rule_problems, warnings
from muhurat.jobs.registry_text import Unreadable, is_damaged, parse, shown, text_problems

__all__ = ["RegistryFile", "located", "name_of", "problems", "read_registry", "registry_file", "warnings"]

BUILTIN: Final = "builtin:"
_DEFAULT_NAME: Final = "process.json"
_OTHER_NAME: Final = "Processes.json"
_NUMBERED: Final = re.compile(r"(processes|process_monitor)\[(\d+)\]")


def located(source: Path) -> Path:
    """The registry's file: `Processes.json`, as the seed also calls it, when there is no `process.json`."""
    other = source.with_name(_OTHER_NAME)
    return other if source.name == _DEFAULT_NAME and not source.exists() and other.exists() else source


def read_registry(source: Path, *, path_map: Mapping[str, Path], environment: Mapping[str, str]) -> Registry:
    """The registry of a file; raises `ConfigError` with every problem found.

    `path_map`, the desk's, gives the beginnings of Windows paths and their folders here; `environment` is where
    `${env:NAME}` is looked up.
    """
    file = located(source)
    return _registry(file, _content(file), path_map, environment)


def problems(source: Path, *, path_map: Mapping[str, Path], environment: Mapping[str, str]) -> list[ConfigProblem]:
    """What keeps a registry from being used; none when it is sound. `warnings` tells the rest."""
    try:
        read_registry(source, path_map=path_map, environment=environment)
    except ConfigError as error:
        return error.problems
    return []


class RegistryFile:
    """A registry that follows its file.

    `current` gives the registry in force: the newest valid one. `problem` says what is wrong with the file as it lies
    there, None when that is the one in force.
    """

    def __init__(
        self, source: Path, *, path_map: Mapping[str, Path], environment: Callable[[], Mapping[str, str]]
    ) -> None:
        self.source = source
        self.problem: ConfigError | None = None
        self._path_map = dict(path_map)
        self._environment = environment
        self._registry: Registry | None = None

    def current(self) -> Registry:
        """The registry in force. Raises `ConfigError` only while there never was a valid one."""
        try:
            self._registry = self._newest()
            self.problem = None
        except ConfigError as error:
            self.problem = error
            if self._registry is None:
                raise
        return self._registry

    def _newest(self) -> Registry:
        """A file that did not change is not read again. A faulty one is: its fault may lie outside of it."""
        file = located(self.source)
        content = _content(file)
        known = self._registry
        if known is not None and (known.source, known.digest) == (file, _digest(content)):
            return known
        return _registry(file, content, self._path_map, self._environment())


def registry_file(desk: Desk) -> RegistryFile | None:
    """The registry of a desk, its secrets from `.env` and the environment; None for a desk without jobs."""
    if desk.jobs is None:
        return None
    folders = {beginning: desk.path(folder) for beginning, folder in desk.jobs.path_map.items()}
    dotenv = desk.folder / ".env"
    return RegistryFile(
        desk.path(desk.jobs.registry), path_map=folders, environment=lambda: {**read_dotenv(dotenv), **os.environ}
    )


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        hint = "write one (docs/jobs-registry.md), or name it in the desk file: jobs.registry"
        raise ConfigError([ConfigProblem("the file", "does not exist", hint)], source=str(file)) from None
    except OSError as error:
        problem = ConfigProblem("the file", f"cannot be read: {error.strerror}", "look at its owner and mode")
        raise ConfigError([problem], source=str(file)) from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _registry(file: Path, content: bytes, path_map: Mapping[str, Path], environment: Mapping[str, str]) -> Registry:
    try:
        raw = parse(content)
    except Unreadable as error:
        raise ConfigError(error.problems, source=str(file)) from None
    if not isinstance(raw, dict):
        wrong = ConfigProblem("the file", "must be an object with processes", 'begin it with {"processes": [')
        raise ConfigError([wrong], source=str(file))
    reading = _Reading(raw, Places(file.resolve().parent, PathMap({}), environment))
    processes, monitored = reading.read(path_map)
    if reading.places.problems:
        raise ConfigError(_once(reading.places.problems), source=str(file))
    base = Path(reading.base_place) if reading.base_place else None
    return Registry(file, base, tuple(processes), tuple(monitored), _digest(content))


@dataclass(slots=True)
class _Reading:
    """One registry being read: as much as can be of a document that may be wrong anywhere."""

    raw: dict[str, Any]
    places: Places
    base_place: str | None = None

    def read(self, path_map: Mapping[str, Path]) -> tuple[list[Process], list[Monitored]]:
        found = self.places.problems
        found += text_problems(self.raw)
        lists: dict[str, Any] = {
            key: [] for key in ("processes", "process_monitor") if isinstance(self.raw.get(key), list)
        }
        checked(Document, self.raw | lists, "", found)
        self._read_path_map(path_map)
        self._read_base()
        entries = {path: checked(ProcessEntry, raw, path, found) for path, raw in self._items("processes")}
        sound: dict[str, ProcessEntry] = {path: entry for path, entry in entries.items() if entry is not None}
        processes = {path: self._process(entry, path) for path, entry in sound.items()}
        titles = [str(raw["title"]) for _, raw in self._items("processes") if isinstance(raw, dict) and "title" in raw]
        found += depends_problems({path: entry.depends_on for path, entry in sound.items()}, titles)
        found += rule_problems(processes)
        return list(processes.values()), list(self._monitored())

    def _items(self, key: str) -> list[tuple[str, Any]]:
        items = self.raw.get(key)
        return [(f"{key}[{number}]", item) for number, item in enumerate(items)] if isinstance(items, list) else []

    def _read_path_map(self, of_the_desk: Mapping[str, Path]) -> None:
        """The desk's beginnings and the file's own, which win."""
        own = self.raw.get("path_map")
        beginnings = {beginning: self.places.home / folder for beginning, folder in of_the_desk.items()}
        for beginning, folder in (own if isinstance(own, dict) else {}).items():
            where = f"path_map.{shown(beginning)}"
            if not isinstance(folder, str) or is_damaged(beginning + folder):
                continue
            if not is_windows(beginning + "\\"):
                self.places.tell(
                    where, "is no beginning of a Windows path", r'write "C:\\Users\\desk", "\\\\server\\share"'
                )
            elif not folder.startswith("/"):
                self.places.tell(where, f"'{shown(folder)}' is no full path of this machine", "begin it with /")
            else:
                beginnings = {key: kept for key, kept in beginnings.items() if not _same(key, beginning)}
                beginnings[beginning] = Path(folder)
        self.places.path_map = PathMap(beginnings)

    def _read_base(self) -> None:
        base = self.raw.get("base_path")
        if not isinstance(base, str):
            self.places.base_is_sound = base is None
            return
        self.places.base = base
        if not is_damaged(base):
            if is_absolute(base):
                self.base_place = self.places.placed(base, "base_path")
            else:
                self.places.tell("base_path", f"'{shown(base)}' is no full path", "write it from / or C:\\\\ on")
        self.places.base_is_sound = self.base_place is not None

    def _process(self, entry: ProcessEntry, path: str) -> Process:
        job, script = self._what_runs(entry, f"{path}.application_path")
        is_builtin = entry.application_path.startswith(BUILTIN)
        parameter: dict[str, Any] = dict(entry.parameter)
        if job is not None or not is_builtin:
            where = f"{path}.parameter"
            parameter = read_parameter(parameter, where, self.places, job=job, is_active=entry.is_active)
        self._check_times(entry, path)
        name = name_of(entry.title)
        if not name:
            self.places.tell(f"{path}.title", "has no letter or digit to make a name of")
        return Process(
            title=entry.title,
            name=name,
            phase=entry.process_type,
            order=entry.order,
            is_active=entry.is_active,
            application_path=entry.application_path,
            parameter=parameter,
            job=job.name if job else None,
            script=script,
            depends_on=tuple(dict.fromkeys(map(name_of, entry.depends_on))),
            timeout_s=entry.timeout_s,
            retries=entry.retries,
            not_before=entry.not_before,
            deadline=entry.deadline,
            on_failure=entry.on_failure or (job.on_failure if job else "block"),
            days=tuple(dict.fromkeys(entry.days)),
            run_on_holidays=entry.run_on_holidays,
            for_session=entry.for_session or (job.for_session if job else "today"),
            idempotent=entry.idempotent if entry.idempotent is not None else (job.idempotent if job else True),
        )

    def _what_runs(self, entry: ProcessEntry, path: str) -> tuple[Job | None, Path | None]:
        written = entry.application_path
        if is_damaged(written):
            return None, None
        if written.startswith(BUILTIN):
            named = written.removeprefix(BUILTIN)
            if named in LIBRARY:
                return job_named(named), None
            hint = f"{nearest(named, list(LIBRARY))}; `muhurat job list --all` tells of each"
            self.places.tell(path, f"no job is called '{shown(named)}'", hint)
            return None, None
        return None, self._script(written, path, entry.is_active)

    def _script(self, written: str, path: str, is_active: bool) -> Path | None:
        full = self.places.based(written, path)
        if full is None:
            return None
        if not is_absolute(full):
            bare = written.strip().removesuffix(".py")
            known = f"did you mean '{BUILTIN}{bare}'?" if bare in LIBRARY else ""
            hint = known or f"write {BASE}\\\\{shown(written.strip()).lstrip('.')} or the full path"
            self.places.tell(path, f"'{shown(written)}' is no full path", hint)
            return None
        local = self.places.placed(full, path)
        script = Path(local) if local is not None else None
        if script is not None and is_active:
            self._check_script(script, path)
        return script

    def _check_script(self, script: Path, path: str) -> None:
        try:
            is_file, is_folder = script.is_file(), script.is_dir()
        except OSError as error:
            self.places.tell(path, f"{script} cannot be looked at: {error.strerror}")
            return
        if is_folder:
            self.places.tell(path, f"{script} is a folder", "name the script in it")
        elif not is_file:
            near = nearest_file(script)
            self.places.tell(path, f"{script} does not exist", f"did you mean {near.name}?" if near else "")
        elif script.suffix.lower() != ".py" and not os.access(script, os.X_OK):
            self.places.tell(path, f"{script} is no Python script and not executable", f"chmod +x '{script}'")

    def _check_times(self, entry: ProcessEntry, path: str) -> None:
        begin, end = entry.not_before, entry.deadline
        if begin and end and begin[0].isdigit() and end[0].isdigit() and _clock(begin) >= _clock(end):
            self.places.tell(f"{path}.deadline", f"{end} is not after not_before, {begin}")

    def _monitored(self) -> list[Monitored]:
        found: list[Monitored] = []
        for path, raw in self._items("process_monitor"):
            entry = checked(MonitoredEntry, raw, path, self.places.problems)
            if entry is None:
                continue
            if any(each.title == entry.title for each in found):
                self.places.tell(
                    f"{path}.title", f"'{shown(entry.title)}' is there already", "every title must be its own"
                )
            found.append(Monitored(entry.title, entry.process))
        return found


def _same(first: str, second: str) -> bool:
    """Whether two beginnings of Windows paths are the same folder."""
    return PathMap({first: Path("/")}).place(second) == "/" and PathMap({second: Path("/")}).place(first) == "/"


def _clock(wall: str) -> tuple[int, ...]:
    """`9:05` and `09:05:00` as comparable numbers."""
    numbers = [int(part) for part in wall.split(":")]
    return (*numbers, 0)[:3]


def _once(found: list[ConfigProblem]) -> list[ConfigProblem]:
    """Each problem once; what was left aside because it is wrong is not missing as well."""
    wrong = {problem.path for problem in found if problem.message != MISSING}
    kept = [problem for problem in found if problem.message != MISSING or problem.path not in wrong]
    return sorted({str(problem): problem for problem in kept}.values(), key=_place_in_file)


def _place_in_file(problem: ConfigProblem) -> tuple[int, int]:
    """Of the file as a whole first, then process by process."""
    found = _NUMBERED.match(problem.path)
    return (0, 0) if found is None else (1 if found[1] == "processes" else 2, int(found[2]))
