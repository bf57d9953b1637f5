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
    """Remembers, in a file that only the owner reads, the last refused login: who, when, why, and a slow hash of it."""

    path: Path
    clock: Clock

    def check(self, who: str, password: str, hint: str) -> None:
        """Raise `JobError` when exactly this login was refused before."""
        if not self.path.exists():
            return
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            same = hmac.compare_digest(kept["proof"], _proof(who, password, bytes.fromhex(kept["salt"])))
            told = f"{kept['who']} was refused with this password on {kept['at']}: {kept['reason']}"
        except (ValueError, KeyError, TypeError) as error:
            raise JobError(f"{self.path} is damaged: {error}", hint="remove it when the login is right") from error
        if same:
            raise JobError(f"the login of {told}; it was not sent again", hint=hint)

    def remember(self, who: str, password: str, reason: str) -> None:
        """Note that this login was refused."""
        salt = os.urandom(_SALT_BYTES)
        kept = {
            "who": who,
            "at": f"{ist(self.clock.now_ns()):%Y-%m-%d %H:%M} IST",
            "reason": reason,
            "salt": salt.hex(),
            "proof": _proof(who, password, salt),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        fresh.replace(self.path)

    def forget(self) -> None:
        """The login was accepted."""
        self.path.unlink(missing_ok=True)


def _proof(who: str, password: str, salt: bytes) -> str:
    return hashlib.scrypt(f"{who}\0{password}".encode(), salt=salt, n=1 << 14, r=8, p=1).hex()
