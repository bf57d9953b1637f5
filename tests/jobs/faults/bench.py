"""Where faults are tried: every simulated venue in one process, and for each job a desk on which it went well once.

It is 19:00 of a Friday and stays so: everything of the day has been published. A desk's commands run as a person runs
them, `muhurat job run …`: in this process, which is quicker, or in one of their own.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import stamina
import yaml

from muhurat.cli import main
from muhurat.clock import ENVIRONMENT_VARIABLE, SystemClock
from muhurat.errors import StoreError
from muhurat.stores.base import Cache
from muhurat.stores.registry import open_cache, open_reference_store
from tests.jobs.faults.gateway import Gateway
from tests.servers.processes import free_port

VENUES = ("nse", "niftyindices", "bse", "connect2nse", "ftp", "kite")
EVENING = "2026-11-20T19:00"
REFERENCE = "sqlite:///./reference/reference.db"
CACHE = "sqlite:///./cache/cache.db"

HASTY_S = 0.7
"""How long a venue may be silent where one hangs or drips; drips come every half second or sooner."""

_OWN_FOLDERS = ("run", "logs", "reference", "cache")
"""What is compared by content, or is the desk's own talk, beside the files."""
_BESIDE_SQLITE = ("-shm", "-wal")
_UNFINISHED = (".part", ".new", ".tmp", "-journal")
_STARTS_S = 60
_CAPBSET_DROP, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2
_REAL_S = 90


