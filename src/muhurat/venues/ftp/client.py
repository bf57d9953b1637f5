"""One file from an FTP server, in the clear or by explicit FTPS: passive, resumed, paced, checked (MISSION B13).

SIZE and MDTM (RFC 3659) are asked before and after the transfer: a file that changed meanwhile is still being uploaded.
A transfer that breaks off is taken up with REST, at once and by a later run, as long as both still say the same; of a
server that does not know them each attempt begins anew. A refused login is never tried again.
"""

from __future__ import annotations

import ftplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Final

from muhurat.clock import Clock
from muhurat.errors import VenueError
from muhurat.venues.calls import patiently, wait_real
from muhurat.venues.ftp.base import FtpFile, FtpServer
from muhurat.venues.ftp.failures import NOT_UNDERSTOOD, code_of, told_as_ours
from muhurat.venues.ftp.partial import Partial, RemoteFile
from muhurat.venues.pace import SLOWEST_BYTES_PER_S, Pace
from muhurat.venues.part_file import trouble
from muhurat.venues.refusals import DiskTrouble, Malformed, NotPublished, Unavailable

Progress = Callable[[int, int | None], None]

_PIECE: Final = 1 << 16
_STAMP: Final = "%Y%m%d%H%M%S"


class FtpClient:
    """Fetches files; see `venues.ftp.base.FtpFetcher`."""

    def __init__(self, clock: Clock, *, wait: Callable[[float], None] = wait_real) -> None:
        self._clock = clock
        self._wait = wait

    def fetch(self, server: FtpServer, remote: str, local: Path, progress: Progress) -> FtpFile:
        """As the contract says: several attempts, and as many more as bring the file on well, within `total_s`."""
        _check_name(remote)
        partial = Partial(local)
        end = self._clock.monotonic() + server.total_s
        transfer = _Transfer(server, remote, partial, self._clock, self._wait, progress)
        while True:
            had, began = partial.bytes, self._clock.monotonic()
            try:
                return _several_attempts(transfer)
            except Unavailable as error:
                partial.discard_unless_recognisable()
                now = self._clock.monotonic()
                if now > end or partial.bytes - had <= SLOWEST_BYTES_PER_S * (now - began):
                    if not partial.bytes:
                        raise
                    raise Unavailable(
                        f"{error}; {partial.bytes:,} bytes are kept, and the next run goes on there"
                    ) from error
            except (VenueError, DiskTrouble):
                partial.discard()
                raise


def _several_attempts(transfer: _Transfer) -> FtpFile:
    """One attempt, and some more while the server or the way to it fails; raises the rest at once."""

    def once() -> FtpFile | VenueError:
        try:
            return transfer.attempt()
        except Unavailable:
            raise
        except VenueError as error:
            return error

    outcome = patiently(once)
    if isinstance(outcome, VenueError):
        raise outcome
    return outcome


