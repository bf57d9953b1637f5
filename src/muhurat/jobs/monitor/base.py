"""What is known of one watched process or container at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from muhurat.jobs.process import Monitored

SERIES = "monitor:"
"""Begins the names of the series in the cache: `monitor:<process>`, one point a round, each a JSON object."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. Of what does not run only `running`, `kind` and `detail` mean something.

    `cpu_percent` is of one core, since the sample before (0 in the first); `read_bytes` and `written_bytes` count from
    the start and are None where the kernel does not tell; `started_ns` is UTC.
    """

    running: bool
    kind: Literal["process", "container", "none"]
    detail: str = ""
    pid: int | None = None
    started_ns: int | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None

    def facts(self) -> dict[str, Any]:
        return asdict(self)


class Watched(Protocol):
    """Who is to be watched, as the registry says at this moment."""

    def entries(self) -> Sequence[Monitored]:
        """The entries; raises `MuhuratError` when the registry cannot be read."""


class Probe(Protocol):
    """Measures several names at once; remembers them from one time to the next."""

    def look(self, names: Sequence[str]) -> Mapping[str, Sample]:
        """What runs, or is known and stands, under these names; names it does not know are left out."""
