"""The `parameter` of a process: what stands in its place, and whether the job it goes to can take it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from muhurat.errors import ConfigProblem
from muhurat.jobs.base import Job
from muhurat.jobs.registry_document import MISSING, nearest
from muhurat.jobs.registry_paths import PathMap, faults, is_absolute, is_dotted, is_windows
from muhurat.jobs.registry_text import at, is_damaged, shown

BASE: Final = "${base_path}"
_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")
_ENV: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(slots=True)
class Places:
    """What the texts of one registry are read with; `problems` grows with every text that is wrong.

    `base` is `base_path` as written, None without one; `base_is_sound` false when it has a problem of its own, which is
    told once and not again by every process that uses it.
    """

    home: Path
    path_map: PathMap
    environment: Mapping[str, str]
    base: str | None = None
    base_is_sound: bool = True
    problems: list[ConfigProblem] = field(default_factory=list)

    def tell(self, path: str, message: str, hint: str = "") -> None:
        self.problems.append(ConfigProblem(path, message, hint))

    def placed(self, text: str, path: str) -> str | None:
        """A full path, written as on Windows or as here, as it is on this machine; None when it has a problem."""
        if is_damaged(text):
            return None
        wrong = list(faults(text, self.home))
        for fault in wrong:
            self.tell(path, *fault)
        if not is_windows(text):
            return None if wrong else text.strip().replace("\\", "/")
        local = self.path_map.place(text)
        if local is None:
            self.tell(path, *self.path_map.told(text))
        return None if wrong else local

    def based(self, text: str, path: str) -> str | None:
        """A text with `${base_path}` put in; None when that cannot be."""
        if BASE not in text:
            return text
        if self.base is None and self.base_is_sound:
            self.tell(path, f"{BASE} is used, and there is no base_path", "add base_path at the top")
        if self.base is None or not self.base_is_sound:
            return None
        return text.replace(BASE, self.base.rstrip("\\/"))


def read_parameter(
    written: Mapping[str, Any], path: str, places: Places, *, job: Job | None, is_active: bool
) -> dict[str, Any]:
    """The parameter as the process gets it: paths of this machine, secrets still as `${env:NAME}`.

    An inactive process may name secrets that are not there.
    """
    fields = _fields_by_key(written, job)
    read = {
        key: _each(value, at(path, shown(key)), places, fields.get(key), job, is_active)
        for key, value in written.items()
    }
    if job is not None:
        places.problems += list(_option_problems(read, path, fields, job, places.environment))
    return read


def _each(value: Any, path: str, places: Places, field: FieldInfo | None, job: Job | None, is_active: bool) -> Any:
    if isinstance(value, list):
        return [_each(item, f"{path}[{number}]", places, field, job, is_active) for number, item in enumerate(value)]
    if not isinstance(value, str) or is_damaged(value):
        return value
    _check_placeholders(value, path, places, is_active)
    return _path_like(value, path, places, is_a_path=job is None or _mentions(field, Path), of_a_script=job is None)


def _check_placeholders(value: str, path: str, places: Places, is_active: bool) -> None:
    for found in _PLACEHOLDER.finditer(value):
        secret = _ENV.fullmatch(found[1])
        if secret is None and found[0] != BASE:
            close = f"did you mean ${{env:{found[1]}}}?" if found[1].isidentifier() else ""
            places.tell(path, f"{shown(found[0])} is unknown", close or f"known: {BASE} and ${{env:NAME}}")
        elif secret is not None and is_active and secret[1] not in places.environment:
            places.tell(path, f"{secret[1]} is not set", f"put {secret[1]}=... into .env or the environment")


def _path_like(value: str, path: str, places: Places, *, is_a_path: bool, of_a_script: bool) -> str:
    based = places.based(value, path)
    if based is None:
        return value
    if is_windows(based) or (is_a_path and is_absolute(based)):
        return places.placed(based, path) or value
    if of_a_script and is_dotted(based):
        places.tell(path, f"'{value}' is a relative path", f"write the full path, or {BASE} and the rest")
    elif not of_a_script and is_a_path and "\\" in based:
        places.tell(path, f"'{value}' has backslashes and is no full Windows path", "write the full path, or use /")
    return based


def _fields_by_key(written: Mapping[str, Any], job: Job | None) -> dict[str, FieldInfo]:
    fields = {} if job is None else job.options.model_fields
    return {key: fields[name] for key in written if (name := _plain(key)) in fields}


def _plain(key: str) -> str:
    """The field of a key: `remote-file` and `--remote-file` are `remote_file`, as on the command line."""
    return key.lstrip("-").replace("-", "_")


def _option_problems(
    read: Mapping[str, Any], path: str, fields: Mapping[str, FieldInfo], job: Job, environment: Mapping[str, str]
) -> Iterator[ConfigProblem]:
    names = list(job.options.model_fields)
    values: dict[str, Any] = {}
    unseen = set()
    for key, value in read.items():
        name, where = _plain(key), at(path, shown(key))
        if key not in fields:
            yield ConfigProblem(
                where, f"{job.name} has no such option", nearest(name, names) if names else "it has none"
            )
        elif name in values:
            yield ConfigProblem(where, "is written twice", f"keep one of the ways to write {name}")
        elif value is False and fields[key].default is True:
            yield ConfigProblem(where, "false leaves the option out, and then it is true", 'write "false" in quotes')
        elif value is not None and value is not False:
            filled = _filled(value, environment)
            unseen |= {name} if filled != value or _mentions(fields[key], SecretStr) else set()
            values[name] = [filled] if _is_list(fields[key]) and not isinstance(filled, list) else filled
    try:
        job.options.model_validate(values)
    except ValidationError as error:
        yield from _complaints(error, path, read, unseen, environment)


def _complaints(
    error: ValidationError, path: str, read: Mapping[str, Any], unseen: set[str], environment: Mapping[str, str]
) -> Iterator[ConfigProblem]:
    """Pydantic's errors as problems of the registry; no value that came from the environment is ever shown."""
    keys = {_plain(key): key for key in read}
    told = set()
    for each in error.errors(include_url=False):
        name = str(each["loc"][0]) if each["loc"] else ""
        if name in told or _lacks_a_secret(read.get(keys.get(name, "")), environment):
            continue
        told.add(name)
        where = at(path, shown(keys.get(name, name))) if name else path
        if each["type"] == "missing":
            yield ConfigProblem(where, MISSING, "the job cannot do without it")
        elif name in unseen:
            yield ConfigProblem(where, f"the value behind it does not fit ({each['type']})", "correct it in .env")
        else:
            message = str(each["msg"]).removeprefix("Value error, ").removeprefix("Input ")
            given = each["input"] if isinstance(each["input"], str | int | float | bool) else ""
            told_value = f", not '{shown(str(given))}'" if given != "" and each["type"] != "value_error" else ""
            yield ConfigProblem(where, message[:1].lower() + message[1:] + told_value)


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    """A value with the environment's put in, to see whether it fits; never kept, never shown."""
    if isinstance(value, list):
        return [_filled(item, environment) for item in value]
    if not isinstance(value, str):
        return value
    return _PLACEHOLDER.sub(lambda found: environment.get(found[1].removeprefix("env:"), found[0]), value)


def _lacks_a_secret(value: Any, environment: Mapping[str, str]) -> bool:
    texts = value if isinstance(value, list) else [value]
    named = (found for text in texts if isinstance(text, str) for found in _PLACEHOLDER.findall(text))
    return any(name.removeprefix("env:") not in environment for name in named)


def _is_list(field: FieldInfo) -> bool:
    kinds = (field.annotation, *get_args(field.annotation))
    return any((get_origin(kind) or kind) in (list, tuple) for kind in kinds)


def _mentions(field: FieldInfo | None, kind: type) -> bool:
    """Whether a field takes values of a kind, alone, or among others, or many."""
    return field is not None and _names(field.annotation, kind)


def _names(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_names(part, kind) for part in get_args(annotation))
