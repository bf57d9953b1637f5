"""The desk file: one readable YAML file that says what a desk is made of.

`load_desk` reads `desk.yaml`, lays overlays over it key by key, fills `${NAME}` from `.env` and the environment, and
returns a frozen `Desk`. Every mistake is reported at once, each with its dotted path and what to do about it. Names
that belong to registries (venues, strategies, store schemes, universes) are checked against the `Known` names that the
caller passes, so that this module needs to know none of them.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from muhurat.errors import ConfigError, ConfigProblem

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_EDGE: Final = re.compile(r"(\d{1,2}:\d{2}(:\d{2})?|(open|close)([+-]\d+(h|m|s))?)")

LATER_KEYS: Final = (
    "jobs",
    "optionchain",
    "notify",
    "callbacks",
    "data_retention",
    "venues.nse",
    "venues.binance",
    "venues.ibkr",
    "stores.chains",
    "stores.reference",
    "stores.cache",
    "stores.stream",
    "supervisor.timeouts.token_validation",
    "supervisor.retry.max_attempts",
    "supervisor.retry.urgent_alert_interval",
)
"""Keys of the full desk file that this version reads past; `muhurat check` names those it met."""


@dataclass(frozen=True, slots=True)
class Known:
    """The names that the desk file may use, by what they name."""

    venues: frozenset[str] = frozenset()
    strategies: frozenset[str] = frozenset()
    store_schemes: frozenset[str] = frozenset()
    universes: frozenset[str] = frozenset()


class Section(BaseModel):
    """A frozen mapping of the desk file that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def _known(value: str, names: frozenset[str], what: str) -> str:
    if names and value not in names:
        raise ValueError(f"unknown {what} {value!r}; known: {', '.join(sorted(names))}")
    return value


def _context(info: ValidationInfo) -> Known:
    return info.context["known"] if info.context else Known()


def _edge(value: str) -> str:
    if not _EDGE.fullmatch(value):
        raise ValueError(f"{value!r} is no time of a session; write 09:05, open-10m or close+5m")
    return value


class DeskSection(Section):
    """The desk itself. `clock` is a rehearsal's clock page, which counts as long as its conductor lives."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    data_dir: Path = Path("data")
    logs_dir: Path = Path("logs")
    run_dir: Path = Path("run")
    clock: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class CalendarSection(Section):
    """The calendar that opens and closes the desk's day."""

    mic: str = "XBOM"
    segment: str = "FO"
    overlays: tuple[Path, ...] = ()


class KiteSection(Section):
    """Zerodha Kite Connect; the defaults are the real addresses (facts: Kite Connect v3)."""

    api_key: str = ""
    api_secret: str = Field(default="", repr=False)
    token_file: Path = Path("config/api_configs/zerodha_token.json")
    root: str = "https://api.kite.trade"
    ticker: str = "wss://ws.kite.trade"
    login: str = "https://kite.zerodha.com"


class VenuesSection(Section):
    kite: KiteSection | None = Field(default=None, validate_default=False)

    @field_validator("*", mode="before")
    @classmethod
    def _empty_means_defaults(cls, value: Any) -> Any:
        return {} if value is None else value


class FeedSection(Section):
    """One recorded stream: whose, of which instruments, in which mode, from when until when."""

    venue: str
    universe: str
    mode: Literal["full", "quote", "ltp"] = "full"
    strikes: int = Field(default=5, ge=0, le=100)
    start: str = "09:05"
    stop: str = "close+5m"
    publish: str | None = None

    @field_validator("venue")
    @classmethod
    def _venue(cls, value: str, info: ValidationInfo) -> str:
        return _known(value, _context(info).venues, "venue")

    @field_validator("universe")
    @classmethod
    def _universe(cls, value: str, info: ValidationInfo) -> str:
        if value.endswith(".json"):
            return value
        return _known(value, _context(info).universes, "universe")

    _edges = field_validator("start", "stop")(_edge)


class StoresSection(Section):
    """Where things are kept, as URLs; the embedded stores need no server."""

    ticks: str = "parquet:///./data/ticks"

    @field_validator("ticks")
    @classmethod
    def _scheme(cls, value: str, info: ValidationInfo) -> str:
        scheme, colon, _ = value.partition("://")
        if not colon:
            raise ValueError(f"{value!r} is no store URL; write for example parquet:///./data/ticks")
        _known(scheme, _context(info).store_schemes, "store")
        return value


class IndicatorSection(Section):
    ema_short_period: int = Field(default=10, ge=1)
    ema_long_period: int = Field(default=20, ge=2)
    ema_tightness_threshold: float = Field(default=51, gt=0)
    proximity_threshold: float = Field(default=21, gt=0)
    premium_deviation_threshold: float = Field(default=15, gt=0)
    premium_confirmation: bool = True
    min_signal_strength: float = Field(default=80, ge=0, le=100)
    minimum_bars: int = Field(default=20, ge=1)


