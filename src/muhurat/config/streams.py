"""Which feeds are published, and to which streams."""

from __future__ import annotations

from typing import Final

from muhurat.config.sections import Desk

_USUAL: Final = {"sso_xvenue": "ticks:raw:binary"}
_NONE: Final = "none"


def usual_stream(feed: str) -> str:
    """The stream of a feed whose desk file names none."""
    return _USUAL.get(feed, f"ticks:raw:{feed}")


def streams_of(desk: Desk) -> dict[str, str]:
    """The published feeds and their streams; none on a desk without `stores.stream`."""
    if desk.stores.stream == _NONE:
        return {}
    named = {name: feed.publish or usual_stream(name) for name, feed in desk.feeds.items()}
    return {name: stream for name, stream in named.items() if stream != _NONE}
