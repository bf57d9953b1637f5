"""The sections of the desk file: what may be written, with every default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_EDGE: Final = re.compile(r"(\d{1,2}:\d{2}(:\d{2})?|(open|close)([+-]\d+(h|m|s))?)")

_STREAM_EXAMPLE: Final = "redis://host:6379/0"

NOT_WRITTEN: Final = ("folder", "source", "overlays", "unread_keys")
"""Fields of `Desk` that say where it came from; they are no keys of the file."""


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


def _quoted(value: Any) -> Any:
    """YAML reads an unquoted 15:00 as the number 900, which nobody means."""
    if isinstance(value, int | float):
        raise ValueError(f'{value!r} is no time of day; write it in quotes, as "15:00"')
    return value


TimeOfDay = Annotated[time, BeforeValidator(_quoted)]


class DeskSection(Section):
    """The desk itself. `clock` is a rehearsal's clock page, which counts as long as its conductor lives. With less than
    `least_free_gb` on the disk of `data_dir` the desk warns."""

    name: str
    data_dir: Path = Path("data")
    logs_dir: Path = Path("logs")
    run_dir: Path = Path("run")
    clock: Path | None = None
    least_free_gb: float = Field(default=5.0, ge=0)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"{value!r} is no name; use letters, digits, - and _, and begin with a letter or digit")
        return value

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


class NseSection(Section):
    """NSE's public hosts, and the members' extranet (facts: NSE, sections 1 to 8)."""

    www: str = "https://www.nseindia.com"
    archives: str = "https://nsearchives.nseindia.com"
    indices: str = "https://www.niftyindices.com"
    extranet: str = "https://www.connect2nse.com/extranet-api"
    requests_per_second: float = Field(default=3, gt=0)
    timeout: float = Field(default=30, gt=0)


class BseSection(Section):
    """BSE's public host."""

    www: str = "https://www.bseindia.com"
    requests_per_second: float = Field(default=3, gt=0)
    timeout: float = Field(default=30, gt=0)


class VenuesSection(Section):
    """Whom the desk talks to. The exchanges' public files need no account, so these two are always there."""

    kite: KiteSection | None = Field(default=None, validate_default=False)
    nse: NseSection = NseSection()
    bse: BseSection = BseSection()

    @field_validator("*", mode="before")
    @classmethod
    def _empty_means_defaults(cls, value: Any) -> Any:
        return {} if value is None else value


class FeedSection(Section):
    """One recorded stream: whose, of which instruments, in which mode, from when until when.

    `publish` names its stream in `stores.stream` when it is not the usual one; `none` keeps it out; `log`
    names its log.
    """

    venue: str
    universe: str
    mode: Literal["full", "quote", "ltp"] = "full"
    strikes: int = Field(default=5, ge=0, le=100)
    start: str = "09:05"
    stop: str = "close+5m"
    publish: str = ""
    publish_limit_mb: int = Field(default=256, ge=1)
    log: str | None = Field(default=None, pattern=_NAME.pattern)

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
    reference: str = "sqlite:///./data/reference.db"
    cache: str = "sqlite:///./data/cache.db"
    stream: str = "none"

    @field_validator("*")
    @classmethod
    def _scheme(cls, value: str, info: ValidationInfo) -> str:
        field = info.field_name or ""
        if value == cls.model_fields[field].default:
            return value
        scheme, colon, _ = value.partition("://")
        if not colon:
            example = _STREAM_EXAMPLE if field == "stream" else cls.model_fields[field].default
            raise ValueError(f"{value!r} is no store URL; write for example {example}")
        _known(scheme, _context(info).store_schemes.get(field, frozenset()), "store")
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
    last_entry_time: TimeOfDay = time(15, 0)
    square_off_time: TimeOfDay = time(15, 20)

    @field_validator("strategy")
    @classmethod
    def _strategy(cls, value: str, info: ValidationInfo) -> str:
        return _known(value, _context(info).strategies, "strategy")


class HealthSection(Section):
    check_interval: float = Field(default=30, gt=0)
    memory_limit_mb: int = Field(default=2048, ge=16)


class PhaseSection(Section):
    """When a day's half begins, and by when it has to be done; an edge as of a feed: 08:00, close+10m."""

    at: str
    deadline: str | None = None

    @field_validator("at", "deadline")
    @classmethod
    def _an_edge(cls, value: str | None) -> str | None:
        return value if value is None else _edge(value)


class PublicIpSection(Section):
    """The address that the broker has registered for orders, and a page that says from which address we come."""

    registered: str
    ask: str = "https://api.ipify.org"


class JobsSection(Section):
    """The day's jobs. `path_map` turns the beginnings of a registry's Windows paths into paths of this machine."""

    registry: Path = Path("process.json")
    bod: PhaseSection = PhaseSection(at="08:00", deadline="09:00")
    eod: PhaseSection = PhaseSection(at="close+10m")
    parallel: int = Field(default=6, ge=1, le=32)
    path_map: dict[str, Path] = {}
    public_ip: PublicIpSection | None = None


class RetentionSection(Section):
    """How many days things are kept, the present one counted: raw files, archives, logs; and which bundles are made.

    An archive is deleted only where a bundle holds it, unless there are to be none (`bundles: []`).
    """

    hot_storage_days: int = Field(default=1, ge=0, le=3650)
    archive_retention_days: int = Field(default=90, ge=1, le=36500)
    log_retention_days: int = Field(default=7, ge=1, le=3650)
    bundles: tuple[Literal["daily", "weekly", "monthly"], ...] = ("daily", "weekly", "monthly")

    @field_validator("archive_retention_days")
    @classmethod
    def _outlives_the_raw_files(cls, value: int, info: ValidationInfo) -> int:
        hot = info.data.get("hot_storage_days", 0)
        if value < hot:
            raise ValueError(f"{value} days are fewer than hot_storage_days, {hot}")
        return value


class EmailSection(Section):
    """Where mail is handed over, from whom and to whom: `smtp://user:password@host:587`, `smtps://host:465`."""

    smtp: str = Field(repr=False)
    to: tuple[str, ...] = Field(min_length=1)
    sender: str = "muhurat@localhost"
    timeout: float = Field(default=15, gt=0)


class NotifySection(Section):
    email: EmailSection | None = None


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

    @property
    def private(self) -> bool:
        """Whether only this machine can reach the page, which has no log-in."""
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"


class Desk(Section):
    """One configured installation. Paths are absolute once loaded."""

    desk: DeskSection
    calendar: CalendarSection = CalendarSection()
    venues: VenuesSection = VenuesSection()
    feeds: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], FeedSection] = {}
    stores: StoresSection = StoresSection()
    jobs: JobsSection | None = None
    trading: TradingSection | None = None
    notify: NotifySection = NotifySection()
    data_retention: RetentionSection = RetentionSection()
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
