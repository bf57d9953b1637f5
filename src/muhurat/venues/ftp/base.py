"""What a job may ask of an FTP server: one file, whole, or an error that says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FtpServer:
    """A server and how to speak to it.

    `tls` asks for explicit FTPS (RFC 4217) on both connections; `ca_file` names the certificates to trust (PEM), the
    machine's own when None. `timeout_s` limits each silence, and how long a transfer may drip; `total_s` all of it.
    `settle_s` is how long a file's size and time have to stand still after the transfer, in real seconds.
    """

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 21
    tls: bool = False
    ca_file: Path | None = None
    timeout_s: float = 30
    total_s: float = 1800
    settle_s: float = 1


@dataclass(frozen=True, slots=True)
class FtpFile:
    """A file that arrived. `modified` is the server's time of it (UTC), None where the server does not tell.

    `resumed_at` says how many bytes a broken attempt had left. `size_known` is false where the server tells no sizes:
    then only its word says that the file is whole.
    """

    path: Path
    bytes: int
    modified: datetime | None
    resumed_at: int
    size_known: bool


class FtpFetcher(Protocol):
    """Fetches single files."""

    def fetch(
        self, server: FtpServer, remote: str, local: Path, progress: Callable[[int, int | None], None]
    ) -> FtpFile:
        """Bring the file `remote` to `local`, which is replaced when all of it is there and not before.

        A transfer that breaks off is taken up where it ended, now and by a later call, if the file is still the same.
        `progress` is told bytes so far and in total. Raises `VenueError` (refused login and missing file among them)
        and `DiskTrouble`.
        """
