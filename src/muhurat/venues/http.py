"""Getting files and answers from a venue's web servers, politely and with doubt.

A file is streamed into a part file, judged by its caller, and takes its place only then; so a failed download leaves
the previous file as it was. No answer counts because it says 200. Redirects are not followed: venues redirect to their
login page. Time is limited per read (`timeout_s`), by pace (a server that drips is as good as one that hangs) and in
total. Connection errors, 429 and 502 to 504 are tried again, a few times.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import stamina

from muhurat.clock import NS_PER_S, Clock, to_ns
from muhurat.errors import RateLimited, VenueError
from muhurat.venues.calls import RateLimit
from muhurat.venues.pace import Pace
from muhurat.venues.part_file import part_of
from muhurat.venues.refusals import (
    Blocked,
    DiskTrouble,
    Malformed,
    Moved,
    NotPublished,
    Unavailable,
    WebPage,
    beginning,
    place_of,
)

__all__ = [
    "Blocked",
    "DiskTrouble",
    "Fetched",
    "Fetcher",
    "Malformed",
    "Moved",
    "NotPublished",
    "Unavailable",
    "WebPage",
]

T = TypeVar("T")

LARGEST_FILE: Final = 1 << 29
LARGEST_ANSWER: Final = 1 << 25

_TOTAL_TIMEOUTS: Final = 20
_LONGEST_WAIT_S: Final = 30.0
_HEAD: Final = 4096
_PIECE: Final = 1 << 16
_PAGES: Final = (b"<!doctype html", b"<html", b"<head")
_PASSING: Final = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was downloaded to a part file and not yet committed."""

    part: Path
    url: str
    status: int
    content_type: str
    bytes: int


