"""`muhurat job run NAME --key value …`: one job in this process, by hand or by the runner."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import typer

from muhurat.errors import ConfigError, ConfigProblem, MuhuratError, UsageError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from muhurat.jobs.base import Job, Options

TRY_LATER: Final = 75
"""Exit code of a job that failed and may succeed when it is tried again (sysexits.h: EX_TEMPFAIL)."""

_SECRET: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_HIDDEN: Final = "MUHURAT_ARGUMENT_"
_GARBAGE_AFTER: Final = 50_000
"""Objects made before the first look for cycles. With Python's 700 a short job spends a fifth of its processor time on
looking through what it imports, and a BOD begins with many at once."""


def run_named(name: str, arguments: Sequence[str], desk_file: Path, overlays: Sequence[Path], as_json: bool) -> None:
    """Run the job; raises `UsageError` for wrong arguments, and leaves with `TRY_LATER` when trying again can help."""
    gc.set_threshold(_GARBAGE_AFTER, *gc.get_threshold()[1:])
    from muhurat import app
    from muhurat.cli.output import print_record
    from muhurat.config import read_dotenv
    from muhurat.jobs.base import job_named

    job = job_named(name)
    written = dict(_parsed(job, arguments))
    day = _business_date(job, written)
    _out_of_sight(job, written)
    desk = app.open_desk(desk_file, overlays)
    options = _options(job, written, {**read_dotenv(desk.folder / ".env"), **os.environ})
    show = _Shown()
    try:
        outcome = app.run_job(desk, job, options, day, show)
    except MuhuratError as error:
        if error.permanent or isinstance(error, UsageError | ConfigError):
            raise
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        raise typer.Exit(TRY_LATER) from None
    finally:
        show.end()
    told = {"job": job.name, "note": outcome.note, "rows": outcome.rows, "files": [str(path) for path in outcome.files]}
    print_record(told | dict(outcome.facts), as_json=as_json)


def _parsed(job: Job, arguments: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Pairs of field and value from `--key value`, `--key=value`, `--flag`, and `--key a b c` for a list."""
    fields, values = job.options.model_fields, _words(arguments)
    for key, words in values.items():
        name = _field_named(job, key)
        if name is None:
            yield key, words[-1] if words else ""
        elif _is_list(fields[name]):
            yield name, words
        elif len(words) > 1:
            raise UsageError(f"--{key} takes one value, and there are {len(words)}: {' '.join(words)}")
        elif not words and not _is_flag(fields[name]):
            raise UsageError(
                f"--{key} has no value", hint=f"write --{key} VALUE, or --{key}=VALUE when it begins with --"
            )
        else:
            yield name, words[0] if words else "true"


def _words(arguments: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    key = ""
    for word in arguments:
        if word.startswith("--") and len(word) > 2:
            key, equals, value = word[2:].partition("=")
            found.setdefault(key, []).extend([value] if equals else [])
        elif not key:
            raise UsageError(f"{word!r} belongs to no option", hint="write --key value")
        else:
            found[key].append(word)
    return found


def _field_named(job: Job, key: str) -> str | None:
    """The field of an option, or None for `--date`, which every job takes; raises naming the nearest."""
    from difflib import get_close_matches

    fields = {name.replace("-", "_"): name for name in job.options.model_fields}
    plain = key.replace("-", "_")
    if plain in fields:
        return fields[plain]
    if plain == "date":
        return None
    near = get_close_matches(plain, fields, n=1)
    raise UsageError(
        f"{job.name} has no option --{key}" + (f"; did you mean --{near[0]}?" if near else ""),
        hint=f"its options: {', '.join(f'--{name}' for name in dict.fromkeys((*fields, 'date')))}",
    )


def _is_list(field: FieldInfo) -> bool:
    kinds = (field.annotation, *get_args(field.annotation))
    return any(getattr(kind, "__origin__", kind) in (list, tuple) for kind in kinds)


def _is_flag(field: FieldInfo) -> bool:
    return bool in (field.annotation, *get_args(field.annotation))


def _business_date(job: Job, written: dict[str, Any]) -> date | None:
    """The day of `--date`; a job with a `date` of its own keeps that for itself."""
    if "date" in job.options.model_fields or "date" not in written:
        return None
    text = written.pop("date")
    for form in ("%Y-%m-%d", "%Y%m%d"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    raise UsageError(f"--date {text!r} is no date; write 2026-11-20")


def _out_of_sight(job: Job, written: Mapping[str, Any]) -> None:
    """Start again with the secrets in the environment when one stands on the command line, which all users can read."""
    secrets = {name: str(value) for name, value in written.items() if _is_secret(job.options.model_fields.get(name))}
    literal = {name: value for name, value in secrets.items() if value and not _SECRET.fullmatch(value)}
    if not literal:
        return
    arguments = list(sys.argv[1:])
    for name, value in literal.items():
        variable = _HIDDEN + name.upper()
        os.environ[variable] = value
        arguments = [_without(value, f"${{env:{variable}}}", word) for word in arguments]
    os.execv(sys.executable, [sys.executable, "-m", "muhurat", *arguments])


def _without(secret: str, instead: str, word: str) -> str:
    """A word of the command line, `SECRET` or `--key=SECRET`, with something else in the secret's place."""
    key, equals, value = word.partition("=")
    if equals and value == secret and key.startswith("--"):
        return f"{key}={instead}"
    return instead if word == secret else word


def _is_secret(field: FieldInfo | None) -> bool:
    from pydantic import SecretStr

    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))


def _options(job: Job, written: Mapping[str, Any], environment: Mapping[str, str]) -> Options:
    """The job's options, `${env:NAME}` replaced, secrets hidden from every log; raises `ConfigError` with all wrong."""
    from pydantic import SecretStr, ValidationError

    from muhurat.log import register_secret

    problems: list[ConfigProblem] = []

    def filled(value: str, option: str) -> str:
        def one(match: re.Match[str]) -> str:
            if match[1] not in environment:
                problems.append(ConfigProblem(option, f"{match[1]} is not set", "set it in .env or the environment"))
            value = environment.get(match[1], "")
            return filled(value, option) if match[1].startswith(_HIDDEN) else value

        return _SECRET.sub(one, value)

    values = {
        name: [filled(word, f"--{name}") for word in value] if isinstance(value, list) else filled(value, f"--{name}")
        for name, value in written.items()
    }
    if problems:
        raise ConfigError(problems, source=f"job {job.name}")
    try:
        options = job.options.model_validate(values)
    except ValidationError as error:
        wrong = [
            ConfigProblem("--" + ".".join(map(str, each["loc"])), each["msg"])
            for each in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigError(wrong, source=f"job {job.name}") from None
    for value in dict(options).values():
        if isinstance(value, SecretStr):
            register_secret(value.get_secret_value())
    return options


class _Shown:
    """The progress of a job: one line that rewrites itself in a terminal, one line for each thing done in a log."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._what = ""

    def __call__(self, done: int, total: int | None, what: str) -> None:
        if self._terminal:
            share = f" {100 * done // total} %" if total else ""
            print(f"\r\x1b[2K{what}{share}", end="", file=sys.stderr, flush=True)
        elif what != self._what:
            print(what, file=sys.stderr, flush=True)
        self._what = what

    def end(self) -> None:
        if self._terminal and self._what:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