class RiskSection(Section):
    max_daily_loss: Decimal = Field(default=Decimal(25000), gt=0)
    max_trades_per_day: int = Field(default=3, ge=0)
    max_consecutive_losses: int = Field(default=2, ge=1)
    risk_per_trade_percent: Decimal = Field(default=Decimal(2), gt=0, le=100)
    stop_loss_percent: Decimal = Field(default=Decimal(2), gt=0, le=100)
    target_percent: Decimal = Field(default=Decimal(4), gt=0)
    take_profit_points: float = Field(default=150, gt=0)
    premium_check: Literal["bar_close", "tick", "off"] = "bar_close"
    max_order_quantity: int = Field(default=1000, ge=1)
    max_order_value: Decimal = Field(default=Decimal(500000), gt=0)


class TradingSection(Section):
    mode: Literal["debug", "test", "live"] = "test"
    feed: str = "sensex_desk"
    paper_capital: Decimal = Field(default=Decimal(500000), gt=0)
    strategy: str = "ema_mean_reversion"
    indicators: IndicatorSection = IndicatorSection()
    risk_management: RiskSection = RiskSection()
    last_entry_time: time = time(15, 0)
    square_off_time: time = time(15, 20)

    @field_validator("strategy")
    @classmethod
    def _strategy(cls, value: str, info: ValidationInfo) -> str:
        return _known(value, _context(info).strategies, "strategy")


class HealthSection(Section):
    check_interval: float = Field(default=30, gt=0)
    memory_limit_mb: int = Field(default=2048, ge=16)


class TimeoutsSection(Section):
    process_shutdown: float = Field(default=15, gt=0)
    shutdown: float = Field(default=120, gt=0)
    start: float = Field(default=60, gt=0)


class RetrySection(Section):
    """Restarts: how long to wait at first and at most, and how many within how long are too many."""

    initial_delay: float = Field(default=0.5, ge=0)
    max_delay: float = Field(default=60, gt=0)
    burst: int = Field(default=5, ge=1)
    burst_window: float = Field(default=120, gt=0)
    healthy_after: float = Field(default=30, gt=0)


class SupervisorSection(Section):
    health: HealthSection = HealthSection()
    timeouts: TimeoutsSection = TimeoutsSection()
    retry: RetrySection = RetrySection()


class WebSection(Section):
    listen: str = "127.0.0.1:8787"

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        if not (host and colon and port.isdigit() and int(port) < 65536):
            raise ValueError(f"{value!r} is no address; write host:port, for example 127.0.0.1:8787")
        return value

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])


class Desk(Section):
    """One configured installation. Paths are absolute once loaded."""

    desk: DeskSection
    calendar: CalendarSection = CalendarSection()
    venues: VenuesSection = VenuesSection()
    feeds: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], FeedSection] = {}
    stores: StoresSection = StoresSection()
    trading: TradingSection | None = None
    supervisor: SupervisorSection = SupervisorSection()
    web: WebSection = WebSection()

    folder: Path = Field(default=Path(), exclude=True)
    source: Path = Field(default=Path("desk.yaml"), exclude=True)
    overlays: tuple[Path, ...] = Field(default=(), exclude=True)
    unread_keys: tuple[str, ...] = Field(default=(), exclude=True)

    def path(self, relative: Path | str) -> Path:
        """A path of the desk file, which starts at the desk's folder."""
        return (self.folder / relative).resolve() if self.folder != Path() else Path(relative)

    @property
    def data_dir(self) -> Path:
        return self.path(self.desk.data_dir)

    @property
    def logs_dir(self) -> Path:
        return self.path(self.desk.logs_dir)

    @property
    def run_dir(self) -> Path:
        return self.path(self.desk.run_dir)


_NOT_WRITTEN: Final = ("folder", "source", "overlays", "unread_keys")


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
    desk = desk_from(raw, known=known, variables={**_read_dotenv(source.parent / ".env"), **base}, source=str(source))
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
    filling.problems += [
        ConfigProblem(name, "unknown key") for name in _NOT_WRITTEN if tree.pop(name, None) is not None
    ]
    try:
        desk = Desk.model_validate(tree, context={"known": known or Known()})
    except ValidationError as error:
        problems = [_problem(dict(entry)) for entry in error.errors(include_url=False)]
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
    trading = desk.trading
    if trading and trading.feed not in desk.feeds:
        names = ", ".join(sorted(desk.feeds)) or "none"
        problems.append(ConfigProblem("trading.feed", f"no feed is called {trading.feed!r}", f"feeds: {names}"))
    if trading and trading.indicators.ema_short_period >= trading.indicators.ema_long_period:
        problems.append(ConfigProblem("trading.indicators", "ema_short_period must be smaller than ema_long_period"))
    return problems


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


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name and not name.startswith("#"):
            values[name.strip()] = value.strip().strip("\"'")
    return values


def _problem(error: dict[str, Any]) -> ConfigProblem:
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
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    shown = "" if kind == "value_error" or isinstance(given, dict) else f", not {given!r}"
    return ConfigProblem(path, message[:1].lower() + message[1:] + shown)


def _keys_beside(location: Sequence[Any]) -> list[str]:
    model: Any = Desk
    for part in location[:-1]:
        fields = getattr(model, "model_fields", None)
        annotation = fields[part].annotation if fields and part in fields else None
        model = _section_in(annotation) if annotation is not None else model
    return [name for name in getattr(model, "model_fields", {}) if model is not Desk or name not in _NOT_WRITTEN]


def _section_in(annotation: Any) -> Any:
    if get_origin(annotation) is None:
        return annotation
    sections = [part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, Section)]
    return sections[0] if sections else annotation
