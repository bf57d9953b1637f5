"""One incident for each time a process is down, however often somebody looks and however often the looker restarts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from muhurat.errors import MuhuratError

_FILE: Final = "monitor.json"


@dataclass(frozen=True, slots=True)
class Incident:
    """A process is down since an instant (desk time); `told` once a message about it has been handed over."""

    process: str
    since_ns: int
    told: bool = False


class Incidents:
    """The open incidents, kept in `<run_dir>/monitor.json`."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / _FILE
        self._open: dict[str, Incident] = self._read()

    def open(self, process: str, since_ns: int) -> Incident:
        """The open incident of a process, begun now unless there is one."""
        if process not in self._open:
            self._keep(Incident(process, since_ns))
        return self._open[process]

    def told(self, process: str) -> None:
        """Somebody has been told."""
        self._keep(Incident(process, self._open[process].since_ns, told=True))

    def close(self, process: str) -> Incident | None:
        """The process is up; the incident that this ends, if there was one."""
        ended = self._open.pop(process, None)
        if ended is not None:
            self._write()
        return ended

    def keep_only(self, processes: set[str]) -> None:
        """Forget what is watched no longer."""
        for process in set(self._open) - processes:
            self.close(process)

    def _keep(self, incident: Incident) -> None:
        self._open[incident.process] = incident
        self._write()

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps([asdict(incident) for incident in self._open.values()]), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            raise MuhuratError(
                f"{self._path} cannot be written: {error.strerror}", hint="check desk.run_dir, its owner and its disk"
            ) from error

    def _read(self) -> dict[str, Incident]:
        """What was open when the last monitor ended; a file that is damaged is as none."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
            return {each["process"]: Incident(**each) for each in told}
        except (OSError, ValueError, TypeError, KeyError):
            return {}
