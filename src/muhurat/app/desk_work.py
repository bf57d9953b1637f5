"""The desk's own parts, as far as jobs use them; see `jobs.desk_work.DeskWork`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from muhurat.app.desk import kite
from muhurat.app.instruments import choose_instruments
from muhurat.app.quality import quality_report, write_quality
from muhurat.app.reporting import day_report, write_report
from muhurat.clock import NS_PER_S, Clock, to_ns
from muhurat.config import Desk
from muhurat.errors import VenueError

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S: Final = 10.0


class DeskWork:
    """What jobs may have done by this desk."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    def prepare_universe(self, *, again: bool) -> dict[str, int]:
        return choose_instruments(self._desk, self._clock, again=again)

    def write_report(self, day: date) -> tuple[bool, str, Sequence[Path]]:
        report = day_report(self._desk, day)
        written = write_report(self._desk, report)
        wrong = [f"{check['name']}: {check['detail']}" for check in report["checks"] if not check["ok"]]
        told = "; ".join(wrong) or f"{len(report['trades'])} trades, net {report['pnl']:,.2f} rupees"
        return not wrong, told, written

    def write_quality(self, day: date, progress: Callable[[str], None]) -> tuple[dict[str, Any], str, Path]:
        from muhurat.capture.quality.report import summary

        report = quality_report(self._desk, day, progress)
        return report, summary(report), write_quality(self._desk, report)

    def venue_clock_offset_s(self) -> float:
        """Against the `Date` of Kite's answer, which counts whole seconds, taken at the middle of the round trip."""
        before_ns = self._clock.now_ns()
        told = _get(kite(self._desk).root).headers.get("Date")
        middle_ns = (before_ns + self._clock.now_ns()) // 2
        if told is None:
            raise VenueError(f"{kite(self._desk).root} sent no Date", hint="compare the clock by hand")
        half_a_second = NS_PER_S // 2
        return (middle_ns - to_ns(parsedate_to_datetime(told)) - half_a_second) / NS_PER_S

    def public_ip(self) -> tuple[str, str] | None:
        chosen = self._desk.jobs.public_ip if self._desk.jobs else None
        return None if chosen is None else (_address(_get(chosen.ask).text, chosen.ask), chosen.registered)

    def limits(self) -> str | None:
        trading = self._desk.trading
        if trading is None:
            return None
        risk = trading.risk_management
        return (
            f"{risk.max_trades_per_day} trades, daily loss {risk.max_daily_loss:,.0f}, "
            f"order at most {risk.max_order_quantity} units or {risk.max_order_value:,.0f} rupees"
        )


def _address(answer: str, url: str) -> str:
    """The IP address that an answer is; raises `VenueError` for anything else, such as an error page."""
    try:
        return str(ip_address(answer.strip()))
    except ValueError:
        hint = "correct jobs.public_ip.ask in the desk file"
        raise VenueError(f"{url} answers {answer.strip()[:40]!r}, which is no address", hint=hint) from None


def _get(url: str) -> httpx.Response:
    import httpx

    try:
        return httpx.get(url, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise VenueError(
            f"{url} could not be asked: {error}", hint="check the network, then run the job again"
        ) from error
