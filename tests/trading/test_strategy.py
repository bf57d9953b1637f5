from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.errors import MuhuratError
from muhurat.trading import strategies
from muhurat.trading.strategy import STRATEGIES, strategy_named


def test_every_file_of_a_strategy_is_in_the_registry_and_has_its_face() -> None:
    files = {path.stem for path in Path(strategies.__file__).parent.glob("*.py")} - {"__init__"}

    assert {module.rpartition(".")[2] for module in STRATEGIES.values()} == files
    for name in STRATEGIES:
        assert callable(strategy_named(name).setup)
        assert callable(strategy_named(name).exits)


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MuhuratError, match="unknown strategy 'momentum'") as error:
        strategy_named("momentum")
    assert error.value.hint == "known: ema_mean_reversion"
