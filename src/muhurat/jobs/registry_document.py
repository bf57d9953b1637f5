"""What may be written in `process.json`: every key, its kind and its default. The published schema is made of this."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from muhurat.errors import ConfigProblem
from muhurat.jobs.registry_text import at, shown

EDGE: Final = r"^(([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?|(open|close)([+-]\d{1,5}[hms])?)$"
MISSING: Final = "is missing"
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Scalar = str | bool | int | float | None
Value = Scalar | list[str | bool | int | float]
Edge = Annotated[str, Field(pattern=EDGE, examples=["09:00", "close+10m"])]
Text = Annotated[str, Field(min_length=1, max_length=120)]
Written = Annotated[str, Field(min_length=1, max_length=4000)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ProcessEntry(_Entry):
    """One process: a job of the package, or a script of yours."""

    title: Text = Field(description="Its name on the page. In lower case with underscores it is its name in commands.")
    process_type: Literal["BOD", "EOD"] = Field(description="The half of the day it belongs to.")
    order: int = Field(
        ge=0, le=1_000_000, description="Its place in the list; of the processes that could begin, the lowest begins."
    )
    is_active: bool = Field(default=True, description="Whether it runs when its half of the day runs.")
    application_path: Written = Field(
        description="What runs: `builtin:<job>`, `${base_path}` and a script in it, or the full path of a script.",
        examples=["builtin:db_backup", "${base_path}\\copy_files_src_dst.py", "/srv/desk/jobs/copy_span.py"],
    )
    parameter: dict[str, Value] = Field(
        default={},
        description="Arguments: `--key value`; a list gives `--key a b`, true `--key`; false and null are left out. "
        "`${env:NAME}` stands for a secret, `${base_path}` for the folder above, full Windows paths are mapped.",
    )
    depends_on: list[Text] = Field(default=[], description="Titles or names of processes that must be done before.")
    timeout_s: float = Field(default=600, gt=0, description="After so many seconds an attempt is stopped.")
    retries: int = Field(default=2, ge=0, le=100, description="How often it is tried again where that can help.")
    not_before: Edge | None = Field(default=None, description="It does not begin before: 08:45, open-10m, close+15m.")
    deadline: Edge | None = Field(default=None, description="It has to be done by: 09:00, open-5m, close+2h.")
    on_failure: Literal["block", "warn"] | None = Field(
        default=None, description="Whether a failure keeps the trader from new positions [the job's own; block]."
    )
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        default=[], description="The weekdays on which it runs [every day with a session]."
    )
    run_on_holidays: bool = Field(default=False, description="Whether it also runs on days without a session.")
    for_session: Literal["today", "previous"] | None = Field(
        default=None, description="Whose data it is about: today's session or the one before [the job's own; today]."
    )
    idempotent: bool | None = Field(
        default=None, description="Whether it may run again after it was cut off [the job's own; true]."
    )


class MonitoredEntry(_Entry):
    """One process or container that `process_monitor` watches."""

    title: Text = Field(description="How people call it.")
    process: Written = Field(description="A process's or a container's name, or a part of its command line.")


class Document(_Entry):
    """The processes of a desk's day."""

    schema_: str | None = Field(default=None, alias="$schema", description="For editors; not read.")
    base_path: Written | None = Field(
        default=None,
        description="The folder that `${base_path}` stands for.",
        examples=["C:\\Users\\desk\\Desktop\\QXT\\1 New Blitz Projects\\Backend\\QX.ProcessManager\\utils"],
    )
    path_map: dict[Written, Written] = Field(
        default={},
        description="Beginnings of Windows paths and where they lie on this machine; wins over the desk file's.",
        examples=[{"C:\\Users\\desk\\Desktop\\QXT": "/srv/qxt"}],
    )
    processes: list[ProcessEntry] = Field(description="The day's processes.")
    process_monitor: list[MonitoredEntry] = Field(default=[], description="What `process_monitor` watches.")


