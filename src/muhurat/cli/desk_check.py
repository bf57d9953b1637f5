"""Everything a desk needs, touched once: what `muhurat check` finds."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from muhurat import app
from muhurat.clock import Clock, ist
from muhurat.config import Desk, FeedSection, feed_log, streams_of
from muhurat.errors import ConfigError, ConfigProblem, MuhuratError
from muhurat.log import redact

Verdict = Literal["ok", "note", "wrong"]
_CONNECT_S: Final = 3.0
_ADAPTERS_S: Final = 15.0
"""A database that is new to the desk gets its tables first."""

_LOOKED_AT: Final = frozenset({"kite", "kite_ticker", "ticks"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    detail: str
    hint: str = ""

    def row(self) -> dict[str, Any]:
        return asdict(self)


def check(source: Path, overlays: Sequence[Path]) -> list[Finding]:
    """Look at a desk file and at everything it names; raises `ConfigError` when the file itself is wrong."""
    desk = app.open_desk(source, overlays)
    clock = app.clock_of(desk)
    feeds = f"{len(desk.feeds)} feed{'' if len(desk.feeds) == 1 else 's'}"
    findings = [Finding("desk file", "ok", f"{desk.desk.name}: {feeds}, {_mode(desk)}"), *_trading(desk)]
    if desk.unread_keys:
        told = ", ".join(desk.unread_keys)
        findings.append(Finding("keys of later versions", "note", told, "this version reads past them"))
    looks: list[tuple[str, Callable[[Desk, Clock], Finding]]] = [
        ("calendar", _calendar),
        ("folders", _folders),
        ("disk", _disk),
        ("tick store", _ticks),
        ("page", _page),
    ]
    if desk.venues.kite is not None:
        looks += [("kite token", _token), ("kite REST", _kite_rest), ("kite ticker", _kite_ticker)]
    looks += [(f"stream of {name}", partial(_stream, name)) for name in streams_of(desk)]
    findings += [_looked(what, look, desk, clock) for what, look in looks]
    return findings + _universe_files(desk) + _feed_logs(desk) + (_jobs(desk, clock) if desk.jobs is not None else [])


def wrong_key(problem: ConfigProblem) -> Finding:
    """A mistake in the desk file itself as a finding."""
    return Finding(problem.path, "wrong", problem.message, problem.hint)


def _looked(what: str, look: Callable[[Desk, Clock], Finding], desk: Desk, clock: Clock) -> Finding:
    try:
        return look(desk, clock)
    except MuhuratError as error:
        return Finding(what, "wrong", str(error), error.hint)


def _mode(desk: Desk) -> str:
    return f"trading mode {desk.trading.mode}" if desk.trading else "no trading"


def _trading(desk: Desk) -> list[Finding]:
    """What the trader would refuse to start for."""
    if desk.trading is None or desk.trading.mode != "live":
        return []
    hint = "`mode: test` trades the live feed on paper"
    return [Finding("trading.mode", "wrong", "live trading is not part of this version", hint)]


def _calendar(desk: Desk, clock: Clock) -> Finding:
    calendar, today = app.calendar_of(desk), ist(clock.now_ns()).date()
    session = calendar.session(today)
    hours = (
        f"{today} {calendar.why(today)}" if session is None else f"{today} {_hours(session.open_ns, session.close_ns)}"
    )
    soon = calendar.ends_soon(today)
    if soon:
        return Finding("calendar", "note", f"{hours}; {soon}", "add next year's dates: `muhurat calendar import`")
    return Finding("calendar", "ok", f"{hours}; data to {calendar.horizon()}")


def _hours(open_ns: int, close_ns: int) -> str:
    return f"open {ist(open_ns):%H:%M} to {ist(close_ns):%H:%M}"


def _folders(desk: Desk, clock: Clock) -> Finding:
    refused = []
    for folder in (desk.data_dir, desk.logs_dir, desk.run_dir):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            refused.append(f"{folder}: {error.strerror}")
            continue
        if not os.access(folder, os.W_OK):
            refused.append(f"{folder}: not writable")
    if refused:
        return Finding("folders", "wrong", "; ".join(refused), "give this user the right to write there")
    return Finding("folders", "ok", f"{desk.data_dir}, {desk.logs_dir} and {desk.run_dir} can be written")


def _disk(desk: Desk, clock: Clock) -> Finding:
    from muhurat.capture.disk_forecast import free_bytes

    least_gb = desk.desk.least_free_gb
    try:
        free_gb = free_bytes(desk.data_dir) / 1e9
    except OSError as error:
        return Finding("disk", "wrong", f"{desk.data_dir}: {error.strerror}", "correct desk.data_dir")
    if free_gb >= least_gb:
        return Finding("disk", "ok", f"{free_gb:,.1f} GB free")
    hint = "a day of 1,000 instruments takes about 3 GB raw; make room"
    return Finding("disk", "wrong", f"{free_gb:,.1f} GB free, less than desk.least_free_gb: {least_gb:g}", hint)


def _ticks(desk: Desk, clock: Clock) -> Finding:
    with app.tick_store(desk, clock) as store:
        parts = store.coverage()
    return Finding("tick store", "ok", f"{redact(desk.stores.ticks)}: {sum(part.rows for part in parts):,} ticks")


def _stream(feed: str, desk: Desk, clock: Clock) -> Finding:
    from muhurat.capture.publish_place import place_of

    stream = app.stream_of(desk, feed)
    try:
        state = stream.look()
        place_of(state, stream.name, desk.data_dir / "raw_ticks" / feed, feed)
    finally:
        stream.close()
    held = "is empty" if state.newest is None else "goes on"
    return Finding(f"stream of {feed}", "ok", f"{stream.name} {held}, at most {stream.limit_bytes // 1_000_000:,} MB")


def _page(desk: Desk, clock: Clock) -> Finding:
    address = desk.web.listen
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((desk.web.host, desk.web.port))
        except OSError as error:
            if _answers(desk.web.host, desk.web.port):
                return Finding("page", "note", f"something answers at {address} already", "fine if it is this desk")
            return Finding("page", "wrong", f"{address}: {error.strerror}", "change web.listen")
    if not desk.web.private:
        told = f"{address} is free; whoever reaches it can read the page, which has no log-in"
        return Finding("page", "note", told, "listen on 127.0.0.1, or let a proxy ask who comes")
    return Finding("page", "ok", f"{address} is free")


def _token(desk: Desk, clock: Clock) -> Finding:
    token = app.token_file(desk).read()
    token.check(clock.now_ns())
    until = f", good until {ist(token.expires_ns):%d %b %H:%M}" if token.expires_ns else ""
    return Finding("kite token", "ok", f"{token.user_id or 'user unknown'} from {token.source}{until}")


def _kite_rest(desk: Desk, clock: Clock) -> Finding:
    from muhurat.venues.kite.login import check_session

    profile = check_session(app.token_file(desk).read(), app.kite_rest(desk, clock), clock.now_ns())
    return Finding("kite REST", "ok", f"{app.kite(desk).root} accepts the session of {profile.user_id}")


def _kite_ticker(desk: Desk, clock: Clock) -> Finding:
    url = urlsplit(app.kite(desk).ticker)
    port = url.port or (443 if url.scheme == "wss" else 80)
    if _answers(str(url.hostname), port):
        return Finding("kite ticker", "ok", f"{url.hostname}:{port} answers")
    return Finding("kite ticker", "wrong", f"{url.hostname}:{port} cannot be reached", "check network and firewall")


def _universe_files(desk: Desk) -> list[Finding]:
    """Universes that are files, of the user's own or made by the job `prepare_universe`."""
    feeds = {name: feed for name, feed in desk.feeds.items() if feed.universe.endswith(".json")}
    return [_universe_file(f"universe of {name}", desk, feed) for name, feed in feeds.items()]


