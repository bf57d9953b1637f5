"""Real processes and a real container are watched: measured, kept as series, and told of once when they are down."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from muhurat.clock import SystemClock
from muhurat.errors import ConfigError, ConfigProblem, StoreError
from muhurat.jobs.library import process_monitor
from muhurat.jobs.monitor.base import Sample, Watched
from muhurat.jobs.monitor.containers import ContainerProbe
from muhurat.jobs.monitor.monitor import Parts, ProcessMonitor
from muhurat.jobs.monitor.processes import ProcessProbe
from muhurat.jobs.process import Monitored
from muhurat.notify.base import Channel, Message
from muhurat.notify.email import EmailChannel
from muhurat.stores.base import Cache
from muhurat.stores.registry import open_cache
from tests.jobs.library.tools import tools_in

if TYPE_CHECKING:
    from tests.servers.docker import MariaDbContainer


class Inbox:
    def __init__(self) -> None:
        self.subjects: list[str] = []
        self.bodies: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.subjects.append(mail["Subject"])
        self.bodies.append(mail.get_content())
        return "250 OK"


class Entries:
    """A registry that a test changes."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.broken = False

    def entries(self) -> Sequence[Monitored]:
        if self.broken:
            raise ConfigError([ConfigProblem("process_monitor", "is wrong")])
        return [Monitored(f"The {name}", name) for name in self.names]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    found = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    found.channel = EmailChannel(f"smtp://127.0.0.1:{port}", "m@desk.in", ("you@desk.in",), 5)  # type: ignore[attr-defined]
    yield found
    controller.stop()