@dataclass(frozen=True, slots=True)
class _Transfer:
    """One file on its way."""

    server: FtpServer
    remote: str
    partial: Partial
    clock: Clock
    wait: Callable[[float], None]
    progress: Progress

    @property
    def place(self) -> str:
        scheme = "ftps" if self.server.tls else "ftp"
        return f"{scheme}://{self.server.host}:{self.server.port}"

    def attempt(self) -> FtpFile:
        """Connect, look, fetch what is missing, look again, put it in its place."""
        with self._connected() as ftp:
            file = self._look(ftp)
            if file.size == 0:
                raise Malformed(f"{self._file} is empty", hint="its sender may not be done; try again later")
            resumed_at = self._fetch(ftp, file)
            self.wait(self.server.settle_s)
            self._judge(file, self._look(ftp))
        size = self.partial.bytes
        self.partial.finish(file.modified)
        return FtpFile(self.partial.target, size, file.modified, resumed_at, file.size is not None)

    @contextmanager
    def _connected(self) -> Iterator[ftplib.FTP]:
        ftp = _client(self.server, "latin-1" if self._plain else "utf-8")
        try:
            with self._told("connecting"):
                ftp.connect(self.server.host, self.server.port, self.server.timeout_s)
            with self._told("logging in"):
                ftp.login(self.server.user, self.server.password)
            with self._told("binary transfers"):
                if isinstance(ftp, ftplib.FTP_TLS):
                    ftp.prot_p()
                ftp.voidcmd("TYPE I")
            yield ftp
        finally:
            ftp.close()

    def _look(self, ftp: ftplib.FTP) -> RemoteFile:
        """What the server tells of the file; 550 here may also mean that it does not tell, so RETR decides."""
        with self._told(f"file {self.remote}"):
            size = _told_size(_asked(ftp, f"SIZE {self.remote}"))
            modified = _told_time(_asked(ftp, f"MDTM {self.remote}"))
        return RemoteFile(self.place, self.remote, size, modified)

    def _fetch(self, ftp: ftplib.FTP, file: RemoteFile) -> int:
        """Receive what is missing; from which byte on."""
        have = self.partial.prepare(file)
        if have == file.size:
            return have
        with self._told(f"file {self.remote}"):
            connection, have = self._opened(ftp, file, have)
            with closing(connection), self.partial.path.open("ab", buffering=0) as part:
                self._receive(connection, part, file, have)
            ftp.voidresp()
        return have

    def _opened(self, ftp: ftplib.FTP, file: RemoteFile, have: int) -> tuple[socket.socket, int]:
        """The data connection, from the byte we have on, or from the start where the server cannot resume."""
        try:
            return ftp.transfercmd(f"RETR {self.remote}", have or None), have
        except ftplib.error_perm as error:
            if not have or code_of(error) not in NOT_UNDERSTOOD:
                raise
        self.partial.discard()
        return ftp.transfercmd(f"RETR {self.remote}"), self.partial.prepare(file)

    def _receive(self, connection: socket.socket, part: FileIO, file: RemoteFile, have: int) -> None:
        pace = Pace(self.clock, self.server.timeout_s, self.server.total_s)
        while piece := connection.recv(_PIECE):
            try:
                part.write(piece)
            except OSError as error:
                raise trouble(error, self.partial.target, file.size) from error
            have += len(piece)
            self.progress(have, file.size)
            if (slow := pace.complaint(len(piece))) is not None:
                raise Unavailable(f"{self._file} {slow}, {have:,} bytes so far")

    def _judge(self, before: RemoteFile, after: RemoteFile) -> None:
        """Refuse what is not the whole of one file."""
        have = self.partial.bytes
        if before != after:
            self.partial.discard()
            raise NotPublished(
                f"{self._file} changed while it was fetched: {_described(before)}, then {_described(after)}",
                hint="its sender is still uploading it; try again later",
            )
        if not have:
            raise Malformed(f"{self._file} is empty", hint="its sender may not be done; try again later")
        if before.size is not None and have > before.size:
            self.partial.discard()
        if before.size is not None and have != before.size:
            raise Unavailable(f"{self._file} has {before.size:,} bytes, and the server ended after {have:,}")

    @property
    def _file(self) -> str:
        return f"{self.place}/{self.remote.lstrip('/')}"

    @property
    def _plain(self) -> bool:
        return (self.remote + self.server.user + self.server.password).isascii()

    def _told(self, what: str) -> AbstractContextManager[None]:
        return told_as_ours(what, place=self.place, timeout_s=self.server.timeout_s)


class _Ftps(ftplib.FTP_TLS):
    """Explicit FTPS whose data connections continue the session of the control connection, as many servers demand."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        try:
            return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size
        except OSError:
            connection.close()
            raise


def _client(server: FtpServer, encoding: str) -> ftplib.FTP:
    if not server.tls:
        return ftplib.FTP(encoding=encoding)
    try:
        context = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
    except OSError as error:
        raise VenueError(
            f"the certificates in {server.ca_file} cannot be read: {error}",
            permanent=True,
            hint="--ca-file names a file of certificates in PEM form",
        ) from error
    return _Ftps(context=context, encoding=encoding)


def _check_name(remote: str) -> None:
    if not remote or any(ord(character) < 32 for character in remote):
        raise VenueError(f"{remote!r} is no name of a remote file", permanent=True, hint="correct --remote-file")


def _asked(ftp: ftplib.FTP, command: str) -> str | None:
    """The answer to a question about a file, None when the server does not tell."""
    try:
        reply = ftp.sendcmd(command)
    except ftplib.error_perm:
        return None
    return reply[3:].strip() if reply.startswith("213") else None


def _told_size(answer: str | None) -> int | None:
    return int(answer) if answer is not None and answer.isascii() and answer.isdigit() else None


def _told_time(answer: str | None) -> datetime | None:
    """UTC, to the second: some servers add fractions (RFC 3659, section 2.3)."""
    try:
        return datetime.strptime((answer or "")[:14], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _described(file: RemoteFile) -> str:
    size = "of unknown size" if file.size is None else f"{file.size:,} bytes"
    return f"{size}, changed {file.modified:%Y-%m-%d %H:%M:%S} UTC" if file.modified else size