def checked(model: type[BaseModel], raw: Any, path: str, problems: list[ConfigProblem]) -> Any:
    """The entry that `raw` is, its problems added to `problems`.

    An entry with problems is read without the keys that have them, so that the rest is looked at too; None when the
    rest says too little.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
    found: dict[str, ConfigProblem] = {}
    for each in wrong:
        problem = _problem(model, dict(each), path)
        found.setdefault(problem.path, problem)
    problems += found.values()
    try:
        return model.model_validate(_without(raw, [each["loc"] for each in wrong]))
    except ValidationError:
        return None


def _without(raw: Any, locations: Sequence[tuple[int | str, ...]]) -> Any:
    """What is left of an entry without what is wrong in it; an order can be anything then."""
    if not isinstance(raw, dict):
        return raw
    left = {"order": 0, **raw} if "title" in raw else dict(raw)
    for key, *inner in locations:
        value = left.get(str(key))
        if key == "parameter" and inner and isinstance(value, dict):
            left[str(key)] = {name: kept for name, kept in value.items() if name != inner[0]}
        elif key == "order":
            left["order"] = 0
        else:
            left.pop(str(key), None)
    return left


def nearest(word: str, words: Sequence[str]) -> str:
    """A hint that names the nearest of some words, or all of them."""
    near = difflib.get_close_matches(word.casefold(), {each.casefold(): each for each in words}, n=1, cutoff=0.5)
    if near:
        found = next(each for each in words if each.casefold() == near[0])
        return f"did you mean {found!r}?"
    return f"known: {', '.join(words)}"


def _problem(model: type[BaseModel], error: dict[str, Any], path: str) -> ConfigProblem:
    """One of pydantic's errors; the tags of unions among its location say nothing to a person."""
    location, kind = list(error["loc"]), error["type"]
    if "parameter" in location[:1] and len(location) > 1:
        return ConfigProblem(
            at(at(path, "parameter"), shown(str(location[1]))),
            "must be text, a number, true, false, null or a list of these",
        )
    if kind == "extra_forbidden":
        names = [field.alias or name for name, field in model.model_fields.items()]
        key = str(location[-1])
        return ConfigProblem(at(path, shown(key)), "unknown key", nearest(key, names))
    where = path
    for part in location:
        where = f"{where}[{part}]" if isinstance(part, int) else at(where, shown(str(part)))
    message, hint = _told(kind, error)
    return ConfigProblem(where or "the file", message, hint)


def _told(kind: str, error: dict[str, Any]) -> tuple[str, str]:
    given, context = error.get("input"), error.get("ctx", {})
    match kind:
        case "missing":
            return MISSING, "add it"
        case "int_type" | "int_from_float" | "float_type" | "bool_type":
            wanted = {"i": "a whole number", "f": "a number", "b": "true or false"}[kind[0]]
            quoted = isinstance(given, str) and re.fullmatch(r"[-\d.]+|true|false", given)
            return f"must be {wanted}{_not(given)}", "write it without quotes" if quoted else ""
        case "string_type":
            return f"must be text{_not(given)}", "write it in quotes" if isinstance(given, int | float) else ""
        case "list_type":
            return f"must be a list{_not(given)}", "write it in [ ]" if isinstance(given, str) else ""
        case "dict_type" | "model_type":
            return f"must be an object{_not(given)}", ""
        case "literal_error":
            words = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            near = nearest(given, words) if isinstance(given, str) else ""
            return f"must be one of {', '.join(words)}{_not(given)}", near if near.startswith("did") else ""
        case "string_pattern_mismatch":
            return f"{_quoted(given)} is no time of a session", "write 09:05, open-10m, close or close+5m"
        case "string_too_short":
            return "is empty", "write it, or leave the key out"
        case _:
            message = str(error["msg"]).removeprefix("Input ")
            return message[:1].lower() + message[1:] + _not(given), ""


def _not(given: Any) -> str:
    if isinstance(given, dict | list):
        return f", not {'an object' if isinstance(given, dict) else 'a list'}"
    return f", not {_quoted(given)}"


def _quoted(given: Any) -> str:
    words = {None: "null", True: "true", False: "false"}
    if given is None or isinstance(given, bool):
        return words[given]
    return f"'{shown(given)}'" if isinstance(given, str) else shown(str(given))
