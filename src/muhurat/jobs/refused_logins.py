"""Logins that a venue refused, so that no rerun sends the same password again until the account is locked."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muhurat.clock import Clock, ist
from muhurat.jobs.base import JobError

_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class RefusedLogins:
    """Remembers, in a file that only its owner reads, the last refused login of each: when, why, a slow hash of it."""

    path: Path
    clock: Clock

    def check(self, who: str, password: str, hint: str) -> None:
        """Raise `JobError` when exactly this login was refused before."""
        kept = self._kept().get(who)
        if kept is None:
            return
        try:
            same = hmac.compare_digest(kept["proof"], _proof(who, password, bytes.fromhex(kept["salt"])))
            told = f"{who} was refused with this password on {kept['at']}: {kept['reason']}"
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error
        if same:
            raise JobError(f"the login of {told}; it was not sent again", hint=hint)

    def remember(self, who: str, password: str, reason: str) -> None:
        """Note that this login was refused."""
        salt = os.urandom(_SALT_BYTES)
        refused = {
            "at": f"{ist(self.clock.now_ns()):%Y-%m-%d %H:%M} IST",
            "reason": reason,
            "salt": salt.hex(),
            "proof": _proof(who, password, salt),
        }
        self._keep(self._kept() | {who: refused})

    def forget(self, who: str) -> None:
        """This one's login was accepted."""
        kept = self._kept()
        if kept.pop(who, None) is not None:
            self._keep(kept)

    def _kept(self) -> dict[str, dict[str, str]]:
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise self._damaged(error) from error
        if not isinstance(kept, dict):
            raise self._damaged(TypeError("no object"))
        return kept

    def _keep(self, kept: dict[str, dict[str, str]]) -> None:
        if not kept:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        fresh.replace(self.path)

    def _damaged(self, error: Exception) -> JobError:
        return JobError(f"{self.path} is damaged: {error}", hint="remove it when the login is right")


def _proof(who: str, password: str, salt: bytes) -> str:
    return hashlib.scrypt(f"{who}\0{password}".encode(), salt=salt, n=1 << 14, r=8, p=1).hex()
