"""The forecast of a disk: at which rate it fills, when it is full, and that a person hears of it before."""

from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.capture import disk_forecast
from muhurat.capture.disk_forecast import DiskForecast
from muhurat.clock import NS_PER_S, ManualClock
from tests.capture.support import HOUR_NS, NINE

GB = 10**9


class Disk:
    """A disk of which the test says how much is free."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int, **settings: float) -> None:
        self.free: int | OSError = free
        self.clock = ManualClock(NINE)
        self.written = 0
        monkeypatch.setattr(disk_forecast, "free_bytes", self._asked)
        closes_ns = NINE + round(settings.pop("closes_h", 6) * HOUR_NS)
        self.forecast = DiskForecast(Path("/data"), self.clock, closes_ns=closes_ns, **settings)
        self.forecast.look(0)

    def _asked(self, directory: Path) -> int:
        if isinstance(self.free, OSError):
            raise self.free
        return self.free

    def write(self, minutes: int, per_hour: float, elsewhere: float = 0.0) -> None:
        """So many minutes at a rate, while others write too."""
        for _ in range(minutes * 6):
            self.clock.advance(10)
            self.written += round(per_hour / 360)
            assert isinstance(self.free, int)
            self.free -= round((per_hour + elsewhere) / 360)
            self.forecast.look(self.written)

    def says(self) -> str:
        trouble = self.forecast.trouble()
        return f"{trouble['level']}: {trouble['what']}" if trouble else ""


def test_a_large_disk_is_no_trouble_and_its_hours_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, 101 * GB)
    disk.write(60, GB)
    facts = disk.forecast.facts()
    assert facts["free_bytes"] == pytest.approx(100 * GB, rel=1e-3)
    assert facts["bytes_per_hour"] == pytest.approx(GB, rel=1e-3)
    assert facts["hours_left"] == pytest.approx(100, rel=1e-2)
    assert disk.says() == ""


def test_one_that_is_full_before_the_session_has_ended_and_an_hour_more_is_told_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk(monkeypatch, 8 * GB)
    disk.write(60, GB)  # 7 GB for 5 hours and one more
    assert disk.says() == ""
    disk.write(15, 3 * GB)
    assert disk.says() == "warning: the disk of /data will be full in about 2.1 h at the present rate"
    disk.write(80, 3 * GB)
    assert disk.says().startswith("critical: the disk of /data will be full in about 0.8 h")


def test_what_others_write_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, 20 * GB)
    disk.write(20, GB, elsewhere=9 * GB)
    assert disk.forecast.facts()["bytes_per_hour"] == pytest.approx(10 * GB, rel=1e-2)
    assert disk.says().startswith("warning")


def test_in_a_rehearsal_what_others_write_in_real_time_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, 20 * GB)
    disk.clock.advance(10)
    disk.free = 10 * GB
    disk.written = GB // 3600 * 20
    disk.clock.set(NINE + 1200 * NS_PER_S)
    disk.forecast.look(disk.written)
    disk.clock.advance(10)
    disk.forecast.look(disk.written)
    assert (disk.forecast.facts()["bytes_per_hour"] or 0) <= GB


def test_too_little_room_is_told_whatever_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, 4 * GB, least_free_bytes=5 * GB)
    assert disk.says() == "warning: only 4.0 GB are free on the disk of /data"
    assert disk.forecast.facts()["hours_left"] is None


def test_a_disk_that_cannot_be_asked_is_an_alert_and_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, 100 * GB)
    disk.write(5, GB)
    disk.free = OSError(5, "Input/output error")
    disk.clock.advance(10)
    disk.forecast.look(disk.written)
    assert disk.forecast.facts()["trouble"] == disk.forecast.trouble()
    assert disk.says() == "critical: the free space of /data cannot be asked: Input/output error"
    facts = disk.forecast.facts()
    assert (facts["free_bytes"], facts["hours_left"], facts["error"]) == (None, None, "Input/output error")
    disk.free = 100 * GB
    disk.clock.advance(10)
    disk.forecast.look(disk.written)
    assert disk.says() == ""


def test_the_real_disk_is_asked(tmp_path: Path) -> None:
    forecast = DiskForecast(tmp_path, ManualClock(NINE))
    forecast.look(0)
    assert forecast.facts()["free_bytes"] > 0
    missing = DiskForecast(tmp_path / "gone", ManualClock(NINE))
    missing.look(0)
    trouble = missing.trouble()
    assert trouble is not None
    assert "No such file" in trouble["what"]
