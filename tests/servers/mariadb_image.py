"""A container image with MariaDB in it, made of the programs that are installed here: nothing is downloaded."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

from tests.servers.mariadb import QUICK, SMALL, initial_data, set_password
from tests.servers.processes import program

SOCKET = "/run/mysqld/mysqld.sock"
"""Where Debian's clients look for a server, so that `mysqldump name` needs no address."""

_PROGRAMS = {
    "mariadbd": "mariadb-server",
    "mariadb": "mariadb-client",
    "mysql": "mariadb-client",
    "mariadb-dump": "mariadb-client",
    "mysqldump": "mariadb-client",
    "mariadb-admin": "mariadb-client",
}
_APPLETS = ("sh", "ls", "cat", "sleep", "ps", "kill", "test", "grep", "gzip", "env", "true", "false", "rm", "cp")
_LIBRARY = re.compile(r"(/\S+) \(0x")


def mariadb_image(folder: Path, password: str) -> bytes:
    """The image's whole file system as a tar; its administrator `root` has this password."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", dereference=True) as archive:
        _add_programs(archive)
        for part in ("english", "charsets"):
            archive.add(f"/usr/share/mysql/{part}", f"usr/share/mysql/{part}")
        _add_text(archive, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        _add_text(archive, "etc/group", "root:x:0:\n")
        for name in ("tmp", "run/mysqld", "root"):
            _add_folder(archive, name)
        archive.add(initial_data(folder), "var/lib/mysql")
        archive.add(set_password(folder / "password.sql", password), "etc/password.sql")
    return tar.getvalue()


def server_command(port: int) -> list[str]:
    """What a container of the image runs; it listens on the loopback address and on `SOCKET`."""
    return [
        "/usr/sbin/mariadbd",
        "--no-defaults",
        "--user=root",
        "--datadir=/var/lib/mysql",
        f"--socket={SOCKET}",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        "--init-file=/etc/password.sql",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--character-set-server=utf8mb4",
        *SMALL,
        *QUICK,
    ]


def _add_programs(archive: tarfile.TarFile) -> None:
    libraries: set[str] = set()
    for name, package in _PROGRAMS.items():
        path = program(name, package)
        archive.add(path, f"usr/{'sbin' if name == 'mariadbd' else 'bin'}/{name}")
        told = subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout
        libraries.update(_LIBRARY.findall(told))
    for library in sorted(libraries):
        archive.add(library, library.lstrip("/"))
    archive.add(program("busybox", "busybox-static"), "bin/busybox")
    for applet in _APPLETS:
        link = tarfile.TarInfo(f"bin/{applet}")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        archive.addfile(link)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(text)
    archive.addfile(info, io.BytesIO(text.encode()))


def _add_folder(archive: tarfile.TarFile, name: str) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o777
    archive.addfile(info)
