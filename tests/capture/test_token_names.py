"""What a token is called on a day."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.capture.token_names import DayNames, TokenNames
from muhurat.errors import MuhuratError
from tests.stores.ticks import write_universe

TOKENS = st.integers(1, 50)


@given(st.sets(TOKENS), st.lists(st.lists(TOKENS)))
def test_codes_stand_for_names_and_strangers_are_called_by_number(known: set[int], batches: list[list[int]]) -> None:
    names = DayNames({token: (f"S{token}", token % 2 == 0) for token in known})
    codes_of = [(tokens, names.codes(np.array(tokens, np.int64))) for tokens in batches]
    for tokens, codes in codes_of:
        expected = [f"S{token}" if token in known else str(token) for token in tokens]
        assert names.symbols[codes].tolist() == expected
        assert names.modelled[codes].tolist() == [token in known and token % 2 == 0 for token in tokens]
        assert names.unknown[codes].tolist() == [token not in known for token in tokens]


def symbol(names: TokenNames, day: str, token: int) -> str:
    found = names.on(day)
    (code,) = found.codes(np.array([token]))
    return str(found.symbols[code])


def test_each_day_has_its_names(tmp_path: Path) -> None:
    write_universe(tmp_path, "desk", "20250902", '{"SENSEX": {"token": 265}}')
    write_universe(tmp_path, "desk", "20250903", '{"OTHER": {"token": 265}}')
    write_universe(tmp_path, "sso", "20250902", '{"FOREIGN": {"token": 265}}')
    names = TokenNames(tmp_path, "desk")
    found = [symbol(names, day, 265) for day in ("20250902", "20250903", "20250902", "20250904")]
    assert found == ["SENSEX", "OTHER", "SENSEX", "265"]


def test_what_a_new_centre_put_into_reserve_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "desk_20250902.json"
    path.write_text('{"instruments": {"NEAR": {"token": 1}}, "reserve": {"FAR": {"token": 2}}}')
    names = TokenNames(tmp_path, "desk")
    assert [symbol(names, "20250902", token) for token in (1, 2)] == ["NEAR", "FAR"]


def test_a_universe_that_comes_late_or_changes_is_read_again(tmp_path: Path) -> None:
    names = TokenNames(tmp_path, "desk")
    assert symbol(names, "20250902", 265) == "265"
    for number, name in enumerate(("SENSEX", "BANKEX")):
        write_universe(tmp_path, "desk", "20250902", f'{{"{name}": {{"token": 265}}}}')
        os.utime(tmp_path / "desk_20250902.json", ns=(number, number))
        assert symbol(names, "20250902", 265) == name


def test_a_spoilt_universe_is_named(tmp_path: Path) -> None:
    write_universe(tmp_path, "desk", "20250902", '{"SENSEX": {}}')
    with pytest.raises(MuhuratError, match=r"desk_20250902\.json is spoilt"):
        TokenNames(tmp_path, "desk").on("20250902")
