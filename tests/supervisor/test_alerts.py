"""What should reach a person."""

from __future__ import annotations

from pathlib import Path

from muhurat.clock import ManualClock
from muhurat.supervisor.alerts import Alerts, read_alerts


def test_alerts_are_read_back_in_order_with_indian_time(tmp_path: Path) -> None:
    alerts = Alerts(tmp_path, ManualClock(1_756_785_600_000_000_000))
    alerts.raise_("warning", "recorder: exit code 1", "")
    alerts.raise_("critical", "given up", "look at its log")
    assert read_alerts(tmp_path) == [
        {"at": "2025-09-02T09:30:00+05:30", "level": "warning", "what": "recorder: exit code 1", "hint": ""},
        {
            "at": "2025-09-02T09:30:00+05:30",
            "level": "critical",
            "what": "given up",
            "hint": "look at its log",
        },
    ]
    assert [alert["level"] for alert in read_alerts(tmp_path, newest=1)] == ["critical"]


def test_the_same_alert_again_is_not_repeated(tmp_path: Path) -> None:
    alerts = Alerts(tmp_path, ManualClock())
    for _ in range(3):
        alerts.raise_("warning", "same", "")
    assert len(read_alerts(tmp_path)) == 1


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read_alerts(tmp_path) == []
