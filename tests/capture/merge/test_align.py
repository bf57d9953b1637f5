from __future__ import annotations

import numpy as np
import pytest

from muhurat.capture.merge.align import sorted_by


@pytest.mark.parametrize("count", [0, 1, 1000, (1 << 20) + 1])
def test_sorting_keeps_equal_keys_as_they_stand_however_many_there_are(count: int) -> None:
    keys = np.random.default_rng(count).integers(0, 1 << 44, count, np.uint64) >> np.uint64(count % 2 * 30)

    assert np.array_equal(sorted_by(keys), np.argsort(keys, kind="stable"))
