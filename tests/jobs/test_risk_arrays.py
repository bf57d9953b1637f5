"""Risk arrays are found by contract, and say what either side can lose."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from muhurat.jobs.base import JobError
from muhurat.jobs.risk_arrays import risk_array
from muhurat.stores.base import ReferenceStore
from muhurat.stores.registry import open_reference_store
from muhurat.venues.nse.span import Needs, SpanReader

DAY, EXPIRY = date(2017, 5, 26), date(2017, 5, 29)


@pytest.fixture
def store(tmp_path: Path, samples: Path) -> Iterator[ReferenceStore]:
    """With NSE's real currency file of a day."""
    made = open_reference_store("sqlite:///./reference.db", base=tmp_path)
    reader = SpanReader(day=DAY, slot="i1", origin="sample", needs=Needs(4, frozenset()))
    file = (samples / "nse" / "span" / "nsccl_x.20170526.i01.spn").read_bytes()
    with made.transaction() as transaction:
        for batch in reader.rows([file]):
            where = {"SpanDate": DAY, "Code": batch["Code"][0], "Kind": batch["Kind"][0]}
            transaction.replace("SpanRisk", batch, where=where)
    yield made
    made.close()


def test_a_future_an_option_and_an_underlying_are_found(store: ReferenceStore) -> None:
    future = risk_array(store, DAY, "GBPINR", expiry=EXPIRY)
    call = risk_array(store, DAY, "USDINR", expiry=EXPIRY, strike=61.25, option_type="CE")
    spot = risk_array(store, DAY, "USDINR")

    assert (future.slot, future.price, len(future.losses)) == ("i1", 83.78, 16)
    assert (future.worst_long, future.worst_short) == (1743.94, 1717.68)
    assert (call.losses[3], call.composite_delta) == (-268.58, 1.0)
    assert spot.price == 64.625


def test_what_is_not_there_is_said_with_the_reason(store: ReferenceStore) -> None:
    with pytest.raises(JobError, match="the SPAN file of 2017-05-26 has no SENSEX 2017-05-29"):
        risk_array(store, DAY, "SENSEX", expiry=EXPIRY)
    with pytest.raises(JobError, match="no SPAN file of 2017-05-27 is loaded"):
        risk_array(store, date(2017, 5, 27), "USDINR")
