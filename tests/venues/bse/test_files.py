"""BSE's files are fetched as its website wants it, and its page for a missing file is understood."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import stamina

from muhurat.clock import SystemClock
from muhurat.venues.bse.files import CONTRACT_PATH, SCRIP_PATH, BseClient
from muhurat.venues.refusals import NotPublished, OtherDay
from tests.venues.answering import SOFT_MISSING, Answer, WebServer
from tests.venues.bse.masters import contract_text, contract_zip, scrip_text, scrip_zip

BEFORE, DAY = date(2026, 9, 21), date(2026, 9, 22)


@pytest.fixture
def server() -> Iterator[WebServer]:
    server = WebServer()
    stamina.set_testing(True, attempts=3)
    yield server
    stamina.set_testing(False)
    server.close()


@pytest.fixture
def bse(server: WebServer) -> Iterator[BseClient]:
    client = BseClient(server.root, SystemClock(), requests_per_second=1000, timeout_s=2)
    yield client
    client.close()


def test_both_masters_arrive_under_their_fixed_names(server: WebServer, bse: BseClient, tmp_path: Path) -> None:
    server.lay(SCRIP_PATH, Answer(scrip_zip(BEFORE), content_type="application/x-zip-compressed"))
    server.lay(CONTRACT_PATH, Answer(contract_zip(BEFORE)))

    scrips = bse.scrip_master(tmp_path, BEFORE, DAY)
    contracts = bse.contract_master(tmp_path, BEFORE, DAY)

    assert scrips.path.read_bytes() == scrip_text()
    assert contracts.path.read_bytes() == contract_text(BEFORE)
    assert (scrips.member, scrips.dated, scrips.rows) == ("SCRIP/SCRIP_210926.TXT", BEFORE, 10_020)
    assert contracts.kinds == dict.fromkeys(("IF", "IO", "SF", "SO"), 300)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["EQD.csv", "SCRIP.TXT"]
    asked = server.asked[0].headers
    assert asked["User-Agent"].startswith("Mozilla/5.0")
    assert asked["Referer"] == server.root + "/"


def test_the_page_that_bse_sends_for_a_missing_file_is_no_file(
    server: WebServer, bse: BseClient, tmp_path: Path
) -> None:
    server.lay(SCRIP_PATH, SOFT_MISSING)

    with pytest.raises(NotPublished, match=r"HTTP 200 .*a web page instead of the file") as caught:
        bse.scrip_master(tmp_path, BEFORE, DAY)

    assert "may not be published yet" in caught.value.hint
    assert not caught.value.permanent
    assert list(tmp_path.iterdir()) == []


def test_a_master_of_an_earlier_session_is_not_todays(server: WebServer, bse: BseClient, tmp_path: Path) -> None:
    server.lay(SCRIP_PATH, Answer(scrip_zip(date(2026, 9, 18))))
    with pytest.raises(OtherDay, match=r"SCRIP_180926.TXT of 2026-09-18, and that of 2026-09-21"):
        bse.scrip_master(tmp_path, BEFORE, DAY)


def test_a_master_of_tomorrow_is_doubted(server: WebServer, bse: BseClient, tmp_path: Path) -> None:
    server.lay(SCRIP_PATH, Answer(scrip_zip(date(2026, 9, 23))))
    with pytest.raises(OtherDay, match=r"dated 2026-09-23, after 2026-09-22"):
        bse.scrip_master(tmp_path, BEFORE, DAY)
