"""What the services behind a recorder say of its feeds: how late data come, how much of them is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Gauges = Mapping[str, Any]

_DECODE: Final = "decode"
_PUBLISH: Final = "publish"


def decoders(words: Mapping[str, Mapping[str, Any]]) -> dict[str, Gauges]:
    """The gauges of each decode service by its feed; `words` are heartbeats by service."""
    return dict(_by_feed(words, _DECODE))


def publishers(words: Mapping[str, Mapping[str, Any]]) -> dict[str, Gauges]:
    """The gauges of each publisher by its feed."""
    return dict(_by_feed(words, _PUBLISH))


def _by_feed(words: Mapping[str, Mapping[str, Any]], kind: str) -> Iterator[tuple[str, Gauges]]:
    """A service `<kind>` or `<kind>_<feed>` tells of one feed, or of several under `feeds`."""
    for service, word in words.items():
        head, _, tail = service.partition("_")
        if head != kind:
            continue
        gauges = word["gauges"]
        if "feeds" in gauges:
            yield from gauges["feeds"].items()
        elif gauges:
            yield str(gauges.get("feed", tail)), gauges
