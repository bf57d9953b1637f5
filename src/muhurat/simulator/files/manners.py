"""How a venue refuses: the answers it gives instead of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

RETRY_AFTER_S: Final = 2
_HTML: Final = "text/html; charset=utf-8"
_FILLER: Final = "<!-- {} -->\n".format("-" * 88)


def page(title: str, text: str, status: int = 200, size: int = 0) -> Response:
    """An HTML page of at least `size` bytes."""
    html = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body><h1>{title}</h1><p>{text}</p>\n"
    end = "</body></html>\n"
    lines = max(0, -(-(size - len(html) - len(end)) // len(_FILLER)))
    return Response(html + _FILLER * lines + end, status, media_type=_HTML)


def is_browser(agent: str) -> bool:
    """Whether a User-Agent looks like a browser's."""
    return agent.startswith("Mozilla/5.0 (")


Refusal = Callable[[str], Response]
"""An answer to a request for a path."""


def _missing(_path: str) -> Response:
    return page("404 Not Found", "The page you are looking for is not available.", 404)


def _forbidden(path: str) -> Response:
    return page("Access Denied", f"You don't have permission to access {path} on this server.", 403)


def _unavailable(_path: str) -> Response:
    return page("503 Service Unavailable", "The service is temporarily unavailable.", 503)


def _throttled(_path: str) -> Response:
    response = page("429 Too Many Requests", "Too many requests.", 429)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _instead(_path: str) -> Response:
    return page("We will be back soon", "The site is under maintenance.", 200, 3_000)


@dataclass(frozen=True, slots=True)
class Manners:
    """A venue's refusals; each takes the path asked for. The defaults are those of a plain web server."""

    missing: Refusal = _missing
    forbidden: Refusal = _forbidden
    unavailable: Refusal = _unavailable
    throttled: Refusal = _throttled
    html: Refusal = _instead
