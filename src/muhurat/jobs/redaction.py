"""Takes known secrets out of a stream of bytes, wherever the stream was cut into pieces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

HIDDEN: Final = b"***"


class Redactor:
    """Replaces secrets in what is fed to it. It holds back only what may be the beginning of one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._secrets = sorted((form.encode() for form in forms), key=len, reverse=True)
        self._beginnings = frozenset(secret[:length] for secret in self._secrets for length in range(1, len(secret)))
        self._longest = max((len(secret) - 1 for secret in self._secrets), default=0)
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What may be shown after this piece."""
        text = self._held + piece
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        keep = self._beginning_at_end(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> bytes:
        """What is still held back, at the end of the stream."""
        held, self._held = self._held, b""
        return held

    def _beginning_at_end(self, text: bytes) -> int:
        lengths = range(min(self._longest, len(text)), 0, -1)
        return next((length for length in lengths if text[-length:] in self._beginnings), 0)


def _forms(secret: str) -> set[str]:
    """As it is, as in a URL, and as in printed text."""
    from urllib.parse import quote

    return {secret, quote(secret, safe=""), repr(secret)[1:-1]}
