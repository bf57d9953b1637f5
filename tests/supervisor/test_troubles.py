"""What services say should reach a person becomes an alert, once while it lasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from muhurat.clock import ManualClock
from muhurat.supervisor.alerts import Alerts, read_alerts
from muhurat.supervisor.troubles import Troubles

LOGIN = {"name": "login desk", "level": "critical", "what": "login needed", "hint": "muhurat login"}


class Hearing:
    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.clock = ManualClock()
        self.troubles = Troubles(Alerts(run_dir, self.clock), self.clock)

    def hear(self, *troubles: dict[str, str], after_s: float = 1.0) -> list[str]:
        self.clock.advance(after_s)
        self.troubles.hear("recorder", {"gauges": {"troubles": list(troubles)}})
        return [alert["what"] for alert in read_alerts(self.run_dir)]


def test_a_trouble_is_alerted_once_however_often_it_is_said(tmp_path: Path) -> None:
    hearing = Hearing(tmp_path)
    for _ in range(1000):
        told = hearing.hear(LOGIN)
    assert told == ["login needed"]
    assert read_alerts(tmp_path)[0]["level"] == "critical"
    assert read_alerts(tmp_path)[0]["hint"] == "muhurat login"


def test_one_whose_words_change_is_the_same(tmp_path: Path) -> None:
    hearing = Hearing(tmp_path)
    hearing.hear(LOGIN)
    assert hearing.hear(LOGIN | {"what": "login needed, still"}) == ["login needed"]


def test_one_that_comes_back_after_ten_minutes_is_a_new_one(tmp_path: Path) -> None:
    hearing = Hearing(tmp_path)
    other = LOGIN | {"name": "disk", "what": "the disk will be full"}
    hearing.hear(LOGIN)
    hearing.hear(other, after_s=590)
    assert hearing.hear(LOGIN, after_s=5) == ["login needed", "the disk will be full"]
    hearing.hear(other, after_s=500)
    assert hearing.hear(LOGIN, after_s=700) == ["login needed", "the disk will be full", "login needed"]


def test_a_service_without_troubles_or_gauges_raises_none(tmp_path: Path) -> None:
    hearing = Hearing(tmp_path)
    empty: dict[str, Any] = {}
    hearing.troubles.hear("recorder", empty)
    assert hearing.hear() == []


def test_one_that_could_not_be_told_is_told_as_soon_as_it_can_be(tmp_path: Path) -> None:
    hearing = Hearing(tmp_path / "run")
    for _ in range(20):
        assert hearing.hear(LOGIN) == []
    hearing.run_dir.mkdir()
    told = [hearing.hear(LOGIN) for _ in range(60)]
    assert told[0] == []
    assert told[-1] == ["login needed"]
