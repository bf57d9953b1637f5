"""Who may talk to the simulated Kite: one app, one user, request tokens that work once, access tokens that die at six.

Everything here is an obvious fake; no real account has such names.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import string
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from muhurat.clock import NS_PER_S, ist, ist_ns
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.kite.errors import input_error, token_error

TOKENS_DIE_AT: Final = time(6, 0)
REQUEST_TOKEN_LIFE_NS: Final = 5 * 60 * NS_PER_S
_TOKEN_LETTERS: Final = string.ascii_letters + string.digits
_TOKEN_LENGTH: Final = 32


@dataclass(slots=True)
class App:
    """What a developer registers with Kite; the URLs may be changed while the simulator runs."""

    api_key: str = "simkey"
    api_secret: str = "simsecret"
    user_id: str = "SIM0001"
    user_name: str = "Sim Ulated"
    redirect_url: str = "http://127.0.0.1:8787/callbacks/kite/login"
    postback_url: str | None = None


class Sessions:
    """The tokens of one app."""

    def __init__(self, app: App, conductor: Conductor, rng: random.Random) -> None:
        self.app = app
        self._conductor = conductor
        self._rng = rng
        self._request_tokens: dict[str, int] = {}
        self._access_tokens: dict[str, int] = {}

    def login(self, api_key: str, redirect_params: str) -> str:
        """What Kite's login page does once its user has logged in: the URL it sends the browser to."""
        if api_key != self.app.api_key:
            raise input_error("Invalid `api_key`.")
        token = self._fresh()
        self._request_tokens[token] = self._conductor.now_ns + REQUEST_TOKEN_LIFE_NS
        result = [("request_token", token), ("action", "login"), ("status", "success")]
        parts = urlsplit(self.app.redirect_url)
        query = parse_qsl(parts.query) + result + parse_qsl(redirect_params)
        return urlunsplit(parts._replace(query=urlencode(query)))

    def exchange(self, api_key: str, request_token: str, checksum: str) -> str:
        """An access token for a request token and sha256(api_key + request_token + api_secret)."""
        if api_key != self.app.api_key:
            raise token_error("Invalid `api_key`.")
        expires_ns = self._request_tokens.get(request_token, 0)
        if expires_ns <= self._conductor.now_ns:
            raise token_error("Token is invalid or has expired.")
        expected = hashlib.sha256(f"{api_key}{request_token}{self.app.api_secret}".encode()).hexdigest()
        if not hmac.compare_digest(checksum, expected):
            raise token_error("Invalid `checksum`.")
        del self._request_tokens[request_token]
        return self.issue()

    def issue(self) -> str:
        """A new access token, good until six in the morning."""
        token = self._fresh()
        self._access_tokens[token] = _next_six(self._conductor.now_ns)
        return token

    def ready(self) -> str:
        """An access token that works now: the last one issued, or a new one."""
        alive = [token for token in self._access_tokens if self.valid(self.app.api_key, token)]
        return alive[-1] if alive else self.issue()

    def valid(self, api_key: str, access_token: str) -> bool:
        """Whether the pair may talk to us at this instant."""
        expires_ns = self._access_tokens.get(access_token, 0)
        return api_key == self.app.api_key and expires_ns > self._conductor.now_ns

    def invalidate(self, api_key: str, access_token: str) -> None:
        """Log out."""
        if not self.valid(api_key, access_token):
            raise token_error()
        del self._access_tokens[access_token]

    def check(self, authorization: str) -> str:
        """The API key of an `Authorization: token key:token` header; raises when it is not to be trusted."""
        scheme, _, pair = authorization.partition(" ")
        api_key, _, access_token = pair.partition(":")
        if scheme != "token" or not self.valid(api_key, access_token):
            raise token_error()
        return api_key

    def _fresh(self) -> str:
        return "".join(self._rng.choices(_TOKEN_LETTERS, k=_TOKEN_LENGTH))


def user_facts(app: App) -> dict[str, Any]:
    """What profile and session answers say alike about the user."""
    return {
        "user_id": app.user_id,
        "user_type": "individual",
        "email": "simulated@example.invalid",
        "user_name": app.user_name,
        "user_shortname": app.user_name.partition(" ")[0],
        "broker": "ZERODHA",
        "exchanges": ["BSE", "NSE", "BFO", "NFO"],
        "products": ["CNC", "NRML", "MIS"],
        "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
        "avatar_url": None,
        "meta": {"demat_consent": "physical"},
    }


def session_facts(app: App, access_token: str, now_ns: int) -> dict[str, Any]:
    """The answer to a token exchange."""
    return {
        **user_facts(app),
        "api_key": app.api_key,
        "access_token": access_token,
        "public_token": access_token[::-1],
        "enctoken": "",
        "refresh_token": "",
        "silo": "",
        "login_time": ist(now_ns).strftime("%Y-%m-%d %H:%M:%S"),
    }


def _next_six(now_ns: int) -> int:
    today = ist(now_ns).date()
    at_six = ist_ns(today, TOKENS_DIE_AT)
    return at_six if at_six > now_ns else ist_ns(today + timedelta(days=1), TOKENS_DIE_AT)
