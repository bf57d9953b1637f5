"""Orders to the ticker lead from what is carried to what is wanted, and no further."""

from __future__ import annotations

import json
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from muhurat.venues.kite.subscription import TOKENS_PER_FRAME, orders, wanted

MODES = st.dictionaries(st.integers(1, 30), st.sampled_from(["ltp", "quote", "full"]))
Modes = dict[int, Literal["ltp", "quote", "full"]]


def obey(carried: Modes, frames: list[bytes]) -> Modes:
    """What Kite would carry after these orders; a subscription alone means mode quote."""
    result = dict(carried)
    for frame in frames:
        match json.loads(frame):
            case {"a": "subscribe", "v": tokens}:
                result |= dict.fromkeys(tokens, "quote")
            case {"a": "unsubscribe", "v": tokens}:
                result = {token: mode for token, mode in result.items() if token not in tokens}
            case {"a": "mode", "v": [mode, tokens]}:
                result |= dict.fromkeys(tokens, mode)
    return result


@given(MODES, MODES)
def test_obeying_the_orders_gives_what_is_wanted(carried: Modes, desired: Modes) -> None:
    assert obey(carried, list(orders(carried, desired))) == desired


@given(MODES)
def test_nothing_is_sent_when_nothing_changes(carried: Modes) -> None:
    assert list(orders(carried, dict(carried))) == []


def test_many_tokens_go_in_parts() -> None:
    desired = wanted(range(1, 3001), "full")

    frames = [json.loads(frame) for frame in orders({}, desired)]

    subscribed = [frame["v"] for frame in frames if frame["a"] == "subscribe"]
    assert [len(tokens) for tokens in subscribed] == [TOKENS_PER_FRAME] * 6
    assert [token for tokens in subscribed for token in tokens] == list(range(1, 3001))
    assert obey({}, [json.dumps(frame).encode() for frame in frames]) == desired


def test_a_token_named_twice_counts_once() -> None:
    assert wanted([5, 7, 5], "ltp") == {5: "ltp", 7: "ltp"}
