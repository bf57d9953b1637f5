"""Running a rehearsed day: the simulator, the desk, the watching, the end, the report."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from muhurat import app
from muhurat.cli.rehearsal.plan import Plan, plan, write_desk
from muhurat.cli.rehearsal.progress import Progress, progress, what_happens
from muhurat.cli.rehearsal.verdict import judge
from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage, SimulatedClock, ist
from muhurat.config import Desk
from muhurat.errors import MuhuratError
from muhurat.heartbeat import read_heartbeats
from muhurat.supervisor.supervisor import supervisor_lives
from muhurat.web.status import desk_status

__all__ = ["Plan", "Rehearsal", "plan"]

_READY_WITHIN_S: Final = 60.0
_END_WITHIN_S: Final = 90.0
_LOOK_EVERY_S: Final = 0.2
_UNSUPERVISED_S: Final = 8.0
_RESTING: Final = frozenset({"waiting", "finished", "stopped", "fatal"})


class Rehearsal:
    """One run of `muhurat demo`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._started = time.monotonic()
        self._supervisors = 0
        self._unsupervised_since: float | None = None

    def run(self, *, keep: bool, report_to: Path | None) -> bool:
        """Run the day to its end and report; returns whether it was sound."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        with ExitStack() as stack:
            simulator = stack.enter_context(_EndedWithUs(self._start_simulator()))
            told = _first_line(simulator)
            page = ClockPage(Path(told["clock"]))
            os.environ[ENVIRONMENT_VARIABLE] = told["clock"]
            clock = SimulatedClock(page)
            urls = told["urls"]
            write_desk(self._plan, urls, _secrets(urls))
            desk = app.open_desk(self._plan.desk_file)
            _write_token(desk, urls)
            self._start_supervisor(stack)
            self._wait_for_page(desk, simulator)
            httpx.put(f"{urls['kite']}/_sim/clock", json={"paused": False}, timeout=10).raise_for_status()
            with progress(self._plan, f"http://{desk.web.listen}") as shown:
                self._watch(desk, clock, simulator, stack, shown)
                shown.finish()
            report = self._report(desk, urls, report_to)
            if keep:
                _wait_for_interrupt(desk)
        return bool(report["ok"])

    def _start_simulator(self) -> subprocess.Popen[bytes]:
        chosen = self._plan
        arguments = [
            *("sim", "--at", f"{ist(chosen.begin_ns):%Y-%m-%dT%H:%M}"),
            *("--until", f"{ist(chosen.end_ns):%Y-%m-%dT%H:%M}"),
            *("--speed", str(chosen.speed), "--seed", str(chosen.seed), "--clock", str(chosen.clock_page), "--paused"),
        ]
        if chosen.candles is not None:
            arguments += ["--candles", str(chosen.candles)]
        return self._spawn(arguments, "simulator")

    def _start_supervisor(self, stack: ExitStack) -> None:
        stack.enter_context(_EndedWithUs(self._spawn(["up", "--desk", str(self._plan.desk_file)], "up")))
        self._supervisors += 1

    def _spawn(self, arguments: list[str], name: str) -> subprocess.Popen[bytes]:
        with (self._plan.folder / "logs" / f"{name}_output.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "muhurat", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if name == "simulator" else output,
                stderr=output,
                start_new_session=True,
            )

    def _wait_for_page(self, desk: Desk, simulator: subprocess.Popen[bytes]) -> None:
        """Time stands still until the page answers, so that nobody misses the start of the day."""
        limit = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < limit:
            self._still_alive(simulator)
            states = {row["name"]: row["state"] for row in desk_status(desk.run_dir)["services"]}
            if states.get("web") == "running":
                return
            if states.get("web") == "fatal":
                break
            time.sleep(_LOOK_EVERY_S)
        raise MuhuratError("the page did not come up", hint=f"see {self._plan.folder}/logs")

    def _watch(
        self,
        desk: Desk,
        clock: SimulatedClock,
        simulator: subprocess.Popen[bytes],
        stack: ExitStack,
        shown: Progress,
    ) -> None:
        """Until desk time has reached the end and every service of the day has ended by itself or by its window."""
        limit: float | None = None
        all_day = {spec.name for spec in app.services(desk) if spec.window is None}
        while True:
            self._still_alive(simulator)
            self._keep_supervised(desk, stack)
            status = desk_status(desk.run_dir)
            trader = read_heartbeats(desk.run_dir).get("trader", {}).get("gauges", {})
            shown.show(clock.now_ns(), what_happens(status, trader))
            if clock.now_ns() >= self._plan.end_ns:
                limit = limit or time.monotonic() + _END_WITHIN_S
                resting = all(row["state"] in _RESTING for row in status["services"] if row["name"] not in all_day)
                if resting or time.monotonic() > limit:
                    return
            time.sleep(_LOOK_EVERY_S)

    def _keep_supervised(self, desk: Desk, stack: ExitStack) -> None:
        """Do what systemd does in earnest: start the next supervisor when one has died and nobody else did."""
        if supervisor_lives(desk.run_dir):
            self._unsupervised_since = None
            return
        now = time.monotonic()
        self._unsupervised_since = now if self._unsupervised_since is None else self._unsupervised_since
        if now - self._unsupervised_since > _UNSUPERVISED_S:
            self._unsupervised_since = None
            self._start_supervisor(stack)

    def _report(self, desk: Desk, urls: dict[str, str], report_to: Path | None) -> dict[str, Any]:
        stats = httpx.get(f"{urls['kite']}/_sim/stats", timeout=10).raise_for_status().json()
        collected = app.day_report(desk, self._plan.day)
        real_s = time.monotonic() - self._started
        trading = desk.data_dir / "trading" / f"{self._plan.day:%Y%m%d}"
        report = judge(collected, stats, self._plan, trading, supervisors=self._supervisors, real_s=real_s)
        written = app.write_report(desk, report)
        if report_to is not None:
            report_to.parent.mkdir(parents=True, exist_ok=True)
            report_to.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        app.print_report(report, written)
        return report

    def _still_alive(self, simulator: subprocess.Popen[bytes]) -> None:
        if simulator.poll() is not None:
            raise MuhuratError(
                f"the simulator ended early, with exit code {simulator.returncode}",
                hint=f"see {self._plan.folder}/logs/simulator_output.log",
            )


class _EndedWithUs:
    """Ends a process politely when the block is left, by force when it does not listen."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self._process

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _leave(number: int, _frame: object) -> None:
    """End like Ctrl-C does: by the way out, on which everything that was started is ended."""
    raise SystemExit(128 + number)


