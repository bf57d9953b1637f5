"""The codes of the extranet's answers, and what an operator should do about them (specification v1.4; facts: NSE,
section 6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from muhurat.errors import VenueError
from muhurat.venues.nse.extranet_base import ExtranetError, LoginRefused, NotOnExtranet
from muhurat.venues.refusals import Unavailable

SUCCESS: Final = "601"
MEANINGS: Final = {
    "605": "something went wrong at NSE",
    "606": "unknown method",
    "607": "too many users at once",
    "701": "invalid member code, login or password",
    "702": "the login is disabled",
    "703": "invalid ids on logout",
    "704": "the member is not eligible for this segment",
    "706": "invalid request",
    "710": "invalid date",
    "711": "invalid segment",
    "712": "invalid folder path",
    "713": "invalid file name",
    "714": "file not found",
    "715": "folder not found",
    "802": "invalid token",
    "803": "the token has expired, or another login replaced it",
    "917": "a blank value",
    "920": "invalid version number",
    "921": "invalid syntax",
    "923": "invalid URL",
    "924": "invalid content type",
    "925": "the authentication server is down",
    "956": "too many wrong passwords: the login is locked",
    "959": "this call is not allowed",
}

_LOGIN_REFUSED: Final = frozenset({"701", "702", "956"})
_NOT_THERE: Final = frozenset({"704", "711", "712", "713", "714", "715"})
_PASSING: Final = frozenset({"605", "925"})
_BUSY: Final = "607"
_TOKEN: Final = frozenset({"802", "803"})
_LOCKS: Final = (
    "five wrong passwords lock the account: do not run this again before member code, login and encrypted password are "
    "corrected, or NSE has enabled the login"
)


class TokenExpired(ExtranetError):
    """The token is no longer good; one new login may help."""


def refusal(head: bytes, what: str) -> VenueError | None:
    """The error in a body such as `{"code": ["605"], "status": "error", …}`; None when there is none to be read."""
    told = answer(head)
    codes = codes_of(told)
    if not codes or SUCCESS in codes:
        return None
    return error_of(codes[0], what)


def error_of(code: str, what: str) -> VenueError:
    """What a code means, as the error to raise; `what` was being done."""
    said = f"the extranet refused {what}: code {code}, {MEANINGS.get(code, 'which is not documented')}"
    if code in _LOGIN_REFUSED:
        return LoginRefused(said, code, permanent=True, hint=_LOCKS)
    if code in _TOKEN:
        return TokenExpired(
            said,
            code,
            permanent=False,
            hint="somebody may be logged in with the same id; each login ends the one before",
        )
    if code in _NOT_THERE:
        return NotOnExtranet(said, hint="check --contract_segment and --contract_folder, and the member's segments")
    if code in _PASSING:
        return Unavailable(said)
    if code == _BUSY:
        return ExtranetError(said, code, permanent=False, hint="nothing was changed; try again in some minutes")
    return ExtranetError(said, code, permanent=True, hint="NSE may have changed its API; its support knows the codes")


def answer(body: bytes) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def codes_of(told: Mapping[str, Any]) -> list[str]:
    """The codes of an answer: under `responseCode` when all is well, under `code` in errors, mostly in a list."""
    for key in ("responseCode", "code"):
        value = told.get(key)
        if value:
            return [str(each) for each in value] if isinstance(value, list) else [str(value)]
    return []