class Fetcher:
    """One polite HTTP client: its headers, cookies, rate, retries and time limits. For use by one job at a time.

    `attempts` counts the first one. `verify` is the TLS context; the usual one of this machine when None. `explain` is
    given a status that was not accepted and the beginning of its body: a venue that says in its bodies what is wrong
    turns them into errors there, or returns None to leave it to the status.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        clock: Clock,
        limit: RateLimit,
        timeout_s: float,
        attempts: int = 3,
        verify: ssl.SSLContext | None = None,
        explain: Callable[[int, bytes], VenueError | None] | None = None,
    ) -> None:
        self._explain = explain
        self._client = httpx.Client(
            headers=dict(headers), timeout=timeout_s, follow_redirects=False, verify=verify or True
        )
        self._clock = clock
        self._limit = limit
        self._timeout_s = timeout_s
        self._attempts = attempts

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] = {},
        params: Mapping[str, str] | None = None,
        accept: Collection[int] = (200,),
        attempts: int | None = None,
    ) -> httpx.Response:
        """A small answer, read whole. A status beyond `accept` is raised as the error it means."""
        request = self._client.build_request("GET", url, headers=dict(headers), params=params)
        return self._patiently(lambda: self._answer(request, accept), attempts)

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] = {},
        accept: Collection[int] = (200,),
        attempts: int | None = None,
    ) -> httpx.Response:
        """As `get`. Give `attempts=1` for a call that must not be made twice, such as a login."""
        request = self._client.build_request("POST", url, json=json, content=content, headers=dict(headers))
        return self._patiently(lambda: self._answer(request, accept), attempts)

    def download(
        self,
        url: str,
        target: Path,
        check: Callable[[Path], None],
        *,
        headers: Mapping[str, str] = {},
        params: Mapping[str, str] | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Path:
        """Stream a file to `target`; `check` judges the part file and raises when it is not the one that was wanted.

        `progress` is told bytes so far and in total, where the venue says. Raises `VenueError` and `DiskTrouble`.
        """
        wanted = {"Accept-Encoding": "identity", **headers}
        request = self._client.build_request("GET", url, headers=wanted, params=params)

        def once() -> Path:
            with self._asked(request, (200,)) as response, part_of(target, wanted=_length(response)) as part:
                fetched = self._stream(response, part, progress)
                _refuse_a_page(fetched)
                check(part)
            return target

        return self._patiently(once, None)

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies that the venue has set so far, by name."""
        return {cookie.name: cookie.value or "" for cookie in self._client.cookies.jar}

    def forget_cookies(self) -> None:
        """Begin anew, as a browser that was never here."""
        self._client.cookies.clear()

    def close(self) -> None:
        self._client.close()

    def _patiently(self, call: Callable[[], T], attempts: int | None) -> T:
        if attempts == 1:
            return call()
        tries = stamina.retry_context(on=_can_pass, attempts=attempts or self._attempts, timeout=None, wait_max=8.0)
        for attempt in tries:
            with attempt:
                return call()
        raise AssertionError("stamina gives at least one attempt")

    @contextmanager
    def _asked(self, request: httpx.Request, accept: Collection[int]) -> Iterator[httpx.Response]:
        """A response whose body is still to be read; what goes wrong inside the block is told as ours."""
        self._limit.take()
        place = place_of(str(request.url))
        try:
            response = self._client.send(request, stream=True)
            try:
                if response.status_code not in accept:
                    raise self._refusal(response, place)
                yield response
            finally:
                response.close()
        except httpx.TimeoutException as error:
            raise Unavailable(f"{place} did not answer within {self._timeout_s:g} s ({_kind(error)})") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise VenueError(
                f"{place} is no address: {error}", permanent=True, hint="correct `venues` in the desk file"
            ) from error
        except httpx.TransportError as error:
            raise Unavailable(f"{place} could not be read: {error} ({_kind(error)})") from error

    def _answer(self, request: httpx.Request, accept: Collection[int]) -> httpx.Response:
        with self._asked(request, accept) as response:
            body = b"".join(self._pieces(response, LARGEST_ANSWER))
            kept = [
                (name, value)
                for name, value in response.headers.multi_items()
                if name not in ("content-encoding", "content-length", "transfer-encoding")
            ]
            return httpx.Response(response.status_code, headers=kept, content=body, request=request)

    def _stream(
        self, response: httpx.Response, part: Path, progress: Callable[[int, int | None], None] | None
    ) -> Fetched:
        total = _length(response)
        received = 0
        with part.open("wb", buffering=_PIECE) as file:
            for piece in self._pieces(response, LARGEST_FILE):
                file.write(piece)
                received += len(piece)
                if progress is not None:
                    progress(received, total)
        url = place_of(str(response.url))
        return Fetched(part, url, response.status_code, _content_type(response), received)

    def _pieces(self, response: httpx.Response, largest: int) -> Iterator[bytes]:
        """The body as it comes, while it keeps coming and is not too much."""
        place = place_of(str(response.url))
        received = 0
        pace = Pace(self._clock, self._timeout_s, self._timeout_s * _TOTAL_TIMEOUTS)
        if (announced := _length(response)) is not None and announced > largest:
            raise Malformed(f"{place} announces {announced:,} bytes, more than the {largest:,} that can be right")
        unpacked = _decoder(response)
        for raw in response.iter_raw():
            if (slow := pace.complaint(len(raw))) is not None:
                raise Unavailable(f"{place} {slow}, {received:,} bytes so far")
            try:
                piece = unpacked(raw)
            except zlib.error as error:
                raise Malformed(f"{place} sent what cannot be unpacked: {error}") from error
            received += len(piece)
            if received > largest:
                raise Malformed(f"{place} sends more than the {largest:,} bytes that can be right")
            yield piece

    def _refusal(self, response: httpx.Response, place: str) -> VenueError:
        """The error that a status means."""
        status, head = response.status_code, self._head(response)
        explained = self._explain(status, head) if self._explain is not None else None
        if explained is not None:
            return explained
        said = f"{place} answered HTTP {status} ({_content_type(response)}), beginning {beginning(head)}"
        if response.has_redirect_location:
            return Moved(f"{place} answered HTTP {status} and sends us to {_where_to(response)}")
        if status in (401, 403):
            return Blocked(said)
        if status in (404, 410):
            return NotPublished(said)
        if status == 429:
            return RateLimited(
                f"{place} was asked for too often (HTTP 429)",
                retry_after_s=self._retry_after_s(response),
                hint="wait, or lower `requests_per_second` in the desk file",
            )
        if status in _PASSING:
            return Unavailable(said, retry_after_s=self._retry_after_s(response))
        return VenueError(said, permanent=400 <= status < 500, hint="the venue may have changed; try again later")

    def _head(self, response: httpx.Response) -> bytes:
        head = b""
        for piece in self._pieces(response, LARGEST_ANSWER):
            head += piece
            if len(head) >= _HEAD:
                break
        return head

    def _retry_after_s(self, response: httpx.Response) -> float | None:
        """The seconds of `Retry-After`, which may also be a date."""
        value = response.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            return max(0.0, (to_ns(parsedate_to_datetime(value)) - self._clock.now_ns()) / NS_PER_S)
        except ValueError:
            return None


def _can_pass(error: Exception) -> bool | float:
    """Whether and when asking again can help within this call; a longer wait is the runner's."""
    if not isinstance(error, Unavailable | RateLimited) or error.permanent:
        return False
    if error.retry_after_s is None:
        return True
    return error.retry_after_s if error.retry_after_s <= _LONGEST_WAIT_S else False


def _refuse_a_page(fetched: Fetched) -> None:
    """No file that we want is empty or a web page, whatever its status and type say."""
    with fetched.part.open("rb") as file:
        head = file.read(_HEAD)
    said = f"{fetched.url} answered HTTP {fetched.status} ({fetched.content_type})"
    if not fetched.bytes:
        raise Malformed(f"{said} with an empty file")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        raise WebPage(f"{said} with a web page instead of the file, beginning {beginning(head)}")


def _decoder(response: httpx.Response) -> Callable[[bytes], bytes]:
    """What undoes the body's Content-Encoding; done here, since a packed body that drips shows nothing for long."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("gzip", "deflate"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress
    if encoding != "identity":
        raise Malformed(f"{place_of(str(response.url))} answers in {encoding}, which was not offered")
    return bytes


def _length(response: httpx.Response) -> int | None:
    value = response.headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def _content_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "no content type"))


def _where_to(response: httpx.Response) -> str:
    return place_of(str(response.url.join(response.headers["location"])))


def _kind(error: Exception) -> str:
    return type(error).__name__
