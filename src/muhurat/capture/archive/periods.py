"""Days, weeks and months of bundles."""

from __future__ import annotations

from datetime import date, timedelta

from muhurat.capture.archive.base import BundleKind


def period_of(kind: BundleKind, day: date) -> str:
    """The period of a day: 2026-11-20, 2026-W47 (from Monday on) or 2026-11."""
    if kind == "daily":
        return day.isoformat()
    if kind == "weekly":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return f"{day:%Y-%m}"


def last_day(kind: BundleKind, period: str) -> date:
    """The last day of a period."""
    if kind == "daily":
        return date.fromisoformat(period)
    if kind == "weekly":
        year, _, week = period.partition("-W")
        return date.fromisocalendar(int(year), int(week), 7)
    first = date.fromisoformat(f"{period}-01")
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
