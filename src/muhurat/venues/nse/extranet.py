"""NSE's members' extranet over HTTP: login, token, common folders (API 2.0, whose shapes are those of 1.0; circular
NSE/MSD/55065; facts: NSE, section 6).

A login is sent once: never again after a refusal, nor after silence, since the server may have counted it. The token is
kept in memory only. It lasts 60 minutes and dies with the next login of the same user; then one new login is made.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

from muhurat.clock import Clock
from muhurat.errors import VenueError
from muhurat.log import get_logger, register_secret
from muhurat.venues.calls import RateLimit, wait_real
from muhurat.venues.http import Fetcher
from muhurat.venues.nse.extranet_base import ExtranetFile, ExtranetLogin, ExtranetSession, NeatMaster, Progress
from muhurat.venues.nse.extranet_codes import SUCCESS, TokenExpired, answer, codes_of, refusal
from muhurat.venues.refusals import Malformed, beginning

T = TypeVar("T")

VERSION: Final = "2.0"

_MAGIC: Final = b"\x1f\x8b"
_PIECE: Final = 1 << 20
_HEAD: Final = 4096
_LARGEST: Final = 1 << 29


class ExtranetClient:
    """See `venues.nse.extranet_base.Extranet`. `root` ends with `/extranet-api`."""

    def __init__(
        self,
        root: str,
        clock: Clock,
        *,
        requests_per_second: float,
        timeout_s: float,
        wait: Callable[[float], None] = wait_real,
    ) -> None:
        self._root = root.rstrip("/")
        self._clock = clock
        self._limit = RateLimit(requests_per_second, clock, wait)
        self._timeout_s = timeout_s

    @contextmanager
    def session(self, login: ExtranetLogin) -> Iterator[ExtranetSession]:
        register_secret(login.password)
        session = _Session(self._root, login, self._clock, self._limit, self._timeout_s)
        with closing(session):
            session.log_in()
            try:
                yield session
            finally:
                session.log_out()

    def read_contracts(self, data: bytes, today: date, made_after_ns: int) -> NeatMaster:
        from muhurat.venues.nse.contracts import read_contracts

        return read_contracts(data, origin="contract.txt", today=today, made_after_ns=made_after_ns)

    def read_securities(self, data: bytes, made_after_ns: int) -> NeatMaster:
        from muhurat.venues.nse.contracts import read_securities

        return read_securities(data, origin="security.txt", made_after_ns=made_after_ns)


class _Session:
    """A member who is logged in. `_doing` is what an error that comes now is about."""

    def __init__(self, root: str, login: ExtranetLogin, clock: Clock, limit: RateLimit, timeout_s: float) -> None:
        self._root = root
        self._login = login
        self._doing = ""
        self._token = ""
        self._renewed = False
        self._fetcher = Fetcher(
            headers={"User-Agent": "muhurat", "Accept": "*/*"},
            clock=clock,
            limit=limit,
            timeout_s=timeout_s,
            explain=lambda _, head: refusal(head, self._doing),
        )

    def log_in(self) -> None:
        """Ask for a token, exactly once."""
        login = self._login
        body = {"memberCode": login.member_code, "loginId": login.login_id, "password": login.password}
        self._doing = f"the login of {login.login_id} (member {login.member_code})"
        response = self._fetcher.post(f"{self._root}/login/{VERSION}", json=body, attempts=1)
        told = answer(response.content)
        if (refused := refusal(response.content, self._doing)) is not None:
            raise refused
        token = told.get("token")
        if SUCCESS not in codes_of(told) or not isinstance(token, str) or not token:
            raise Malformed(
                f"{self._doing} was answered with no token, but with {beginning(response.content)}",
                hint="check venues.nse.extranet in the desk file; it ends with /extranet-api",
            )
        register_secret(token)
        self._token = token

    def log_out(self) -> None:
        """Give the token back; that it does not work harms nobody, so it is only noted."""
        body = {"memberCode": self._login.member_code, "loginId": self._login.login_id}
        self._doing = "the logout"
        try:
            self._fetcher.post(f"{self._root}/logout/{VERSION}", json=body, headers=self._bearer(), attempts=1)
        except VenueError as error:
            get_logger(__name__).warning("the extranet did not take the logout", error=str(error))

    def listing(self, segment: str, folder: str) -> list[ExtranetFile]:
        def once() -> list[ExtranetFile]:
            params = {"segment": segment, "folderPath": folder}
            self._doing = f"the list of {segment} {folder}"
            response = self._fetcher.get(
                f"{self._root}/common/content/{VERSION}", params=params, headers=self._bearer()
            )
            if (refused := refusal(response.content, self._doing)) is not None:
                raise refused
            found = answer(response.content).get("data") or []
            return [
                ExtranetFile(segment, folder, str(each.get("name", "")), str(each.get("lastUpdated", "")))
                for each in found
                if each.get("type") == "File"
            ]

        return self._renewing(once)

    def download(self, file: ExtranetFile, target: Path, progress: Progress | None = None) -> Path:
        params = {"segment": file.segment, "folderPath": file.folder, "filename": file.name}
        url = f"{self._root}/common/file/download/{VERSION}"

        def check(part: Path) -> None:
            _refuse_all_but_gzip(part, str(file))

        def once() -> Path:
            self._doing = str(file)
            return self._fetcher.download(url, target, check, params=params, headers=self._bearer(), progress=progress)

        return self._renewing(once)

    def close(self) -> None:
        self._fetcher.close()

    def _renewing(self, call: Callable[[], T]) -> T:
        """What the call gives; when the token has expired, after one new login of this session."""
        try:
            return call()
        except TokenExpired:
            if self._renewed:
                raise
        self._renewed = True
        self.log_in()
        return call()

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def _refuse_all_but_gzip(part: Path, name: str) -> None:
    """Raise unless the part is a whole gzip file; an answer in JSON, which may come with status 200, by its code."""
    with part.open("rb") as file:
        head = file.read(_HEAD)
    if not head.startswith(_MAGIC):
        refused = refusal(head, name)
        raise refused or Malformed(f"{name} is no gzip file; it begins {beginning(head)}")
    size = 0
    try:
        with gzip.open(part) as opened:
            while piece := opened.read(_PIECE):
                size += len(piece)
                if size > _LARGEST:
                    raise Malformed(f"{name} unpacks to more than the {_LARGEST:,} bytes that can be right")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Malformed(f"{name} is cut off or damaged: {error}") from error
    if not size:
        raise Malformed(f"{name} is empty")
