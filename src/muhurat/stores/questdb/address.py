"""Where a QuestDB is and who we are there: the store's URL, and the raw crawlers' environment where it is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from muhurat.errors import StoreError

HTTP_PORT: Final = 9000
TLS_PORT: Final = 443
"""Whatever answers at it speaks TLS; so does every port of a URL that begins with `questdbs`."""

_EXAMPLE: Final = (
    "write questdb://user:password@host:9000, or set QUESTDB_HOST, QUESTDB_PORT, QUESTDB_USER and QUESTDB_PASSWORD "
    "in .env"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A server's HTTP port. `ca` is a file of certificates to trust besides the machine's, empty for none."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""

    @property
    def base_url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{_bracketed(self.host)}:{self.port}"

    @property
    def place(self) -> str:
        """The server as people call it, without a password."""
        return f"QuestDB at {_bracketed(self.host)}:{self.port}"


def address_of(url: str, environment: Mapping[str, str]) -> Address:
    """The address of `questdb://user:password@host:port`; `?ca=FILE` names a certificate authority of one's own.

    What the URL leaves out comes from `QUESTDB_HOST`, `QUESTDB_PORT`, `QUESTDB_USER`, `QUESTDB_PASSWORD`. Raises
    `StoreError` naming what is missing or wrong.
    """
    parts, options = urlsplit(url), parse_qs(urlsplit(url).query)
    if unknown := options.keys() - {"ca"} or ({parts.path} - {"", "/"}):
        raise StoreError(f"a QuestDB URL has no {min(unknown)!r}", hint=_EXAMPLE)
    host = parts.hostname or environment.get("QUESTDB_HOST", "")
    if not host:
        raise StoreError("the QuestDB server is not named: no host in stores.ticks, no QUESTDB_HOST", hint=_EXAMPLE)
    secure = parts.scheme == "questdbs"
    port = _port(url) or _number(environment.get("QUESTDB_PORT", "")) or (TLS_PORT if secure else HTTP_PORT)
    return Address(
        host=host,
        port=port,
        tls=secure or port == TLS_PORT,
        user=unquote(parts.username or "") or environment.get("QUESTDB_USER", ""),
        password=unquote(parts.password or "") or environment.get("QUESTDB_PASSWORD", ""),
        ca=options.get("ca", [""])[0],
    )


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 0
    except ValueError:
        raise StoreError("the port of the QuestDB URL is no number between 1 and 65535", hint=_EXAMPLE) from None


def _number(port: str) -> int:
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        raise StoreError(f"QUESTDB_PORT is {port!r}, no number between 1 and 65535", hint=_EXAMPLE)
    return int(port or 0)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
