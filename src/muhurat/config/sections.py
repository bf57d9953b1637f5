"""The sections of the desk file: what may be written, with every default."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from muhurat.config.recording import FeedSection, RetentionSection, StoresSection
from muhurat.config.section import Edge, Section, TimeOfDay, known_name, known_names, plain_name

NOT_WRITTEN: Final = ("folder", "source", "overlays", "unread_keys")
"""Fields of `Desk` that say where it came from; they are no keys of the file."""


class DeskSection(Section):
    """The desk itself. `clock` is a rehearsal's clock page, which counts as long as its conductor lives. With less than
    `least_free_gb` on the disk of `data_dir` the desk warns."""

    name: str
    data_dir: Path = Path("data")
    logs_dir: Path = Path("logs")
    run_dir: Path = Path("run")
    clock: Path | None = None
    least_free_gb: float = Field(default=5.0, ge=0)

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    _plain_name = field_validator("name")(plain_name)


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
        return known_name(value, known_names(info).strategies, "strategy")


class HealthSection(Section):
    check_interval: float = Field(default=30, gt=0)
    memory_limit_mb: int = Field(default=2048, ge=16)


class PhaseSection(Section):
    """When a day's half begins, and by when it has to be done; an edge as of a feed: 08:00, close+10m."""

    at: Edge
    deadline: Edge | None = None


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
    path_map: dict[str, Path] = Field(default_factory=dict)
    public_ip: PublicIpSection | None = None


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
    feeds: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], FeedSection] = Field(default_factory=dict)
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
