"""What FTP's replies and a broken connection mean to an operator (RFC 959, section 4.2.1)."""

from __future__ import annotations

import ftplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from muhurat.errors import VenueError
from muhurat.venues.refusals import Blocked, Malformed, NotPublished, Unavailable, beginning

NOT_UNDERSTOOD: Final = frozenset({"500", "501", "502", "504"})
"""Replies of a server that does not know a command, or not with this argument."""

_LOGIN_REFUSED: Final = "530"
_NOT_THERE: Final = "550"


def code_of(error: ftplib.Error) -> str:
    """The three digits of a reply."""
    return str(error)[:3]


@contextmanager
def told_as_ours(what: str, *, place: str, timeout_s: float) -> Iterator[None]:
    """Raise what goes wrong in the block, at the server or on the way, as a `VenueError` that names the place."""
    try:
        yield
    except ftplib.Error as error:
        raise _refusal(error, what, place) from error
    except ssl.SSLCertVerificationError as error:
        raise Blocked(
            f"{place}: its certificate is not to be trusted: {error.verify_message}",
            hint="give the certificate of its authority (PEM) with --ca-file, or ask who answers there",
        ) from error
    except TimeoutError as error:
        raise Unavailable(f"{place}: nothing came within {timeout_s:g} s ({what})") from error
    except socket.gaierror as error:
        raise Unavailable(
            f"{place}: the host's name is not known: {error.strerror}", hint="check --host and the name service"
        ) from error
    except (OSError, EOFError) as error:
        raise Unavailable(f"{place}: the connection broke ({what}): {str(error) or 'closed by the server'}") from error
    except UnicodeError as error:
        raise Malformed(f"{place}: the server speaks no FTP ({what}): {error}") from error


def _refusal(error: ftplib.Error, what: str, place: str) -> VenueError:
    reply = beginning(str(error).encode())
    if isinstance(error, ftplib.error_temp):
        return Unavailable(f"{place}: {what}: the server said {reply}")
    if not isinstance(error, ftplib.error_perm):
        return Malformed(f"{place}: {what}: the server said {reply}, which is no FTP", hint="check --host and --port")
    if code_of(error) == _LOGIN_REFUSED:
        return Blocked(
            f"{place}: the login was refused: the server said {reply}",
            hint="correct --user and --password; a refused login is not tried again, because servers lock accounts",
        )
    if code_of(error) == _NOT_THERE and what.startswith("file"):
        return NotPublished(
            f"{place}: {what}: the server said {reply}",
            hint="check --remote-file, letter by letter; the file may not be there yet, or not for this user",
        )
    return Blocked(
        f"{place}: {what}: the server said {reply}",
        hint="a server may want TLS (--tls), or have none (without --tls), or refuse this user",
    )