class Venues:
    """The simulated venues, in a process of their own."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.overlay = folder / "clock", folder / "venues.yaml"
        command = [sys.executable, "-m", "muhurat", "sim", *VENUES, "--at", EVENING, "--until", "2026-11-20T19:30"]
        files = ["--paused", "--clock", str(self.clock), "--overlay", str(self.overlay)]
        self._errors = (folder / "sim.err").open("w")
        self._process = subprocess.Popen([*command, *files], stdout=subprocess.PIPE, stderr=self._errors, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (folder / "sim.err").read_text()
        self.urls: dict[str, str] = json.loads(line)["urls"]
        self._steward = httpx.Client(trust_env=False)
        self._doors = {name: _door(url) for name, url in self.urls.items() if url.startswith("http")}
        self._doors["ftp"] = self._doors["ftp_sim"]

    @contextmanager
    def failing(self, port: str, fault: str, path: str | None = None, **further: Any) -> Iterator[None]:
        """A fault at one port, below a path, until the block ends."""
        asked = {"fault": fault, "path": path, **further}
        self._steward.post(f"{self._doors[port]}/_sim/faults", json=asked).raise_for_status()
        try:
            yield
        finally:
            self._steward.delete(f"{self._doors[port]}/_sim/faults").raise_for_status()

    def session(self, port: str) -> dict[str, Any]:
        told: dict[str, Any] = self._steward.get(f"{self._doors[port]}/_sim/session").raise_for_status().json()
        return told

    def stop(self) -> None:
        self._steward.close()
        self._process.kill()
        self._process.wait(20)
        self._errors.close()


def _door(url: str) -> str:
    parts = httpx.URL(url)
    return f"http://{parts.host}:{parts.port}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    def lines(self, beginning: str) -> list[str]:
        return [line.removeprefix(beginning) for line in self.err.splitlines() if line.startswith(beginning)]


@dataclass
class State:
    """What a failed job must leave as it was: rows, cached entries and files."""

    tables: Mapping[str, str]
    cached: Mapping[str, Any]
    files: Mapping[str, str]


@dataclass
class Bench:
    """One job's desk, in a folder with everything it needs to do its work."""

    folder: Path
    venues: Venues
    gateway: Gateway
    further: Mapping[str, Any] = field(default_factory=dict)
    talks: frozenset[str] = frozenset()
    """Keys of the cache in which the job says how it failed."""
    keeps: str = "-"
    """Files that a failed run leaves for the next one (a regular expression)."""
    served: dict[str, Callable[[], Mapping[str, Any]]] = field(default_factory=dict)
    """How to read the content of `reference` or `cache`, where it is on a server."""
    silent_port: int = field(default_factory=free_port)
    _sums: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        limits = {"requests_per_second": 1000}
        desk = {
            "desk": {"name": "faults"},
            "venues": {"kite": {}, "nse": limits, "bse": limits},
            "stores": {"reference": REFERENCE, "cache": CACHE},
        }
        self.write("desk.yaml", desk | dict(self.further))
        self.write("here.yaml", {"venues": {"kite": {"root": self.gateway.url}}})
        self.write("cell.yaml", {})
        self.write("hasty.yaml", {"venues": {name: {"timeout": HASTY_S} for name in ("nse", "bse")}})
        self._keep_session()

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        (self.folder / name).write_text(yaml.safe_dump(dict(content), sort_keys=False))

    def use_server(self, store: str, url: str, content: Callable[[], Mapping[str, Any]]) -> None:
        """Keep `reference` or `cache` on a server from now on; `content` reads what it has."""
        self.served[store] = content
        self.write("here.yaml", {"venues": {"kite": {"root": self.gateway.url}}, "stores": {store: url}})

    def lay_over(self, overlay: Mapping[str, Any]) -> None:
        """Run with this overlay too, until the next one; `{silent}` in it is a port on which nobody speaks."""
        text = yaml.safe_dump(dict(overlay))
        (self.folder / "cell.yaml").write_text(text.replace("{silent}", str(self.silent_port)))

    def must(self, *arguments: str) -> None:
        """Run a job, or `day` for the morning's half, which has to go well."""
        if arguments == ("day",):
            command = [sys.executable, "-m", "muhurat", "day", "run", "bod", *self._desk()]
            subprocess.run(command, check=True, capture_output=True, timeout=_REAL_S)
            return
        ended = self.run(*arguments)
        assert ended.code == 0, ended

    def run(self, *arguments: str, hasty: bool = False) -> Ended:
        """`muhurat job run …` in this process, without the pauses between attempts."""
        out, err = io.StringIO(), io.StringIO()
        with _impatient(hasty), redirect_stdout(out), redirect_stderr(err):
            try:
                code = main(self._command(arguments, hasty=hasty))
            except SystemExit as leaving:
                code = leaving.code if isinstance(leaving.code, int) else 1
        return Ended(code, out.getvalue(), err.getvalue())

    def run_alone(self, *arguments: str, humble: bool = False, largest: int | None = None) -> Ended:
        """The same in a process of its own; a `humble` one may read no file that its mode forbids, even as root.

        `largest` limits how many bytes it may write to a file.
        """
        done = subprocess.run(
            [sys.executable, "-m", "muhurat", *self._command(arguments)],
            capture_output=True,
            text=True,
            timeout=_REAL_S,
            check=False,
            env=os.environ | {"COLUMNS": "200"},
            preexec_fn=_prepared(humble=humble, largest=largest),
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def state(self, but: str = "-") -> State:
        """Everything but the files below a path and those that `keeps` names."""
        files = {
            name: digest
            for name, digest in self._files().items()
            if not name.startswith(but) and not re.fullmatch(self.keeps, name)
        }
        return State(self.tables(), self._cached(), files)

    def forget_unfinished(self) -> None:
        """Remove what an earlier fault made a run leave for the next one."""
        for name in self._files():
            if re.fullmatch(self.keeps, name):
                (self.folder / name).unlink()

    def tables(self) -> Mapping[str, str]:
        """The reference store's checksum; that of the same files is computed once."""
        if "reference" in self.served:
            return self.served["reference"]()
        files = tuple(sorted((self.folder / "reference").glob("reference.db*")))
        key = " ".join(f"{path.name}={_digest(path)}" for path in files if not path.name.endswith("-shm"))
        if key not in self._sums:
            with _aside(files) as folder:
                self._sums[key] = self._checksum(f"sqlite:///{folder}/reference.db", folder) if files else {}
        return self._sums[key]

    def unfinished(self) -> list[str]:
        """Files that somebody began and did not finish."""
        found = [path for path in self.folder.rglob("*") if path.name.endswith(_UNFINISHED)]
        names = [str(path.relative_to(self.folder)) for path in found]
        return [name for name in names if not re.fullmatch(self.keeps, name)]

    def _command(self, arguments: Sequence[str], *, hasty: bool = False) -> list[str]:
        return ["job", "run", *arguments, *self._desk("hasty.yaml" if hasty else "cell.yaml")]

    def _desk(self, further: str = "cell.yaml") -> list[str]:
        overlays = (self.venues.overlay, *(self.folder / name for name in ("here.yaml", "cell.yaml", further)))
        shown = [word for overlay in overlays for word in ("--overlay", str(overlay))]
        return ["--desk", str(self.folder / "desk.yaml"), *shown]

    def _keep_session(self) -> None:
        from muhurat import app
        from muhurat.app.desk import save_token

        desk = app.open_desk(self.folder / "desk.yaml", [self.venues.overlay])
        save_token(desk, self.venues.session("kite"))

    @staticmethod
    def _checksum(url: str, base: Path) -> Mapping[str, str]:
        """By table; what cannot be read as a store has none."""
        try:
            with closing(open_reference_store(url, base=base)) as store:
                return store.checksum()
        except StoreError as error:
            return {"unreadable": str(error).rpartition(":")[2]}

    def _cached(self) -> Mapping[str, Any]:
        """Every entry of the cache, read from a copy, as the disk may be full."""
        if "cache" in self.served:
            return self.served["cache"]()
        files = sorted((self.folder / "cache").glob("cache.db*"))
        with _aside(files) as folder:
            try:
                with closing(open_cache(f"sqlite:///{folder}/cache.db", base=folder, clock=SystemClock())) as cache:
                    return entries_of(cache, but=self.talks)
            except StoreError:
                return {path.name: _digest(path) for path in files if not path.name.endswith(_BESIDE_SQLITE)}

    def _files(self) -> Mapping[str, str]:
        return {
            str(path.relative_to(self.folder)): _digest(path)
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and path.relative_to(self.folder).parts[0] not in _OWN_FOLDERS
            and not path.name.endswith(_BESIDE_SQLITE)
        }


def entries_of(cache: Cache, but: Collection[str] = ()) -> dict[str, Any]:
    """Every key and series of a cache with its content."""
    keys = {key: cache.get(key) for key in cache.keys("") if key not in but}
    return keys | {name: list(cache.series(name)) for name in cache.series_names()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _aside(files: Sequence[Path]) -> Iterator[Path]:
    """A folder of its own with copies of these files."""
    with TemporaryDirectory(prefix="muhurat-state-") as folder:
        for path in files:
            shutil.copyfile(path, Path(folder) / path.name)
        yield Path(folder)


@contextmanager
def _impatient(hasty: bool) -> Iterator[None]:
    """One attempt; `hasty`, with the broker's answers wanted within a second, for which there is no setting."""
    with stamina.set_testing(True, attempts=1), pytest.MonkeyPatch.context() as patch:
        if hasty:
            for module in ("venues.kite.rest", "venues.kite.instruments", "app.desk_work"):
                patch.setattr(f"muhurat.{module}._TIMEOUT_S", HASTY_S)
            patch.setattr("muhurat.jobs.backup.mysql.CONNECT_S", 1)
            patch.setattr("muhurat.stores.redis.cache.ANSWER_TIMEOUT_S", HASTY_S)
        yield


def _prepared(*, humble: bool, largest: int | None) -> Callable[[], None]:
    def prepare() -> None:
        import resource

        if humble:
            library = ctypes.CDLL(None)
            for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
                library.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    return prepare


def environment(venues: Venues) -> dict[str, str]:
    """The variables by which every command of a desk knows the time, and its passwords."""
    member, ftp = venues.session("connect2nse"), venues.session("ftp")
    return {
        ENVIRONMENT_VARIABLE: str(venues.clock),
        "EXTRANET_PASSWORD": member["encrypted_password"],
        "FTP_PASSWORD": ftp["password"],
        "FTP_PORT": str(httpx.URL(venues.urls["ftp"]).port),
    }
