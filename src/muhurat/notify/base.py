"""What every channel to people offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is to be told: one line, and what stands behind it (plain text)."""

    subject: str
    body: str


class Channel(Protocol):
    """A way to reach people."""

    def send(self, message: Message) -> None:
        """Deliver it; raises `NotifyError` when it could not be handed over."""
