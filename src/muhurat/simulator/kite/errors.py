"""Kite's refusals: an error type, an HTTP status and a message, in Kite's envelope."""

from __future__ import annotations

from typing import Any

from muhurat.errors import MuhuratError


class KiteError(MuhuratError):
    """A request Kite would refuse; `status` is the HTTP status, `error_type` the name in the envelope."""

    def __init__(self, error_type: str, status: int, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.status = status
        self.message = message

    def facts(self) -> dict[str, Any]:
        """The error as a part of an answer that succeeded otherwise."""
        return {"code": self.status, "error_type": self.error_type, "message": self.message, "data": None}

    def envelope(self) -> dict[str, Any]:
        """The error as an answer."""
        return {"status": "error", "message": self.message, "data": None, "error_type": self.error_type}


def input_error(message: str) -> KiteError:
    """A missing or impossible parameter."""
    return KiteError("InputException", 400, message)


def order_error(message: str) -> KiteError:
    """An order that cannot be placed, changed or found."""
    return KiteError("OrderException", 400, message)


def margin_error(required: float, available: float) -> KiteError:
    """An order the account cannot pay for."""
    return KiteError(
        "MarginException",
        400,
        f"Insufficient funds. Required margin is {required:.2f} but available margin is {available:.2f}.",
    )


def token_error(message: str = "Incorrect `api_key` or `access_token`.") -> KiteError:
    """A session that does not exist or no longer does."""
    return KiteError("TokenException", 403, message)


def too_many_requests() -> KiteError:
    """More requests than the rate limit allows."""
    return KiteError("NetworkException", 429, "Too many requests")
