"""Docker containers by name, asked of the engine's own API; `DOCKER_HOST` says which engine.

Docker Engine API from v1.41 on: `GET /containers/json?all=1`, `GET /containers/{id}/json`, `GET /containers/{id}/stats?
stream=0&one-shot=1` (https://docs.docker.com/reference/api/engine/version/v1.41/). The engine is spoken to in its own
newest version, which it tells in the header `Api-Version` of `GET /_ping`: engines refuse old ones (29: below 1.44).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from muhurat.clock import to_ns
from muhurat.errors import MuhuratError
from muhurat.jobs.monitor.base import Sample

if TYPE_CHECKING:
    import httpx

DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
_ANSWER_S: Final = 4.0


class NoEngine(MuhuratError):
    """The Docker engine does not answer."""

    permanent = False


class _Gone(MuhuratError):
    """The container has been removed since it was listed."""


class ContainerProbe:
    """Asks one engine; keeps its connection, and what CPU each container had used before."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._client: httpx.Client | None = None
        self._version = ""
        self._cpu: dict[str, tuple[int, int]] = {}

    def look(self, names: Sequence[str]) -> Mapping[str, Sample]:
        """The containers of these names, running or not; raises `NoEngine` when no engine answers."""
        listed = self._get("/containers/json", all="1")
        found: dict[str, Sample] = {}
        for container in listed:
            for name in {each.lstrip("/") for each in container["Names"]} & set(names):
                with suppress(_Gone):
                    found[name] = self._measured(container["Id"])
        return found

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _measured(self, container_id: str) -> Sample:
        state = self._get(f"/containers/{container_id}/json")["State"]
        if not state["Running"] or state["Paused"] or state.get("Restarting"):
            return Sample(running=False, kind="container", detail=_standing(state))
        stats = self._get(f"/containers/{container_id}/stats", **{"stream": "0", "one-shot": "1"})
        read, written = _disk(stats)
        health = state.get("Health") or {}
        return Sample(
            running=True,
            kind="container",
            detail=health.get("Status", ""),
            pid=state["Pid"],
            started_ns=_instant_ns(state["StartedAt"]),
            cpu_percent=self._cpu_percent(container_id, stats),
            memory_bytes=_memory(stats),
            read_bytes=read,
            written_bytes=written,
        )

    def _cpu_percent(self, container_id: str, stats: Mapping[str, Any]) -> float:
        """Of one core: the container's share of the machine's time since the last look, times the machine's cores."""
        used = stats["cpu_stats"]["cpu_usage"]["total_usage"]
        machine = stats["cpu_stats"].get("system_cpu_usage", 0)
        cores = stats["cpu_stats"].get("online_cpus") or os.cpu_count() or 1
        before_used, before_machine = self._cpu.get(container_id, (used, machine))
        self._cpu[container_id] = used, machine
        passed = machine - before_machine
        return round(100 * cores * (used - before_used) / passed, 1) if passed > 0 else 0.0

    def _get(self, path: str, **query: str) -> Any:
        import httpx

        try:
            if self._client is None:
                self._client = _client(self._environment)
            if not self._version:
                self._version = _version(self._client)
            answer = self._client.get(self._version + path, params=query)
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise _Gone(path)
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, ValueError, OSError) as error:
            self._version = ""  # it may be another engine when it answers again
            raise NoEngine(
                f"the Docker engine does not answer: {str(error) or type(error).__name__}",
                hint="check that it runs, and DOCKER_HOST",
            ) from error


def _client(environment: Mapping[str, str]) -> httpx.Client:
    import httpx

    host = environment.get("DOCKER_HOST") or DEFAULT_HOST
    parts = urlsplit(host)
    if parts.scheme == "unix":
        transport = httpx.HTTPTransport(uds=parts.path)
        return httpx.Client(transport=transport, base_url="http://docker", timeout=_ANSWER_S, trust_env=False)
    if parts.scheme not in ("tcp", "http", "https"):
        raise NoEngine(f"DOCKER_HOST {host!r} is not understood", hint="write unix:///path or tcp://host:port")
    secure = bool(environment.get("DOCKER_TLS_VERIFY")) or parts.scheme == "https"
    address = f"{'https' if secure else 'http'}://{parts.netloc}"
    return httpx.Client(verify=_trust(environment, secure), base_url=address, timeout=_ANSWER_S, trust_env=False)


def _version(client: httpx.Client) -> str:
    """The beginning of every path, `/v1.52`; empty for an engine that does not tell, which then takes its newest."""
    ping = client.get("/_ping")
    ping.raise_for_status()
    told = ping.headers.get("Api-Version", "")
    return f"/v{told}" if told else ""


def _trust(environment: Mapping[str, str], secure: bool) -> ssl.SSLContext:
    """The certificates of `DOCKER_CERT_PATH`, as the `docker` command reads them."""
    context = ssl.create_default_context()
    folder = environment.get("DOCKER_CERT_PATH")
    if secure and folder:
        context.load_verify_locations(Path(folder) / "ca.pem")
        context.load_cert_chain(Path(folder) / "cert.pem", Path(folder) / "key.pem")
    return context


def _standing(state: Mapping[str, Any]) -> str:
    """Why a container does not run, in the engine's words."""
    if state["Paused"]:
        return "paused"
    if state.get("Restarting"):
        return f"restarting after exit code {state['ExitCode']}"
    killed = ", out of memory" if state.get("OOMKilled") else ""
    return f"{state['Status']} with code {state['ExitCode']}{killed}"


def _memory(stats: Mapping[str, Any]) -> int | None:
    """Without the file cache, as `docker stats` counts."""
    memory = stats.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    details = memory.get("stats") or {}
    return int(memory["usage"] - (details.get("inactive_file") or details.get("total_inactive_file") or 0))


def _disk(stats: Mapping[str, Any]) -> tuple[int | None, int | None]:
    entries = (stats.get("blkio_stats") or {}).get("io_service_bytes_recursive")
    if entries is None:
        return None, None
    sums = {"read": 0, "write": 0}
    for entry in entries:
        if entry["op"].lower() in sums:
            sums[entry["op"].lower()] += entry["value"]
    return sums["read"], sums["write"]


def _instant_ns(text: str) -> int:
    """`2026-11-21T10:00:00.123456789Z`, of which Python reads microseconds."""
    return to_ns(datetime.fromisoformat(text))
