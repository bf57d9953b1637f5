"""The ways to bring a fault about: at a simulated venue, in the gateway to the broker, on the disk, among the files."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

from tests.jobs.faults.bench import Bench

Strike = Callable[[Bench], AbstractContextManager[None]]

_PAGE = 4096


def venue(port: str, fault: str, path: str | None = None) -> Strike:
    """One of the simulators' own faults, below a path of a port."""
    return lambda bench: bench.venues.failing(port, fault, path)


def broker(fault: str, path: str | None = None) -> Strike:
    """One of the simulated Kite's own faults; they would end after one request."""
    return lambda bench: bench.venues.failing("kite", fault, path, for_s=60)


def gateway(kind: str, path: str, change: tuple[bytes, bytes] | None = None) -> Strike:
    """The broker's answers below a path, spoiled on their way; `change` replaces the first text by the second."""
    if change is None:
        return lambda bench: bench.gateway.spoiled(kind, path)
    return lambda bench: bench.gateway.spoiled(kind, path, lambda body: body.replace(*change))


def without_rows(path: str, answer: bytes | None = None) -> Strike:
    """The broker's answer with nothing in it: this one, or the first line of its own."""
    return lambda bench: bench.gateway.spoiled(
        "changed", path, lambda body: answer if answer is not None else body.splitlines(keepends=True)[0]
    )


def spoilt(pattern: str, change: Callable[[bytes], bytes] | None) -> Strike:
    """Files of the desk with other content, or (None) away, until the block ends."""

    @contextmanager
    def strike(bench: Bench) -> Iterator[None]:
        paths = sorted(bench.folder.glob(pattern))
        assert paths, f"no {pattern} in {bench.folder}"
        before = {path: path.read_bytes() for path in paths}
        for path, content in before.items():
            if change is None:
                path.unlink()
            else:
                path.write_bytes(change(content))
        try:
            yield
        finally:
            for path, content in before.items():
                path.write_bytes(content)

    return strike


def unreadable(pattern: str) -> Strike:
    """Files or folders whose mode forbids everything."""

    @contextmanager
    def strike(bench: Bench) -> Iterator[None]:
        paths = sorted(bench.folder.glob(pattern))
        assert paths, f"no {pattern} in {bench.folder}"
        modes = {path: path.stat().st_mode for path in paths}
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0)
        try:
            yield
        finally:
            for path, mode in modes.items():
                path.chmod(mode)

    return strike


@cache
def may_mount() -> bool:
    """Whether a disk of its own can be mounted here."""
    folder = tempfile.mkdtemp(prefix="muhurat-disk-")
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0
    except FileNotFoundError:
        return False
    finally:
        Path(folder).rmdir()


def full_disk(folder: str, room_kb: int = 0) -> Strike:
    """A folder of the desk on a disk of its own, which holds what the folder held, and has `room_kb` left."""

    @contextmanager
    def strike(bench: Bench) -> Iterator[None]:
        place = bench.folder / folder
        place.mkdir(parents=True, exist_ok=True)
        kept = bench.folder.with_name(f"{bench.folder.name}-kept")
        shutil.copytree(place, kept)
        held = sum(-(-path.stat().st_size // _PAGE) + 2 for path in kept.rglob("*")) * _PAGE
        size = f"size={held + (room_kb << 10) + 8 * _PAGE}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)], check=True)
        try:
            shutil.copytree(kept, place, dirs_exist_ok=True)
            _fill(place, room_kb)
            yield
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
            shutil.rmtree(kept)

    return strike


def _fill(place: Path, room_kb: int) -> None:
    found = os.statvfs(place)
    spare = found.f_bavail * found.f_frsize - (room_kb << 10)
    if spare > 0:
        (place / "filler").write_bytes(bytes(spare))


def growing(path: str) -> Strike:
    """A file whose sender still writes it, some bytes at a time."""

    @contextmanager
    def strike(bench: Bench) -> Iterator[None]:
        file, stop = bench.folder / path, threading.Event()
        before = file.read_bytes()

        def write() -> None:
            while not stop.wait(0.02):
                with file.open("ab") as end:
                    end.write(b"more")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield
        finally:
            stop.set()
            writer.join()
            file.write_bytes(before)

    return strike


@contextmanager
def silent_server(bench: Bench) -> Iterator[None]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", bench.silent_port)):
        yield


def pipe(path: str) -> Strike:
    """A named pipe in place of a file, whose reader waits for ever."""

    @contextmanager
    def strike(bench: Bench) -> Iterator[None]:
        file = bench.folder / path
        before = file.read_bytes()
        file.unlink()
        os.mkfifo(file)
        try:
            yield
        finally:
            file.unlink()
            file.write_bytes(before)

    return strike


@contextmanager
def nothing(_: Bench) -> Iterator[None]:
    """No fault."""
    yield
