"""From a desk file, its overlays, `.env` and the environment to a `Desk`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from muhurat.config.complaints import problem_of
from muhurat.config.feed_logs import feed_log
from muhurat.config.section import Known
from muhurat.config.sections import NOT_WRITTEN, Desk
from muhurat.config.streams import streams_of
from muhurat.errors import ConfigError, ConfigProblem

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

LATER_KEYS: Final = (
    "optionchain",
    "notify.telegram",
    "callbacks",
    "venues.binance",
    "venues.ibkr",
    "stores.chains",
    "supervisor.timeouts.token_validation",
    "supervisor.retry.max_attempts",
    "supervisor.retry.urgent_alert_interval",
)
"""Keys of the full desk file that this version reads past; `muhurat check` names those it met."""


@dataclass(slots=True)
class _Variables:
    """Values for `${NAME}`, and the names that had none."""

    values: Mapping[str, str]
    problems: list[ConfigProblem] = field(default_factory=list)

    def fill(self, node: Any, path: str) -> Any:
        if isinstance(node, dict):
            return {key: self.fill(value, f"{path}.{key}" if path else str(key)) for key, value in node.items()}
        if isinstance(node, list):
            return [self.fill(value, f"{path}[{index}]") for index, value in enumerate(node)]
        if isinstance(node, str):
            return _VARIABLE.sub(lambda match: self._value(match[1], path), node)
        return node

    def _value(self, name: str, path: str) -> str:
        if name in self.values:
            return self.values[name]
        self.problems.append(ConfigProblem(path, f"${{{name}}} is not set", f"set {name} in .env or the environment"))
        return ""


def load_desk(
    source: Path,
    overlays: Sequence[Path] = (),
    *,
    known: Known | None = None,
    environment: Mapping[str, str] | None = None,
) -> Desk:
    """Read a desk file with its overlays; raises `ConfigError` with every problem found."""
    raw: dict[str, Any] = {}
    for path in (source, *overlays):
        raw = _laid_over(raw, _read_yaml(path))
    base = os.environ if environment is None else environment
    desk = desk_from(raw, known=known, variables={**read_dotenv(source.parent / ".env"), **base}, source=str(source))
    return desk.model_copy(
        update={
            "folder": source.resolve().parent,
            "source": source.resolve(),
            "overlays": tuple(path.resolve() for path in overlays),
        }
    )


def desk_from(
    raw: Mapping[str, Any],
    *,
    known: Known | None = None,
    variables: Mapping[str, str] | None = None,
    source: str = "desk file",
) -> Desk:
    """The desk that a mapping of sections describes; raises `ConfigError` with every problem found."""
    tree = dict(raw)
    unread = tuple(key for key in LATER_KEYS if _take(tree, key.split(".")))
    filling = _Variables(variables or {})
    tree = filling.fill(tree, "")
    filling.problems += [ConfigProblem(name, "unknown key") for name in NOT_WRITTEN if tree.pop(name, None) is not None]
    try:
        desk = Desk.model_validate(tree, context={"known": known or Known()})
    except ValidationError as error:
        problems = [problem_of(dict(entry)) for entry in error.errors(include_url=False)]
        unset = {problem.path for problem in filling.problems}
        raise ConfigError(
            filling.problems + [problem for problem in problems if problem.path not in unset], source=source
        ) from None
    problems = filling.problems + _cross_checks(desk)
    if problems:
        raise ConfigError(problems, source=source)
    return desk.model_copy(update={"unread_keys": unread})


def _cross_checks(desk: Desk) -> list[ConfigProblem]:
    problems = []
    for name, feed in desk.feeds.items():
        if getattr(desk.venues, feed.venue, None) is None:
            problems.append(
                ConfigProblem(f"feeds.{name}.venue", f"there is no section venues.{feed.venue}", "add it, even empty")
            )
    for name, other, stream in _shared(streams_of(desk)):
        problem = f"{stream!r} is the stream of {other} already"
        problems.append(ConfigProblem(f"feeds.{name}.publish", problem, "a stream holds one feed: name another"))
    for name, other, log in _shared({name: feed_log(desk, name) for name in desk.feeds}):
        problem = f"{log!r} is the log of {other} already"
        problems.append(ConfigProblem(f"feeds.{name}.log", problem, "a log holds one feed: name another"))
    trading = desk.trading
    if trading and trading.feed not in desk.feeds:
        names = ", ".join(sorted(desk.feeds)) or "none"
        problems.append(ConfigProblem("trading.feed", f"no feed is called {trading.feed!r}", f"feeds: {names}"))
    if trading and trading.indicators.ema_short_period >= trading.indicators.ema_long_period:
        problems.append(ConfigProblem("trading.indicators", "ema_short_period must be smaller than ema_long_period"))
    return problems


def _shared(names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Feeds whose name for something another feed has already: that feed, the other one, and the name."""
    first: dict[str, str] = {}
    for feed, name in sorted(names.items()):
        other = first.setdefault(name, feed)
        if other != feed:
            yield feed, other, name


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            [ConfigProblem(str(path), "there is no such file", "make one with `muhurat init`, or name it with --desk")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([ConfigProblem(str(path), f"cannot be read: {error}")]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        reason = getattr(error, "problem", None) or str(error)
        raise ConfigError([ConfigProblem(where, f"not YAML: {reason}")]) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError([ConfigProblem(str(path), "must be a mapping of sections")])
    return loaded


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _laid_over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _take(tree: dict[str, Any], keys: Sequence[str]) -> bool:
    """Remove a nested key; tells whether it was there. Copies what it changes, so overlays stay as read."""
    first, rest = keys[0], keys[1:]
    if first not in tree:
        return False
    if not rest:
        del tree[first]
        return True
    if not isinstance(tree[first], dict):
        return False
    tree[first] = dict(tree[first])
    return _take(tree[first], rest)


def read_dotenv(path: Path) -> dict[str, str]:
    """The names and values of a `.env` file; none when there is no such file."""
    if not path.is_file():
        return {}
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name and not name.startswith("#"):
            values[name.strip()] = value.strip().strip("\"'")
    return values
