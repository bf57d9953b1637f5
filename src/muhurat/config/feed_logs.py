"""What a feed's own log is called."""

from __future__ import annotations

from typing import Final

from muhurat.config.sections import Desk

_USUAL: Final = {"sso_xvenue": "crawler3_sso_xvenue"}
"""The names that the desk's people know from the crawlers before Muhurat."""


def feed_log(desk: Desk, feed: str) -> str:
    """The log's name, without `.log`."""
    return desk.feeds[feed].log or _USUAL.get(feed, f"feed_{feed}")