@pytest.fixture
def parts(tmp_path: Path, inbox: Inbox) -> Iterator[Parts]:
    clock = SystemClock()
    cache = open_cache("sqlite:///./cache.db", base=tmp_path, clock=clock)
    containers = ContainerProbe({"DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"})
    channel: Channel = inbox.channel  # type: ignore[attr-defined]
    yield Parts(clock, cache, tmp_path / "run", Entries(), ProcessProbe(), containers, channel)
    containers.close()
    cache.close()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts `python feed_worker.py`, a process as a desk has them."""
    script = tmp_path / "feed_worker.py"
    script.write_text("print('up', flush=True)\nimport sys\nsys.stdin.read()\n")
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def test_one_mail_for_each_time_a_process_is_down(
    parts: Parts, inbox: Inbox, worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = worker()
    monitor = ProcessMonitor(replace(parts, watched=Entries("feed_worker.py")))
    sample = monitor.round()["feed_worker.py"]
    assert (sample.running, sample.kind, sample.pid) == (True, "process", process.pid)
    assert sample.memory_bytes is not None
    assert sample.memory_bytes > 1_000_000
    assert sample.started_ns is not None
    assert abs(sample.started_ns - parts.clock.now_ns()) < 60e9
    assert sample.read_bytes is not None
    assert inbox.subjects == []

    stop(process)
    for _ in range(3):
        assert not monitor.round()["feed_worker.py"].running
    assert inbox.subjects == ["[Muhurat] The feed_worker.py is not running"]
    assert "no process and no container of that name" in inbox.bodies[0]

    again = worker()
    assert monitor.round()["feed_worker.py"].pid == again.pid
    assert len(inbox.subjects) == 1
    stop(again)
    monitor.round()
    assert len(inbox.subjects) == 2


def test_the_series_is_readable_from_the_cache(parts: Parts, worker: Callable[[], subprocess.Popen[bytes]]) -> None:
    process = worker()
    monitor = ProcessMonitor(replace(parts, watched=Entries("feed_worker.py")))
    monitor.round()
    stop(process)
    monitor.round()
    points = [json.loads(point) for _, point in parts.cache.series("monitor:feed_worker.py")]
    assert [point["running"] for point in points] == [True, False]
    assert points[0]["pid"] == process.pid
    assert {"cpu_percent", "memory_bytes", "read_bytes", "written_bytes", "started_ns"} <= set(points[0])


def test_a_monitor_that_is_restarted_does_not_tell_again(parts: Parts, inbox: Inbox) -> None:
    for _ in range(2):
        ProcessMonitor(replace(parts, watched=Entries("nobody_at_all"))).round()
    assert len(inbox.subjects) == 1
    alerts = (parts.run_dir / "alerts.jsonl").read_text().splitlines()
    assert len(alerts) == 1
    assert json.loads(alerts[0])["level"] == "critical"


def test_a_mail_that_cannot_be_sent_is_sent_later_once(parts: Parts, inbox: Inbox) -> None:
    away = EmailChannel("smtp://127.0.0.1:1", "m@desk.in", ("you@desk.in",), 1)
    watched = Entries("nobody_at_all")
    ProcessMonitor(replace(parts, watched=watched, channel=away)).round()
    assert inbox.subjects == []
    monitor = ProcessMonitor(replace(parts, watched=watched))
    monitor.round()
    monitor.round()
    assert len(inbox.subjects) == 1


def test_what_is_watched_no_longer_has_no_incident(parts: Parts, inbox: Inbox) -> None:
    watched = Entries("nobody_at_all")
    monitor = ProcessMonitor(replace(parts, watched=watched))
    monitor.round()
    watched.names = ()
    monitor.round()
    watched.names = ("nobody_at_all",)
    monitor.round()
    assert len(inbox.subjects) == 2


def test_it_goes_on_without_cache_and_with_a_broken_registry(parts: Parts, inbox: Inbox) -> None:
    watched = Entries("nobody_at_all")
    monitor = ProcessMonitor(replace(parts, watched=watched, cache=Away()))  # type: ignore[arg-type]
    monitor.round()
    watched.broken = True
    assert list(monitor.round()) == ["nobody_at_all"]
    assert len(inbox.subjects) == 1


class Away:
    """A cache whose server is gone."""

    def append(self, *_: object, **__: object) -> None:
        raise StoreError("the Redis server 127.0.0.1:1 cannot be reached")


@pytest.mark.servers
def test_one_mail_for_a_container_that_is_stopped(
    parts: Parts, inbox: Inbox, mariadb_container: MariaDbContainer
) -> None:
    name = mariadb_container.name
    containers = ContainerProbe({"DOCKER_HOST": mariadb_container.engine.host})
    monitor = ProcessMonitor(replace(parts, watched=Entries(name), containers=containers))
    monitor.round()
    mariadb_container.query("SELECT BENCHMARK(3000000, MD5('busy'))")
    sample = monitor.round()[name]
    client = mariadb_container.engine.client()
    container = client.containers.get(name)
    assert (sample.running, sample.kind) == (True, "container")
    assert sample.pid == container.attrs["State"]["Pid"]
    assert sample.cpu_percent is not None
    assert sample.cpu_percent > 1
    assert sample.memory_bytes is not None
    assert sample.memory_bytes > 10_000_000
    assert sample.started_ns is not None
    assert abs(sample.started_ns - parts.clock.now_ns()) < 120e9

    container.pause()
    assert monitor.round()[name].detail == "paused"
    container.unpause()
    assert monitor.round()[name].running
    container.kill()
    container.wait()
    monitor.round()
    assert "exited with code 137" in monitor.round()[name].detail
    assert inbox.subjects == [f"[Muhurat] The {name} is not running"] * 2
    container.start()
    assert monitor.round()[name].running
    points = [json.loads(point)["running"] for _, point in parts.cache.series(f"monitor:{name}")]
    assert points == [True, True, False, True, False, False, True]
    containers.close()
    client.close()


class StrictEngine(BaseHTTPRequestHandler):
    """An engine that takes only what Docker 29 takes: API versions from 1.44 on."""

    def do_GET(self) -> None:
        version = self.path.split("/")[1]
        if version == "_ping":
            self.answer(200, b"OK")
        elif version in ("v1.44", "v1.52"):
            self.answer(200, b"[]")
        else:
            self.answer(400, b'{"message": "client version is too old. Minimum supported API version is 1.44"}')

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Api-Version", "1.52")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_an_engine_that_refuses_old_versions_is_asked_in_its_own() -> None:
    with HTTPServer(("127.0.0.1", 0), StrictEngine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        probe = ContainerProbe({"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_port}"})
        assert probe.look(["blitz_mysql"]) == {}
        probe.close()
        server.shutdown()


def test_it_runs_in_the_background_until_it_is_stopped(parts: Parts) -> None:
    three = threading.Event()
    rounds: list[Mapping[str, Sample]] = []

    def shown(samples: Mapping[str, Sample]) -> None:
        rounds.append(samples)
        if len(rounds) == 3:
            three.set()

    monitor = ProcessMonitor(parts, interval_s=0.02, shown=shown)
    monitor.start_monitoring()
    assert three.wait(10)
    monitor.stop_monitoring()
    made = len(rounds)
    assert len(parts.cache.series("monitor:x")) == 0
    assert len(rounds) == made


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ("feed_worker.py", "{python} {folder}/feed_worker.py"),
        ("feed_worker.py", "{python} -u {folder}/feed_worker.py --desk x"),
        ("feed_worker.py --desk", "{python} {folder}/feed_worker.py --desk x"),
        ("my_daemon", "{folder}/my_daemon 60"),
    ],
)
def test_a_process_is_found_by_what_a_person_calls_it(tmp_path: Path, wanted: str, line: str) -> None:
    (tmp_path / "feed_worker.py").write_text("import sys; sys.stdin.read()")
    (tmp_path / "my_daemon").symlink_to("/bin/sleep")
    command = line.format(python=sys.executable, folder=tmp_path).split()
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            assert ProcessProbe().look([wanted])[wanted].pid == process.pid
        finally:
            process.kill()


def test_a_file_that_somebody_reads_is_not_a_process(tmp_path: Path) -> None:
    log = tmp_path / "quiet_service.py"
    log.touch()
    with subprocess.Popen(["tail", "-f", str(log)], stdout=subprocess.DEVNULL) as reader:
        try:
            assert ProcessProbe().look(["quiet_service.py"]) == {}
        finally:
            reader.kill()


def test_the_job_looks_once_and_names_what_is_down(tmp_path: Path) -> None:
    with tools_in(tmp_path) as tools:
        tools.put(Watched, Entries("nobody_at_all"))
        done = process_monitor.run(process_monitor.ProcessMonitorOptions(once=True), tools)
        assert done.note == "0 of 1 are running; down: nobody_at_all"
        assert len(tools.get(Cache).series("monitor:nobody_at_all")) == 1


def test_the_job_ends_on_sigterm(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with tools_in(tmp_path) as tools:
        tools.put(Watched, Entries())
        tools.put(Channel, Quiet())
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        try:
            done = process_monitor.run(process_monitor.ProcessMonitorOptions(interval_s=0.05), tools)
        finally:
            timer.join()
            signal.signal(signal.SIGTERM, before[0])
            signal.signal(signal.SIGINT, before[1])
    assert done.facts["rounds"] >= 2


class Quiet:
    def send(self, message: Message) -> None:
        raise AssertionError(f"nothing is to be told: {message}")
