"""The official client's transport, with a limit for answers that only drip.

Its own time-out counts from one piece to the next, so an answer of a few bytes a second would be waited for all day.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from requests import PreparedRequest, ReadTimeout, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError, ReadTimeoutError

from muhurat.clock import Clock
from muhurat.venues.pace import Pace

if TYPE_CHECKING:
    from requests import Session

TOTAL_TIMEOUTS: Final = 5
"""So many time-outs long may all of an answer take."""


class Unfinished(ReadTimeout):
    """An answer began, and came too slowly or not to its end."""


def give_pace(session: Session, clock: Clock, timeout_s: float) -> None:
    """Let a session of `requests` give up answers that drip; they raise `Unfinished`."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, _PacedAdapter(clock, timeout_s))


class _PacedAdapter(HTTPAdapter):
    """Reads an answer whole before it hands it on."""

    def __init__(self, clock: Clock, timeout_s: float) -> None:
        super().__init__()
        self._clock = clock
        self._timeout_s = timeout_s

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        response = super().send(request, *args, **options)
        raw: HTTPResponse = response.raw
        body = self._whole(request, raw)
        response.raw = HTTPResponse(
            io.BytesIO(body), raw.headers, raw.status, reason=raw.reason, preload_content=False, request_method="GET"
        )
        return response

    def _whole(self, request: PreparedRequest, raw: HTTPResponse) -> bytes:
        """The body as it was sent, still packed."""
        pace, pieces = Pace(self._clock, self._timeout_s, TOTAL_TIMEOUTS * self._timeout_s), list[bytes]()
        try:
            while piece := raw.read1(decode_content=False):
                pieces.append(piece)
                if (slow := pace.complaint(len(piece))) is not None:
                    raise Unfinished(f"it {slow}", request=request)
            if raw.length_remaining:
                raise Unfinished(f"it broke off with {raw.length_remaining:,} bytes to come", request=request)
        except ReadTimeoutError as error:
            raise ReadTimeout(error, request=request) from error
        except HTTPError as error:
            raise Unfinished("it broke off", request=request) from error
        finally:
            raw.close()
        return b"".join(pieces)
