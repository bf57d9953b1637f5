"""What Kite's ticker is told to send: text frames `{"a": action, "v": value}` (Kite Connect v3, WebSocket streaming).

Nothing is acknowledged. A `subscribe` alone gives mode `quote`; a connection carries at most 3,000 instruments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from muhurat.errors import VenueError
from muhurat.venues.base import StreamMode

MOST_INSTRUMENTS: Final = 3000
"""Per connection (Kite Connect v3, WebSocket streaming)."""
MOST_CONNECTIONS: Final = 3
"""Per api_key; the upgrade of a fourth is refused with HTTP 429 (Kite Connect v3, WebSocket streaming)."""

TOKENS_PER_FRAME: Final = 500


def wanted(tokens: Iterable[int], mode: StreamMode) -> dict[int, StreamMode]:
    """The instruments with their mode, each once; more than a connection carries is refused."""
    modes = dict.fromkeys(tokens, mode)
    if len(modes) > MOST_INSTRUMENTS:
        raise VenueError(
            f"{len(modes)} instruments are more than the {MOST_INSTRUMENTS} of one Kite connection",
            permanent=True,
            hint="split the feed: Kite allows three connections per api_key",
        )
    return modes


def orders(carried: Mapping[int, StreamMode], desired: Mapping[int, StreamMode]) -> Iterator[bytes]:
    """The text frames that lead from what a connection carries to what it shall carry."""
    gone = [token for token in carried if token not in desired]
    new = [token for token in desired if token not in carried]
    yield from _in_parts("unsubscribe", gone)
    yield from _in_parts("subscribe", new)
    changed = {token: mode for token, mode in desired.items() if carried.get(token) != mode}
    for mode in dict.fromkeys(changed.values()):
        yield from _in_parts("mode", [token for token in changed if changed[token] == mode], mode)


def _in_parts(action: str, tokens: list[int], mode: StreamMode | None = None) -> Iterator[bytes]:
    for start in range(0, len(tokens), TOKENS_PER_FRAME):
        part: Any = tokens[start : start + TOKENS_PER_FRAME]
        yield msgspec.json.encode({"a": action, "v": part if mode is None else [mode, part]})