def _universe_file(what: str, desk: Desk, feed: FeedSection) -> Finding:
    from muhurat.capture.universe import load_universe

    path = desk.path(feed.universe)
    try:
        kind = app.universe_kind(desk, feed)
        if not path.exists() and kind is not None:
            return Finding(what, "ok", f"{path} is made by `prepare_universe`")
        instruments = len(load_universe(path).instruments) if path.exists() else None
    except MuhuratError as error:
        return Finding(what, "wrong", str(error), error.hint)
    if instruments is None:
        return Finding(what, "wrong", f"{path} does not exist", "make it, or name a built-in universe")
    if not instruments:
        return Finding(what, "wrong", f"{path} has no instruments", "without any nothing is recorded")
    return Finding(what, "ok", f"{path}: {instruments} instruments")


def _feed_logs(desk: Desk) -> list[Finding]:
    """Logs of feeds that would be written into the log of a service."""
    taken = {"supervisor", "universe", *(service.name for service in app.services(desk))}
    logs = {name: feed_log(desk, name) for name in desk.feeds}
    return [
        Finding(f"feeds.{name}.log", "wrong", f"{log}.log is the log of a service", "choose another name")
        for name, log in logs.items()
        if log in taken
    ]


def _jobs(desk: Desk, clock: Clock) -> list[Finding]:
    """The registry, and what the day's jobs talk to besides Kite and the ticks."""
    from muhurat.app.adapters import adapters
    from muhurat.jobs.adapters import ask_all

    sessions, findings = _registry(desk)
    skipped = _LOOKED_AT if "extranet" in sessions else _LOOKED_AT | {"connect2nse"}
    asked = [each for each in adapters(desk, clock).all if each.name not in skipped]
    for state in ask_all(asked, clock, _ADAPTERS_S):
        verdict: Verdict = "ok" if state.reachable else "wrong"
        detail = f"{state.address} answers" if state.reachable else f"{state.address}: {state.detail}"
        findings.append(Finding(state.name.replace("_", " "), verdict, detail, state.hint))
    return findings


def _registry(desk: Desk) -> tuple[frozenset[str], list[Finding]]:
    """`process.json`: whose sessions its active jobs want; and every mistake, or what its operator should know."""
    from muhurat.jobs.base import job_named
    from muhurat.jobs.registry import registry_file, warnings

    file = registry_file(desk)
    if file is None:
        return frozenset(), []
    try:
        registry = file.current()
    except ConfigError as error:
        return frozenset(), [
            Finding(f"{file.source.name} {each.path}", "wrong", each.message, each.hint) for each in error.problems
        ]
    active = sum(process.is_active for process in registry.processes)
    sound = Finding("registry", "ok", f"{registry.source}: {len(registry.processes)} processes, {active} active")
    noted = [Finding(f"{file.source.name} {each.path}", "note", each.message, each.hint) for each in warnings(registry)]
    sessions = {job_named(process.job).session for process in registry.processes if process.is_active and process.job}
    return frozenset(sessions), [sound, *noted]


def _answers(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=_CONNECT_S):
        return True
    return False
