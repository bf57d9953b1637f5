"""The Muhurat hour of 2025, rehearsed with real processes: sound, repeatable, and hard to kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from muhurat.clock import ClockPage
from tests.day.conftest import MUHURAT_SESSION, Day, made_candles, muhurat, run_demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SERVICES = {"web", "jobs", "checker", "monitor", "recorder", "limits", "decode", "trader"}
SHORT = ("--date", MUHURAT_SESSION, "--speed", "300", "--seed", "5")


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_candles(tmp_path_factory.mktemp("candles") / "made")


@pytest.fixture(scope="module")
def day(candles: Path, tmp_path_factory: pytest.TempPathFactory) -> Day:
    return run_demo(tmp_path_factory.mktemp("first") / "desk", *SHORT, "--candles", str(candles))


def test_the_day_is_sound(day: Day) -> None:
    assert day.code == 0, day.output
    assert day.report["ok"] is True
    feed = day.report["feeds"]["sensex_desk"]
    assert feed["sent"] == feed["received"] == feed["rows"] > 5000
    assert (feed["gaps"], feed["reconnects"]) == (0, 0)
    assert day.report["index_bars"] == 20


def test_the_bars_of_the_captured_ticks_are_the_candles_that_the_day_was_made_of(day: Day) -> None:
    (check,) = [check for check in day.report["checks"] if "source candles" in check["name"]]
    assert check["ok"], check["detail"]
    assert check["detail"] == "60 bars compared"
    assert day.report["modelled"] is True, "the other strikes have no candles"


def test_the_report_says_what_others_build_on(day: Day) -> None:
    wanted = {"ok", "date", "speed", "duration_s", "feeds", "bars", "trades", "charges", "pnl", "jobs", "services"}
    assert wanted <= day.report.keys()
    assert day.report["date"] == MUHURAT_SESSION
    assert {row["name"] for row in day.report["services"]} == SERVICES
    assert (day.folder / "data" / "reports" / f"{MUHURAT_SESSION}.html").exists()


def test_a_second_run_with_the_same_seed_gives_the_same_report(day: Day, candles: Path, tmp_path: Path) -> None:
    again = run_demo(tmp_path / "desk", *SHORT, "--candles", str(candles))
    assert again.code == 0, again.output
    assert _lasting(again.report) == _lasting(day.report)


def test_the_recorded_inputs_played_again_give_the_same_decisions(day: Day) -> None:
    log = day.folder / "data" / "trading" / MUHURAT_SESSION.replace("-", "") / "input.jsonl"
    assert muhurat("trade", "--replay", str(log)).returncode == 0


def test_the_desk_that_is_left_serves_the_other_commands(day: Day) -> None:
    desk = str(day.folder / "desk.yaml")
    status = json.loads(muhurat("status", "--desk", desk, "--json").stdout)
    assert {row["name"] for row in status["services"]} == SERVICES
    sql = "SELECT (SELECT count(*) FROM ticks_full) + (SELECT count(*) FROM ticks_quote) AS n"
    (row,) = [json.loads(line) for line in muhurat("ticks", "sql", sql, "--desk", desk, "--json").stdout.splitlines()]
    assert row["n"] == day.report["feeds"]["sensex_desk"]["rows"]
    verified = muhurat("journal", "verify", str(day.folder / "data" / "raw_ticks" / "sensex_desk"), "--json")
    assert verified.returncode == 0
    assert json.loads(verified.stdout)["torn_bytes"] == 0


def test_nothing_is_left_running(day: Day) -> None:
    mine = str(day.folder)
    left = [p.pid for p in psutil.process_iter(["cmdline"]) if any(mine in part for part in p.info["cmdline"] or ())]
    assert left == []


def test_kill_the_supervisor_then_the_recorder_and_nothing_that_was_recorded_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    demo = _started(folder)
    up: subprocess.Popen[bytes] | None = None
    try:
        _wait_for_packets(folder, 500)
        before = _pids(folder)
        os.kill(_supervisor_pid(folder), signal.SIGKILL)
        assert all(psutil.pid_exists(pid) for pid in before.values())
        up = subprocess.Popen([sys.executable, "-m", "muhurat", "up", "--desk", str(folder / "desk.yaml")])
        end = time.monotonic() + 10
        while _supervisor_pid(folder) != up.pid or not _settled(folder, before):
            assert time.monotonic() < end, f"{_pids(folder)} instead of {before} after 10 s"
            time.sleep(0.05)
        _wait_until_time_goes_on(folder)
        recorder = _wait_for_packets(folder, 2000)
        assert recorder == before["recorder"]
        os.kill(recorder, signal.SIGKILL)
        assert demo.wait(200) == 1, "a day with a gap is not sound"
    finally:
        if up is not None:
            up.terminate()
            up.wait(60)
        demo.terminate()
        demo.wait(60)
    report = json.loads(folder.with_suffix(".json").read_text())
    feed = report["feeds"]["sensex_desk"]
    assert feed["gaps"] >= 1
    assert feed["received"] == feed["rows"]
    assert feed["gap_list"][-1]["reason"] == "the recorder was down"
    assert {row["name"]: row["restarts"] for row in report["services"]}["recorder"] == 1
    verified = muhurat("journal", "verify", str(folder / "data" / "raw_ticks" / "sensex_desk"), "--json")
    document = json.loads(verified.stdout)
    assert (verified.returncode, document["torn_bytes"], document["damaged"]) == (0, 0, [])
    assert document["gaps"]


def _lasting(report: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "volatile"}


def _started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    told = folder.with_suffix(".json")
    command = [sys.executable, "-m", "muhurat", "demo", "--dir", str(folder), "--json", str(told), *SHORT, *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _wait_for_packets(folder: Path, packets: int) -> int:
    """The recorder's pid, once it has recorded that many packets."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            said = json.loads((folder / "run" / "recorder.status.json").read_text())
        except FileNotFoundError:
            said = {"gauges": {"feeds": {}}}
        if sum(feed["packets"] for feed in said["gauges"]["feeds"].values()) >= packets:
            return int(said["pid"])
        time.sleep(0.05)
    raise AssertionError("the recorder recorded nothing")


def _wait_until_time_goes_on(folder: Path) -> None:
    """While the new supervisor starts what is due, desk time stands still, and a death would leave no gap in it."""
    page = ClockPage(folder / "run" / "clock")
    end, then_ns = time.monotonic() + 20, page.now_ns
    while page.held() or page.now_ns == then_ns:
        assert time.monotonic() < end, "desk time stands still"
        time.sleep(0.05)


def _pids(folder: Path) -> dict[str, int]:
    said = json.loads((folder / "run" / "supervisor.status.json").read_text())
    return {row["name"]: row["pid"] for row in said["gauges"]["services"] if row["pid"]}


def _supervisor_pid(folder: Path) -> int:
    return int(json.loads((folder / "run" / "supervisor.status.json").read_text())["pid"])


def _settled(folder: Path, before: dict[str, int]) -> bool:
    """Every service of before is adopted, or gone."""
    now = _pids(folder)
    return all(now.get(name) == pid or not psutil.pid_exists(pid) for name, pid in before.items())
