"""What a listener of some instruments is sent, instant by instant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numpy as np

from muhurat.clock import NS_PER_S
from muhurat.simulator.market.base import Frame, Series

_CHUNK_NS: Final = 600 * NS_PER_S


def merge(series: Callable[[int], Series], tokens: Iterable[int], from_ns: int, to_ns: int) -> Iterator[Frame]:
    """The packets of `tokens` sent within `[from_ns, to_ns)`, one `Frame` per instant, tokens ascending within it.

    Works ten minutes ahead at most, so a whole day is never held in Python objects.
    """
    wanted = [series(token) for token in sorted(set(tokens))]
    filled = [one for one in wanted if len(one)]
    if not filled:
        return
    start_ns = max(from_ns, min(int(one.send_ns[0]) for one in filled))
    end_ns = min(to_ns, max(int(one.send_ns[-1]) for one in filled) + 1)
    while start_ns < end_ns:
        yield from _chunk(filled, start_ns, min(start_ns + _CHUNK_NS, end_ns))
        start_ns += _CHUNK_NS


def _chunk(filled: list[Series], from_ns: int, to_ns: int) -> Iterator[Frame]:
    spans = [np.searchsorted(one.send_ns, (from_ns, to_ns)) for one in filled]
    send_ns = np.concatenate([one.send_ns[low:high] for one, (low, high) in zip(filled, spans, strict=True)])
    tokens = np.repeat([one.token for one in filled], [high - low for low, high in spans])
    rows = np.concatenate([np.arange(low, high) for low, high in spans])
    # A stable sort keeps the ascending order of tokens among packets of one instant.
    order = np.argsort(send_ns, kind="stable")
    instants, starts = np.unique(send_ns[order], return_index=True)
    edges = [*starts.tolist(), len(order)]
    token_list, row_list = tokens[order].tolist(), rows[order].tolist()
    for at_ns, low, high in zip(instants.tolist(), edges, edges[1:], strict=False):
        yield Frame(at_ns, tuple(token_list[low:high]), tuple(row_list[low:high]))
