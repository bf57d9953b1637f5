"""What the official client raises, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from muhurat.errors import RateLimited, SessionExpired, VenueError
from muhurat.venues.refusals import place_of

if TYPE_CHECKING:
    from requests import RequestException

_LONGEST: Final = 300
_PASSES: Final = "nothing was changed; try again in a minute, and look at the connection when it lasts"
_CHANGED: Final = "nothing was changed; if it stays so, Kite has changed its API: look for a newer Muhurat"
_REFUSED: Final = "Kite will not do what was asked for; its words say what to correct"
_TOO_OFTEN: Final = "wait a minute; another program may be asking with the same account"
_TOO_MANY: Final = 429
_SERVER: Final = 500


@contextmanager
def told_as_ours(what: str) -> Iterator[None]:
    """Turn everything the official client raises inside the block into a `VenueError` about `what`.

    Kite's `error_type` becomes the class of the same name; those the client has no class for (MarginException,
    UserException …) arrive as GeneralException, and their HTTP status tells whose fault it is. A body that is not of
    Kite's form, as from a proxy, makes the client raise DataException or stumble over a missing key.
    """
    import requests
    from kiteconnect import exceptions as kite

    try:
        yield
    except kite.TokenException as error:
        raise SessionExpired(_sentence(what, error)) from error
    except kite.KiteException as error:
        raise _by_status(what, error) from error
    except requests.RequestException as error:
        raise VenueError(f"{what}: {_unreached(error)}", hint=_PASSES) from error
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise VenueError(f"{what}: Kite's answer has not the documented form ({error!r})", hint=_CHANGED) from error


def _by_status(what: str, error: Exception) -> VenueError:
    from kiteconnect import exceptions as kite

    status = int(getattr(error, "code", _SERVER))
    sentence = _sentence(what, error)
    if status == _TOO_MANY:
        return RateLimited(sentence, retry_after_s=1.0, hint=_TOO_OFTEN)
    if isinstance(error, kite.DataException):
        return VenueError(f"{what}: Kite did not answer as its API does. {_cut(str(error))}", hint=_PASSES)
    if isinstance(error, kite.NetworkException):
        return VenueError(sentence, hint=_PASSES)
    if isinstance(error, kite.PermissionException):
        return VenueError(sentence, permanent=True, hint="this Kite app's plan or this account does not allow it")
    permanent = status < _SERVER
    return VenueError(sentence, permanent=permanent, hint=_REFUSED if permanent else _PASSES)


def _unreached(error: RequestException) -> str:
    """Which address gave no whole answer, and why, as far as the library tells."""
    from muhurat.venues.kite.paced import Unfinished

    why = str(error) if isinstance(error, Unfinished) else type(error).__name__
    url = error.request.url if error.request is not None else None
    return f"Kite could not be reached at {place_of(url or '')} ({why})"


def _sentence(what: str, error: Exception) -> str:
    return f"{what}: {_cut(str(error))}"


def _cut(said: str) -> str:
    return said if len(said) <= _LONGEST else said[:_LONGEST] + " …"
