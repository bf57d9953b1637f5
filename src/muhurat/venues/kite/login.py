"""Kite's session token: where it is kept, who may read it, how long it is good.

The file is JSON, `{"api_key", "access_token", "api_secret", "created_at", "user_id"}`, readable by its owner only. What
the file does not give comes from the environment: `ZERODHA_API_KEY`, and `KITE_ACCESS_TOKEN` or `ZERODHA_ACCESS_TOKEN`.
A token made on one day dies at about 06:00 IST on the next (a rule of the exchanges; the exact minute is not
published); a login before six in the morning dies the same morning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from muhurat.clock import IST, NS_PER_S, Clock, ist, ist_ns, to_ns
from muhurat.errors import SessionExpired, VenueError
from muhurat.log import register_secret
from muhurat.venues.base import Account, Profile
from muhurat.venues.kite.failures import told_as_ours

DIES_AT: Final = time(6, 0)
API_KEY_VARIABLE: Final = "ZERODHA_API_KEY"
ACCESS_TOKEN_VARIABLES: Final = ("KITE_ACCESS_TOKEN", "ZERODHA_ACCESS_TOKEN")

_HINT: Final = "log in: `muhurat login`"


@dataclass(frozen=True, slots=True)
class KiteToken:
    """A session with Kite. `created_ns` is None when nobody wrote it down: then its age is not known."""

    api_key: str
    access_token: str = field(repr=False)
    api_secret: str = field(default="", repr=False)
    user_id: str = ""
    created_ns: int | None = None
    source: str = ""

    @property
    def expires_ns(self) -> int | None:
        """The first six o'clock (IST) after its making."""
        if self.created_ns is None:
            return None
        made = ist(self.created_ns)
        day = made.date() if made.time() < DIES_AT else made.date() + timedelta(days=1)
        return ist_ns(day, DIES_AT)

    def age_s(self, now_ns: int) -> float | None:
        """Seconds since its making."""
        return None if self.created_ns is None else (now_ns - self.created_ns) / NS_PER_S

    def check(self, now_ns: int) -> None:
        """Raise `SessionExpired` when its time is over; what Kite itself thinks of it only Kite can say."""
        expires_ns = self.expires_ns
        if expires_ns is not None and expires_ns <= now_ns:
            raise SessionExpired(
                f"the Kite token in {self.source} was made {ist(self.created_ns or 0):%Y-%m-%d %H:%M} IST "
                f"and died {ist(expires_ns):%Y-%m-%d %H:%M} IST",
                hint=_HINT,
            )


def login_url(login: str, api_key: str) -> str:
    """Where a person logs in; Kite then sends the browser to the app's redirect address with a `request_token`."""
    return f"{login.rstrip('/')}/connect/login?{urlencode({'v': 3, 'api_key': api_key})}"


def request_token_in(text: str) -> str:
    """The request token in what a person pasted: the token itself, or the whole address the browser was sent to."""
    query = parse_qs(urlsplit(text.strip()).query)
    if "request_token" in query:
        if query.get("status", ["success"])[0] != "success":
            raise VenueError(f"Kite says that the login failed: status {query['status'][0]!r}", permanent=True)
        return query["request_token"][0]
    if "/" in text or not text.strip():
        raise VenueError(
            "there is no request_token in what was pasted",
            permanent=True,
            hint="paste the whole address the browser was sent to after the login",
        )
    return text.strip()


def exchange(root: str, api_key: str, api_secret: str, request_token: str) -> KiteToken:
    """Trade a request token, good once and for a few minutes, for the day's session; raises `VenueError`."""
    from kiteconnect import KiteConnect

    with told_as_ours("the login"):
        session = KiteConnect(api_key=api_key, root=root).generate_session(request_token, api_secret)
    return KiteToken(api_key, session["access_token"], api_secret, session["user_id"])


def check_session(token: KiteToken, account: Account, now_ns: int) -> Profile:
    """Ask Kite whether a session still holds; raises `SessionExpired`, also when it is somebody else's."""
    token.check(now_ns)
    profile = account.profile()
    if token.user_id and profile.user_id != token.user_id:
        raise SessionExpired(f"the Kite token of {token.user_id} is a session of {profile.user_id}", hint=_HINT)
    return profile


class _File(msgspec.Struct, forbid_unknown_fields=False):
    api_key: str = ""
    access_token: str = ""
    api_secret: str = ""
    created_at: str = ""
    user_id: str = ""


class TokenFile:
    """The token of a desk, read anew whenever it is asked for, so that a login takes effect without a restart."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._environment = os.environ if environment is None else environment

    def read(self) -> KiteToken:
        """The token, hidden from every log, the file before the environment; raises `VenueError` naming what lacks."""
        kept = self._kept()
        api_key = kept.api_key or self._environment.get(API_KEY_VARIABLE, "")
        variable = next((name for name in ACCESS_TOKEN_VARIABLES if self._environment.get(name)), "")
        access_token = kept.access_token or self._environment.get(variable, "")
        self._complain_of_missing(api_key, access_token)
        for secret in (access_token, kept.api_secret):
            register_secret(secret)
        return KiteToken(
            api_key=api_key,
            access_token=access_token,
            api_secret=kept.api_secret,
            user_id=kept.user_id,
            created_ns=self._created_ns(kept.created_at) if kept.access_token else None,
            source=str(self.path) if kept.access_token else variable,
        )

    def api_key(self) -> str:
        """The app's key, which a desk has before anybody has logged in; raises `VenueError` without."""
        api_key = self._kept().api_key or self._environment.get(API_KEY_VARIABLE, "")
        self._complain_of_missing(api_key, access_token="not asked for")
        return api_key

    def access_token(self) -> str:
        """The access token as it is now; for clients that ask before each attempt."""
        return self.read().access_token

    def write(self, token: KiteToken, clock: Clock) -> None:
        """Keep a token made now, readable by its owner only; the old one is replaced as a whole."""
        document = _File(
            api_key=token.api_key,
            access_token=token.access_token,
            api_secret=token.api_secret,
            created_at=ist(token.created_ns or clock.now_ns()).isoformat(timespec="seconds"),
            user_id=token.user_id,
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)

    def _kept(self) -> _File:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_File)
        except FileNotFoundError:
            return _File()
        except OSError as error:
            raise VenueError(
                f"the Kite token file {self.path} cannot be read: {error.strerror}", permanent=True
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise VenueError(
                f"the Kite token file {self.path} is damaged: {error}", permanent=True, hint=_HINT
            ) from error

    def _complain_of_missing(self, api_key: str, access_token: str) -> None:
        where = f"{self.path}" + ("" if self.path.exists() else " (which does not exist)")
        if not api_key:
            raise VenueError(
                f"there is no Kite api_key: neither in {where} nor in {API_KEY_VARIABLE}",
                permanent=True,
                hint=f"your app at developers.kite.trade shows it; put {API_KEY_VARIABLE} into .env",
            )
        if not access_token:
            variables = " or ".join(ACCESS_TOKEN_VARIABLES)
            raise VenueError(
                f"there is no Kite access token: neither in {where} nor in {variables}", permanent=True, hint=_HINT
            )

    def _created_ns(self, text: str) -> int | None:
        if not text:
            return None
        try:
            made = datetime.fromisoformat(text)
        except ValueError:
            raise VenueError(
                f"the Kite token file {self.path} is damaged: created_at {text!r} is no time",
                permanent=True,
                hint=_HINT,
            ) from None
        return to_ns(made if made.tzinfo else made.replace(tzinfo=IST))
