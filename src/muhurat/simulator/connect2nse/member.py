"""The member whose login the simulated extranet knows; obvious fakes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from typing import Final

_BLOCK: Final = 16


@dataclass(frozen=True)
class Member:
    """A login. The password travels as AES-256-ECB with the key given at registration, in Base64 (facts/nse.md §6)."""

    member_code: str = "90999"
    login_id: str = "SIMDESK01"
    password: str = "Sim@Extranet1"
    secret_key: str = base64.b64encode(b"simulated-extranet-key-32-bytes!").decode()

    @cached_property
    def encrypted_password(self) -> str:
        """What a client is to send."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        plain = self.password.encode()
        missing = _BLOCK - len(plain) % _BLOCK
        encryptor = Cipher(algorithms.AES256(base64.b64decode(self.secret_key)), modes.ECB()).encryptor()
        sealed = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def accepts(self, sent: str) -> bool:
        """Whether this is the password, in either alphabet of Base64."""
        return sent.replace("-", "+").replace("_", "/") == self.encrypted_password
