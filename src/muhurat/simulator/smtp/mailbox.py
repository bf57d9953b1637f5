"""What arrived, as testers read it."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy


@dataclass(frozen=True, slots=True)
class Mail:
    """One accepted mail: the envelope's addresses, the headers' subject and date, the text, when it came (IST)."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    date: str
    body: str
    received: str

    def as_json(self) -> dict[str, object]:
        """The entry of `GET /_sim/messages`."""
        return {
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "date": self.date,
            "body": self.body,
            "received": self.received,
        }


def read_mail(sender: str, recipients: tuple[str, ...], content: bytes, received: str) -> Mail:
    """Read a message's bytes; the body is its plain text, else its HTML, else empty."""
    message = message_from_bytes(content, policy=policy.default)
    part = message.get_body(("plain", "html"))
    body = "" if part is None else str(part.get_content()).replace("\r\n", "\n")
    return Mail(sender, recipients, str(message["Subject"] or ""), str(message["Date"] or ""), body, received)
