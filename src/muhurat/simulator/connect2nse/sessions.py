"""Logins and tokens of the extranet (API specification v1.4, facts/nse.md §6).

A token lasts 60 minutes of the desk's time; a new login ends the one before; five wrong passwords lock the login.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from itertools import count
from typing import Final

from muhurat.clock import NS_PER_S
from muhurat.simulator.connect2nse.member import Member

TOKEN_MINUTES: Final = 60.0
WRONG_PASSWORDS: Final = 5
_ISSUER: Final = "simulated-extranet"


class Refused(Exception):
    """The extranet answers with a code; `status` is the HTTP status it goes with."""

    def __init__(self, code: int, status: int = 400) -> None:
        super().__init__(f"extranet code {code}")
        self.code = code
        self.status = status


class ExtranetSessions:
    """Who is logged in. `now` is the desk's time in nanoseconds; used from one thread."""

    def __init__(self, member: Member, seed: int, now: Callable[[], int]) -> None:
        self.member = member
        self.token_minutes = TOKEN_MINUTES
        self.logins = 0
        self.refused = 0
        self.wrong_passwords = 0
        self._seed = seed
        self._now = now
        self._numbers = count(1)
        self._token: str | None = None
        self._expires_ns = 0
        self._ended: set[str] = set()

    @property
    def locked(self) -> bool:
        """Whether the login is locked after wrong passwords."""
        return self.wrong_passwords >= WRONG_PASSWORDS

    def log_in(self, member_code: str, login_id: str, password: str) -> str:
        """A new token; raises `Refused` with 956 when the login is locked, 701 when anything is wrong."""
        if self.locked:
            self.refused += 1
            raise Refused(956, 401)
        known = (member_code, login_id) == (self.member.member_code, self.member.login_id)
        if not known or not self.member.accepts(password):
            self.refused += 1
            self.wrong_passwords += known
            raise Refused(701, 401)
        self.wrong_passwords = 0
        self.end()
        self.logins += 1
        self._expires_ns = self._now() + round(self.token_minutes * 60 * NS_PER_S)
        self._token = self._made()
        return self._token

    def log_out(self, member_code: str, login_id: str, token: str) -> None:
        """End a session; raises `Refused` with 703 for ids that are not those of the token."""
        self.check(token)
        if (member_code, login_id) != (self.member.member_code, self.member.login_id):
            raise Refused(703, 401)
        self.end()

    def check(self, token: str) -> None:
        """Raises `Refused`: 803 for a token that has expired or was replaced, 802 for one never given."""
        if token != self._token:
            raise Refused(803 if token in self._ended else 802, 401)
        if self._now() >= self._expires_ns:
            self.end()
            raise Refused(803, 401)

    def end(self) -> None:
        """End the present token, as its time or another login would."""
        if self._token is not None:
            self._ended.add(self._token)
        self._token = None

    def unlock(self) -> None:
        """What the exchange's help desk does."""
        self.wrong_passwords = 0

    def _made(self) -> str:
        """A token that looks like a signed JWT; nobody can verify the signature."""
        issued_s = self._now() // NS_PER_S
        name = f"{self._seed}:{next(self._numbers)}"
        claims = {
            "memberCd": self.member.member_code,
            "sub": self.member.login_id,
            "loginId": self.member.login_id,
            "iss": _ISSUER,
            "iat": issued_s,
            "exp": self._expires_ns // NS_PER_S,
            "jti": hashlib.sha256(name.encode()).hexdigest()[:32],
        }
        signature = hashlib.shake_256(f"token {name}".encode()).digest(256)
        head = json.dumps({"alg": "RS256", "typ": "JWT"}).encode()
        return ".".join(map(_encoded, (head, json.dumps(claims).encode(), signature)))


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
