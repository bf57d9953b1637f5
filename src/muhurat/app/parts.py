"""The concrete part behind each contract of a job; every function is called at most once in a job's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muhurat.app.desk import kite, kite_rest, token_file
from muhurat.clock import Clock
from muhurat.config import Desk
from muhurat.jobs.base import JobError

if TYPE_CHECKING:
    from muhurat.capture.archive import Rules
    from muhurat.notify.base import Channel
    from muhurat.stores.base import Cache, ReferenceStore
    from muhurat.venues.base import InstrumentSource
    from muhurat.venues.bse.base import BseFiles
    from muhurat.venues.ftp.base import FtpFetcher
    from muhurat.venues.kite.rest import KiteRest
    from muhurat.venues.nse.base import NseApi, NseFiles
    from muhurat.venues.nse.extranet_base import Extranet


def reference_store(desk: Desk, clock: Clock) -> ReferenceStore:
    from muhurat.stores.registry import open_reference_store

    return open_reference_store(desk.stores.reference, base=desk.folder)


def cache(desk: Desk, clock: Clock) -> Cache:
    from muhurat.stores.registry import open_cache

    return open_cache(desk.stores.cache, base=desk.folder, clock=clock)


def account(desk: Desk, clock: Clock) -> KiteRest:
    """Kite with the desk's session: account, quotes, portfolio."""
    return kite_rest(desk, clock)


def instrument_source(desk: Desk, clock: Clock) -> InstrumentSource:
    from muhurat.venues.kite.instruments import KiteInstruments

    return KiteInstruments(kite(desk).root, token_file(desk).read)


def channel(desk: Desk, clock: Clock) -> Channel:
    """Where mail goes; raises `JobError` when the desk tells nobody."""
    from muhurat.notify.email import EmailChannel

    chosen = desk.notify.email
    if chosen is None:
        raise JobError("the desk has no section notify.email", hint="add smtp and to, so that somebody is told")
    return EmailChannel(chosen.smtp, chosen.sender, chosen.to, chosen.timeout, clock=clock)


def nse_files(desk: Desk, clock: Clock) -> NseFiles:
    from muhurat.venues.nse.archives import open_nse_files

    return open_nse_files(desk.venues.nse, clock)


def nse_api(desk: Desk, clock: Clock) -> NseApi:
    from muhurat.venues.nse.api import open_nse_api

    return open_nse_api(desk.venues.nse, clock)


def extranet(desk: Desk, clock: Clock) -> Extranet:
    from muhurat.venues.nse.extranet import ExtranetClient

    chosen = desk.venues.nse
    return ExtranetClient(
        chosen.extranet, clock, requests_per_second=chosen.requests_per_second, timeout_s=chosen.timeout
    )


def bse_files(desk: Desk, clock: Clock) -> BseFiles:
    from muhurat.venues.bse.files import BseClient

    chosen = desk.venues.bse
    return BseClient(chosen.www, clock, requests_per_second=chosen.requests_per_second, timeout_s=chosen.timeout)


def ftp_fetcher(desk: Desk, clock: Clock) -> FtpFetcher:
    from muhurat.venues.ftp.client import FtpClient

    return FtpClient(clock)


def archive_rules(desk: Desk, clock: Clock) -> Rules:
    """How long the desk keeps what it recorded."""
    from muhurat.capture.archive import Rules

    kept = desk.data_retention
    return Rules(
        journals=desk.data_dir / "raw_ticks",
        bundles=desk.data_dir / "archive",
        hot_days=kept.hot_storage_days,
        archive_days=kept.archive_retention_days,
        log_days=kept.log_retention_days,
        kinds=kept.bundles,
    )
