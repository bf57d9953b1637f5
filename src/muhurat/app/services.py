"""What the desk file asks to be kept running."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from muhurat.app.desk import calendar_of, start
from muhurat.app.recording import decode_service_name
from muhurat.app.streams import publish_service_name
from muhurat.clock import ist
from muhurat.config import Desk, streams_of
from muhurat.errors import ConfigError

if TYPE_CHECKING:
    from muhurat.jobs.process import Registry
    from muhurat.supervisor.spec import ServiceSpec, Window
    from muhurat.supervisor.supervisor import Supervisor

SETTINGS_VARIABLE: Final = "MUHURAT_SETTINGS"
"""In a service's environment: which settings it was started with."""

_UNIVERSE_LEADS_S: Final = 1200
_DECODE_LINGERS_S: Final = 120
_PUBLISH_LINGERS_S: Final = 120
_TRADER_LINGERS_S: Final = 120


def supervisor(desk: Desk) -> Supervisor:
    """The supervisor of a desk's services, with its log set up."""
    from muhurat.supervisor.alerts import Alerts
    from muhurat.supervisor.supervisor import Supervisor

    clock = start("supervisor", desk)
    chosen = desk.supervisor
    soon = calendar_of(desk).ends_soon(ist(clock.now_ns()).date())
    if soon:
        desk.run_dir.mkdir(parents=True, exist_ok=True)
        Alerts(desk.run_dir, clock).raise_("warning", soon, "add next year's dates: `muhurat calendar import`")
    return Supervisor(
        services(desk),
        desk.run_dir,
        desk.logs_dir,
        clock,
        check_interval_s=chosen.health.check_interval,
        shutdown_s=chosen.timeouts.shutdown,
    )


def services(desk: Desk) -> list[ServiceSpec]:
    """What the desk file asks to be kept running, in the order of the day."""
    from muhurat.supervisor.spec import SessionWindow

    calendar = calendar_of(desk)
    found = [_service(desk, "web", ("web",), None, stays=True)]
    registry = _registry(desk)
    if desk.jobs is not None:
        found.append(_service(desk, "jobs", ("day", "serve"), None, stays=True))
        found.append(_service(desk, "checker", ("day", "watch"), None, stays=True))
    if registry is not None and registry.monitored:
        found.append(_service(desk, "monitor", ("job", "monitor"), None, stays=True))
    if desk.feeds:
        starts = tuple(feed.start for feed in desk.feeds.values())
        stops = tuple(feed.stop for feed in desk.feeds.values())
        recording = SessionWindow(calendar, starts, stops)
        if registry is None or not _chooses_instruments(registry):
            leading = replace(recording, lead_s=_UNIVERSE_LEADS_S)
            found.append(_service(desk, "universe", ("capture", "universe"), leading))
        found.append(_service(desk, "recorder", ("capture", "run"), recording, stays=True))
        found.append(_service(desk, "limits", ("capture", "limits"), recording, stays=True))
    for name, feed in desk.feeds.items():
        decoding = SessionWindow(calendar, (feed.start,), (feed.stop,), linger_s=_DECODE_LINGERS_S)
        found.append(
            _service(desk, decode_service_name(desk, name), ("capture", "decode", "--feed", name), decoding, stays=True)
        )
    for name in streams_of(desk):
        feed = desk.feeds[name]
        publishing = SessionWindow(calendar, (feed.start,), (feed.stop,), linger_s=_PUBLISH_LINGERS_S)
        verb = ("capture", "publish", "--feed", name)
        found.append(_service(desk, publish_service_name(desk, name), verb, publishing, stays=True))
    if desk.trading is not None and desk.trading.mode != "debug":
        feed = desk.feeds[desk.trading.feed]
        trading = SessionWindow(calendar, (feed.start,), (feed.stop,), linger_s=_TRADER_LINGERS_S)
        found.append(_service(desk, "trader", ("trade",), trading))
    return found


def _registry(desk: Desk) -> Registry | None:
    """The desk's registry as it is now; None without one, or while it is wrong, which the service `jobs` tells."""
    from muhurat.jobs.registry import registry_file

    source = registry_file(desk)
    try:
        return None if source is None else source.current()
    except ConfigError:
        return None


def _chooses_instruments(registry: Registry) -> bool:
    """Whether a job of the day does what the service `universe` does on a desk without."""
    return any(process.job == "prepare_universe" and process.is_active for process in registry.processes)


def _service(
    desk: Desk, name: str, verb: tuple[str, ...], window: Window | None, *, stays: bool = False
) -> ServiceSpec:
    from muhurat.supervisor.spec import Patience, ServiceSpec

    chosen = desk.supervisor
    overlays = tuple(part for overlay in desk.overlays for part in ("--overlay", str(overlay)))
    return ServiceSpec(
        name=name,
        command=(sys.executable, "-m", "muhurat", *verb, "--desk", str(desk.source), *overlays),
        window=window,
        environment={SETTINGS_VARIABLE: _digest(desk)},
        stays=stays,
        patience=Patience(
            start_s=chosen.timeouts.start,
            stop_s=chosen.timeouts.process_shutdown,
            first_delay_s=chosen.retry.initial_delay,
            longest_delay_s=chosen.retry.max_delay,
            burst=chosen.retry.burst,
            burst_window_s=chosen.retry.burst_window,
            healthy_after_s=chosen.retry.healthy_after,
        ),
        memory_limit_mb=chosen.health.memory_limit_mb,
    )


def _digest(desk: Desk) -> str:
    """Changes with any setting, so that the next supervisor does not take over a process that has the old ones."""
    return hashlib.sha256(desk.model_dump_json().encode()).hexdigest()[:16]
