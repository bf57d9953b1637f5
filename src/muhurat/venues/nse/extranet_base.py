"""NSE's members' extranet, as the jobs see it: a session of one member, and the masters that lie there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from muhurat.errors import VenueError
from muhurat.venues.refusals import NotPublished

Progress = Callable[[int, int | None], None]
"""Is told bytes so far and in total, where that is known."""


class ExtranetError(VenueError):
    """The extranet answered with a code that is not success."""

    def __init__(self, message: str, code: str, *, permanent: bool, hint: str) -> None:
        super().__init__(message, permanent=permanent, hint=hint)
        self.code = code


class LoginRefused(ExtranetError):
    """The extranet does not let this member in; trying again brings the account nearer to its lock."""


class NotOnExtranet(NotPublished):
    """The folder or the file is not there, or not for this member."""


@dataclass(frozen=True, slots=True)
class ExtranetLogin:
    """A member's login; `password` as NSE wants it, encrypted with the secret key given at registration."""

    member_code: str
    login_id: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExtranetFile:
    """A file of a common folder; `updated` is the extranet's word, empty where it was not asked."""

    segment: str
    folder: str
    name: str
    updated: str = ""

    def __str__(self) -> str:
        return f"{self.segment} {self.folder.rstrip('/')}/{self.name}"


@dataclass(frozen=True, slots=True)
class NeatMaster:
    """A master that was read and found sound.

    `columns` are text: paise, ISO dates, numbers as NSE prints them. `kinds` counts rows by instrument, and securities
    by series. `made_ns` is when it was made, None where the file does not say.
    """

    rows: int
    columns: Mapping[str, Sequence[str]]
    kinds: Mapping[str, int]
    made_ns: int | None
    warnings: tuple[str, ...] = ()


class ExtranetSession(Protocol):
    """What a member who is logged in may do. A token that expires is renewed once."""

    def listing(self, segment: str, folder: str) -> list[ExtranetFile]:
        """The files of a common folder; raises `VenueError`."""

    def download(self, file: ExtranetFile, target: Path, progress: Progress | None = None) -> Path:
        """Bring a gzip file, decompressed on trial to its end; raises `VenueError`, `NotOnExtranet` among them."""


class Extranet(Protocol):
    """The extranet. A login that is refused is never tried again."""

    def session(self, login: ExtranetLogin) -> AbstractContextManager[ExtranetSession]:
        """Log in for a `with` block, at whose end the session is logged out. Raises `LoginRefused`, `VenueError`."""

    def read_contracts(self, data: bytes, today: date, made_after_ns: int) -> NeatMaster:
        """The master of derivatives, decompressed: contracts that can be traded from `today` on.

        Raises `Malformed`; one that says it was made before `made_after_ns` is that of an earlier day.
        """

    def read_securities(self, data: bytes, made_after_ns: int) -> NeatMaster:
        """The master of the cash market, decompressed. Raises `Malformed`."""
