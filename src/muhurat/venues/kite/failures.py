"""What the official client raises, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from muhurat.errors import RateLimited, SessionExpired, VenueError

_LONGEST: Final = 300
_TOO_MANY: Final = 429
_SERVER: Final = 500


@contextmanager
def told_as_ours(what: str) -> Iterator[None]:
    """Turn everything the official client raises inside the block into a `VenueError` about `what`.

    Kite's `error_type` becomes the class of the same name; those the client has no class for (MarginException,
    UserException …) arrive as GeneralException, and their HTTP status tells whose fault it is. A body that is not of
    Kite's form, as from a proxy, makes the client raise DataException or stumble over a missing key.
    """
    from kiteconnect import exceptions as kite
    from requests import RequestException

    try:
        yield
    except kite.TokenException as error:
        raise SessionExpired(_sentence(what, error)) from error
    except kite.KiteException as error:
        raise _by_status(what, error) from error
    except RequestException as error:
        raise VenueError(f"{what}: Kite could not be reached ({type(error).__name__})") from error
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise VenueError(f"{what}: Kite's answer has not the documented form ({error!r})") from error


def _by_status(what: str, error: Exception) -> VenueError:
    from kiteconnect import exceptions as kite

    status = int(getattr(error, "code", _SERVER))
    sentence = _sentence(what, error)
    if status == _TOO_MANY:
        return RateLimited(sentence, retry_after_s=1.0)
    if isinstance(error, kite.NetworkException | kite.DataException):
        return VenueError(sentence)
    if isinstance(error, kite.PermissionException):
        return VenueError(sentence, permanent=True, hint="this Kite app's plan or this account does not allow it")
    return VenueError(sentence, permanent=status < _SERVER)


def _sentence(what: str, error: Exception) -> str:
    said = str(error)
    return f"{what}: {said if len(said) <= _LONGEST else said[:_LONGEST] + ' …'}"
