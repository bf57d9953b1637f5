"""What pydantic found wrong, told as a person would: where, what, and the nearest known key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Final, get_args, get_origin

from muhurat.config.section import Section
from muhurat.config.sections import NOT_WRITTEN, Desk
from muhurat.errors import ConfigProblem

_PLAINER: Final = {
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of keys",
    "model_attributes_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "string_type": "must be a text",
    "string_pattern_mismatch": "a name has small letters, digits and _, and begins with a letter",
}
"""What pydantic words for programmers."""


def problem_of(error: dict[str, Any]) -> ConfigProblem:
    """One of pydantic's errors as a problem of the desk file."""
    kind = error["type"]
    location = [part for part in error["loc"] if part != "[key]" or kind == "extra_forbidden"]
    path = ".".join(str(part) or repr(part) for part in location)
    if kind == "extra_forbidden":
        names = _keys_beside(location)
        near = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(names))}"
        return ConfigProblem(path, "unknown key", hint)
    if kind == "missing":
        return ConfigProblem(path, "is missing", "add it")
    message = _PLAINER.get(kind) or str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    hidden = kind == "value_error" or isinstance(given, dict) or _is_secret(path)
    shown = "" if hidden else f", not {given!r}"
    return ConfigProblem(path, message[:1].lower() + message[1:] + shown)


def _is_secret(key: str) -> bool:
    return key.endswith(("_key", "_secret", "password"))


def _keys_beside(location: Sequence[Any]) -> list[str]:
    model: Any = Desk
    for part in location[:-1]:
        fields = getattr(model, "model_fields", None)
        annotation = fields[part].annotation if fields and part in fields else None
        model = _section_in(annotation) if annotation is not None else model
    return [name for name in getattr(model, "model_fields", {}) if model is not Desk or name not in NOT_WRITTEN]


def _section_in(annotation: Any) -> Any:
    if get_origin(annotation) is None:
        return annotation
    sections = [part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, Section)]
    return sections[0] if sections else annotation
