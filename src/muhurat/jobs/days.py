"""Days among the options of jobs: written as 2026-09-22 or 20260922."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator


def _day(value: Any) -> Any:
    """Text as a day; pydantic would take eight digits for seconds since 1970."""
    if not isinstance(value, str):
        return value
    for form in ("%Y-%m-%d", "%Y%m%d"):
        try:
            return datetime.strptime(value.strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise ValueError(f"{value!r} is no date; write 2026-09-22 or 20260922")


Day = Annotated[date, BeforeValidator(_day)]
