"""What every section of the desk file is made with: a frozen mapping, and the forms of its commonest values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_EDGE: Final = re.compile(r"(([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?|(open|close)([+-]\d+(h|m|s))?)")


@dataclass(frozen=True, slots=True)
class Known:
    """The names that the desk file may use, by what they name."""

    venues: frozenset[str] = frozenset()
    strategies: frozenset[str] = frozenset()
    store_schemes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    universes: frozenset[str] = frozenset()


class Section(BaseModel):
    """A frozen mapping of the desk file that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def known_name(value: str, names: frozenset[str], what: str) -> str:
    """The value, if it is one of the names; where none are known, any is."""
    if names and value not in names:
        raise ValueError(f"unknown {what} {value!r}; known: {', '.join(sorted(names))}")
    return value


def known_names(info: ValidationInfo) -> Known:
    """The names that the caller of the validation knows."""
    return info.context["known"] if info.context else Known()


def plain_name(value: str) -> str:
    """The value, if it can be a part of any file's name."""
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no name; use letters, digits, - and _, and begin with a letter or digit")
    return value


def _edge(value: str) -> str:
    if not _EDGE.fullmatch(value):
        raise ValueError(f"{value!r} is no time of a session; write 09:05, open-10m or close+5m")
    return value


def _quoted(value: Any) -> Any:
    """YAML reads an unquoted 15:00 as the number 900, which nobody means."""
    if isinstance(value, int | float):
        raise ValueError(f'{value!r} is no time of day; write it in quotes, as "15:00"')
    return value


TimeOfDay = Annotated[time, BeforeValidator(_quoted)]

Edge = Annotated[str, BeforeValidator(_quoted), AfterValidator(_edge)]
"""A moment of a session: 09:05, open-10m, close+5m."""
