"""A desk with the feed `sso_xvenue` as processes: the simulated Kite, the recorder, and the universe's job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from muhurat.clock import NS_PER_S
from muhurat.heartbeat import read_heartbeats

FEED = "sso_xvenue"
_DESK = f"""
desk: {{ name: crawler }}
venues: {{ kite: {{}} }}
feeds: {{ {FEED}: {{ venue: kite, universe: sso_xvenue }} }}
"""


class XvenueDesk:
    """A desk folder and the processes that work in it; `at` is the instant (Indian time) the rehearsal begins at."""

    def __init__(self, folder: Path, at: str, seed: int) -> None:
        self.folder = folder
        self.file = folder / "desk.yaml"
        self.overlay = folder / "overlay.yaml"
        self.file.write_text(_DESK)
        arguments = ("--at", at, "--seed", str(seed), "--paused", "--overlay", str(self.overlay))
        self._simulator = subprocess.Popen(
            [*_MUHURAT, "sim", "kite", *arguments], stdout=subprocess.PIPE, text=True, cwd=folder
        )
        assert self._simulator.stdout is not None
        ready = json.loads(self._simulator.stdout.readline())
        self.root = ready["urls"]["kite"]
        self.environment = {**os.environ, "MUHURAT_CLOCK": ready["clock"]}
        self._recorder: subprocess.Popen[bytes] | None = None
        token = folder / "config" / "api_configs" / "zerodha_token.json"
        token.parent.mkdir(parents=True)
        token.write_text(json.dumps(self.ask("session")))

    def run(self, *arguments: str) -> str:
        """Run a command of the desk to its end; its standard output."""
        desk = ("--desk", str(self.file), "--overlay", str(self.overlay))
        done = subprocess.run(
            [*_MUHURAT, *arguments, *desk],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_recorder(self) -> None:
        """Start the recorder; returns when it carries all its instruments."""
        desk = ("--desk", str(self.file), "--overlay", str(self.overlay))
        self._recorder = subprocess.Popen(
            [*_MUHURAT, "capture", "run", *desk], env=self.environment, stdout=subprocess.DEVNULL
        )
        until(lambda: self.facts().get("state") == "connected" and self.facts()["packets"] > 0)

    def stop_recorder(self) -> None:
        """End the recorder as the supervisor does."""
        assert self._recorder is not None
        self._recorder.send_signal(signal.SIGTERM)
        assert self._recorder.wait(20) == 0

    def facts(self) -> dict[str, Any]:
        """The feed's gauges in the recorder's heartbeat."""
        beats = read_heartbeats(self.folder / "run")
        found: dict[str, Any] = beats.get("recorder", {}).get("gauges", {}).get("feeds", {}).get(FEED, {})
        return found

    def ask(self, what: str, method: str = "GET", **body: Any) -> dict[str, Any]:
        """A request below the simulator's `/_sim`."""
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self.root}/_sim/{what}", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def now_ns(self) -> int:
        """The desk's present instant."""
        return int(self.ask("clock")["now_ns"])

    def let_time_pass(self, real_s: float, speed: float) -> None:
        """Let the simulator's day go on for a while, then stand still."""
        self.ask("clock", "PUT", paused=False, speed=speed)
        time.sleep(real_s)

    def let_desk_time_pass(self, desk_s: float, speed: float) -> None:
        """Let so much of the simulator's day pass; a busy machine takes longer over it, at most three times as long."""
        end_ns = self.now_ns() + round(desk_s * NS_PER_S)
        self.let_time_pass(desk_s / speed, speed)
        until(lambda: self.now_ns() >= end_ns, limit_s=30 + 2 * desk_s / speed)

    def stand_still(self) -> None:
        """Stop desk time; returns when all that was sent on connections that still are has been read."""
        self.ask("clock", "PUT", paused=True)
        until(self._all_read)

    def _all_read(self) -> bool:
        open_ones = [each for each in self.ask("stats")["by_connection"] if each["closed_ns"] is None]
        return all(each["packets"] == each["acknowledged"] for each in open_ones)

    def end(self) -> None:
        """End what still runs."""
        for process in (self._recorder, self._simulator):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        if self._simulator.stdout is not None:
            self._simulator.stdout.close()


@contextmanager
def xvenue_desk(folder: Path, at: str, seed: int) -> Iterator[XvenueDesk]:
    """A desk whose processes end with the block."""
    desk = XvenueDesk(folder, at, seed)
    try:
        yield desk
    finally:
        desk.end()


def until(condition: Callable[[], object], limit_s: float = 30.0) -> None:
    """Wait for a condition; fails after `limit_s` real seconds."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.05)


_MUHURAT = (sys.executable, "-m", "muhurat")