def _first_line(simulator: subprocess.Popen[bytes]) -> dict[str, Any]:
    stream = simulator.stdout
    if stream is None or not select.select([stream], [], [], _READY_WITHIN_S)[0]:
        raise MuhuratError("the simulator did not come up", hint="see logs/simulator_output.log")
    line = stream.readline()
    if not line:
        raise MuhuratError("the simulator ended at its start", hint="see logs/simulator_output.log")
    told: dict[str, Any] = json.loads(line)
    return told


def _secrets(urls: dict[str, str]) -> dict[str, str]:
    """The simulated venues' obvious fakes, as a person would put their own into `.env`."""
    extranet, ftp = (_session(urls[name].partition("/extranet-api")[0]) for name in ("connect2nse", "ftp_sim"))
    return {
        "NSE_MEMBER_CODE": extranet["member_code"],
        "NSE_LOGIN_ID": extranet["login_id"],
        "NSE_ENCRYPTED_PASSWORD": extranet["encrypted_password"],
        "FTP_HOST": str(urlsplit(urls["ftp"]).hostname),
        "FTP_PORT": str(urlsplit(urls["ftp"]).port),
        "FTP_USER": ftp["user"],
        "FTP_PASSWORD": ftp["password"],
    }


def _session(root: str) -> dict[str, str]:
    """A ready session of a simulated venue."""
    told: dict[str, str] = httpx.get(f"{root}/_sim/session", timeout=10).raise_for_status().json()
    return told


def _write_token(desk: Desk, urls: dict[str, str]) -> None:
    """Log in: the simulator hands out a session as the morning's login would."""
    app.save_token(desk, _session(urls["kite"]))


def _wait_for_interrupt(desk: Desk) -> None:
    print(f"\nThe page stays up at http://{desk.web.listen} until Ctrl-C.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()
