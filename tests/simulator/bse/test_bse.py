"""The simulated BSE host: its files as the documents describe them, and its failures."""

from __future__ import annotations

import asyncio
import io
import re
import time
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from muhurat.simulator.bse.library import Library
from muhurat.simulator.bse.simulation import BseSimulation
from muhurat.simulator.market.synthetic import SyntheticMarket
from muhurat.simulator.options import SimOptions
from tests.simulator.file_venues import FRIDAY, at, client, conductor_at

THURSDAY = date(2026, 11, 19)
SCRIP, CONTRACTS = "/downloads/Help/file/scrip.zip", "/downloads1/CO_BSE.zip"
CASH = "/download/BhavCopy/Equity/BhavCopy_BSE_CM_0_0_0_{:%Y%m%d}_F_0000.CSV"
DERIVATIVES = "/download/BhavCopy/Derivative/BhavCopy_BSE_FO_0_0_0_{:%Y%m%d}_F_0000.CSV"
REFERER = {"Referer": "https://www.bseindia.com/"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(seed=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory, library: Library) -> AsyncIterator[httpx.AsyncClient]:
    """The host on Friday at 08:30, and a client with the manners it wants."""
    conductor = conductor_at(tmp_path_factory.mktemp("bse"), at("08:30"))
    simulation = BseSimulation(SimOptions(FRIDAY), conductor, library)
    root = (await simulation.start({}))["bse"]
    async with client(root, **REFERER) as asking:
        yield asking
    await simulation.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def bse(host: httpx.AsyncClient) -> httpx.AsyncClient:
    """The host without the faults of the test before."""
    await host.delete("/_sim/faults")
    return host


async def strike(bse: httpx.AsyncClient, fault: str, **how: Any) -> None:
    assert (await bse.post("/_sim/faults", json={"fault": fault, **how})).status_code == 200


def members(answer: httpx.Response) -> dict[str, list[str]]:
    """An archive's texts as lines."""
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode().split("\r\n") for name in archive.namelist()}


def is_isin(text: str) -> bool:
    digits = "".join(str(int(letter, 36)) for letter in text)
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return len(text) == 12 and total % 10 == 0


async def test_the_scrip_master_is_the_last_sessions_in_its_folder(bse: httpx.AsyncClient) -> None:
    found = members(await bse.get(SCRIP))
    assert "SCRIP/SCRIP_191126.TXT" in found
    assert sum(bool(re.fullmatch(r"SCRIP/SCRIP_\d{6}\.TXT", name)) for name in found) == 1
    assert len(found) > 4

    *lines, end = found["SCRIP/SCRIP_191126.TXT"]
    rows = [line.split("|") for line in lines]
    assert end == ""
    assert len(rows) >= 15_000
    assert {len(row) for row in rows} == {27}
    assert len({row[0] for row in rows}) == len(rows)
    assert {row[1] for row in rows} == {"BSE"}
    assert set(Counter(row[5] for row in rows)) == {"E", "D", "C"}
    assert {row[12] for row in rows} == {"A", "S"}
    assert all(is_isin(row[17]) for row in rows)
    assert all(re.fullmatch(r"(\d{4}-\d\d-\d\d)?", row[place]) for row in rows for place in (13, 19, 24))


async def test_the_contract_master_has_69_fields_and_all_four_types(bse: httpx.AsyncClient) -> None:
    found = members(await bse.get(CONTRACTS))
    control, *lines, end = found["EQD_CO191126.csv"]
    rows = [line.split(",") for line in lines]
    assert control == "2,1.0.0,"
    assert end == ""
    assert len(rows) >= 15_000
    assert {len(row) for row in rows} == {69}
    for place in (0, 52, 53):
        assert len({row[place] for row in rows}) == len(rows)
    assert set(Counter(row[2] for row in rows)) == {"IF", "IO", "SF", "SO"}
    assert {row[8] for row in rows} == {"CE", "PE", ""}
    assert {row[59] for row in rows if row[4] == "SENSEX"} == {"W", "M"}
    assert {row[59] for row in rows if row[4] == "BANKEX"} == {"M"}
    assert {row[68] for row in rows if row[6] == "19-NOV-2026"} == {"E"}  # Thursday's contracts have expired
    assert all(int(row[67]) > 0 and int(row[30]) > 0 for row in rows)
    assert all(row[0] == row[36] for row in rows)


async def test_sensex_contracts_are_those_of_the_simulated_kite(bse: httpx.AsyncClient) -> None:
    rows = [line.split(",") for line in members(await bse.get(CONTRACTS))["EQD_CO191126.csv"][1:-1]]
    master = {row[53]: row for row in rows}
    listed = [each.instrument for each in SyntheticMarket(FRIDAY, seed=1).instruments() if each.tradable]
    shared = [row for row in listed if row.symbol in master]
    assert len(shared) > 0.9 * len(listed)
    for row in shared:
        assert int(master[row.symbol][0]) == row.exchange_token
        assert int(master[row.symbol][7]) == int(row.strike * 100)
        assert int(master[row.symbol][30]) == row.lot_size


async def test_masters_change_in_the_evening(tmp_path: Path, library: Library) -> None:
    conductor = conductor_at(tmp_path, at("19:00"))
    simulation = BseSimulation(SimOptions(FRIDAY), conductor, library)
    async with client((await simulation.start({}))["bse"], **REFERER) as asking:
        assert "EQD_CO191126.csv" in members(await asking.get(CONTRACTS))
        conductor.page.now_ns = at("20:00")
        assert "EQD_CO201126.csv" in members(await asking.get(CONTRACTS))
    await simulation.stop()


@pytest.mark.parametrize(
    ("path", "segment", "rows"), [(CASH, "CM", 4_000), (DERIVATIVES, "FO", 15_000)], ids=["cash", "derivatives"]
)
async def test_bhavcopies_are_plain_csv_in_the_common_format(
    bse: httpx.AsyncClient, path: str, segment: str, rows: int
) -> None:
    answer = await bse.get(path.format(THURSDAY))
    header, *lines = answer.text.splitlines()
    names = header.split(",")
    assert "html" not in answer.headers["content-type"]
    assert len(names) == 34
    assert (names[0], names[10], names[33]) == ("TradDt", "FininstrmActlXpryDt", "Rsvd4")
    table = [dict(zip(names, line.split(","), strict=True)) for line in lines]
    assert len(table) > rows
    assert {(row["TradDt"], row["Sgmt"], row["Src"]) for row in table} == {("2026-11-19", segment, "BSE")}
    assert len({row["FinInstrmId"] for row in table}) == len(table)
    types = {row["FinInstrmTp"] for row in table}
    assert types == ({"STK"} if segment == "CM" else {"STF", "STO", "IDF", "IDO"})
    traded = [row for row in table if int(row["TtlTradgVol"])]
    assert all(float(row["HghPric"]) >= float(row["LwPric"]) > 0 for row in traded)
    if segment == "CM":
        assert all(is_isin(row["ISIN"]) for row in table)
    else:
        assert all(int(row["OpnIntrst"]) % int(row["NewBrdLotQty"]) == 0 for row in table)


async def test_a_close_is_the_next_days_previous_close(library: Library) -> None:
    def column(text: bytes, name: str) -> dict[str, str]:
        header, *lines = text.decode().splitlines()
        at_name, at_id = header.split(",").index(name), header.split(",").index("FinInstrmId")
        return {row[at_id]: row[at_name] for row in (line.split(",") for line in lines)}

    for of_day in (library.cash_bhavcopy, library.derivatives_bhavcopy):
        closes, before = column(of_day(THURSDAY), "ClsPric"), column(of_day(FRIDAY), "PrvsClsgPric")
        shared = closes.keys() & before.keys()
        assert len(shared) > 0.9 * len(before)
        different = sum(closes[each] != before[each] for each in shared)
        assert different <= 0.01 * len(shared)


async def test_the_master_and_the_bhavcopy_name_the_same_contracts(library: Library) -> None:
    master = library.contract_members(THURSDAY)["EQD_CO191126.csv"].decode().split("\r\n")[1:-1]
    bhavcopy = library.derivatives_bhavcopy(THURSDAY).decode().splitlines()[1:]
    assert {line.split(",")[0] for line in master} == {line.split(",")[5] for line in bhavcopy}


async def test_the_same_seed_makes_the_same_bytes_and_another_makes_others(library: Library) -> None:
    again, other = Library(seed=1), Library(seed=2)
    assert again.contract_members(THURSDAY) == library.contract_members(THURSDAY)
    assert again.cash_bhavcopy(THURSDAY) == library.cash_bhavcopy(THURSDAY)
    assert other.cash_bhavcopy(THURSDAY) != library.cash_bhavcopy(THURSDAY)


@pytest.mark.parametrize(
    "path",
    [CASH.format(FRIDAY), CASH.format(date(2026, 11, 15)), DERIVATIVES.format(FRIDAY), "/nothing/here.zip"],
    ids=["not yet", "a Sunday", "not yet, derivatives", "no such path"],
)
async def test_what_is_not_there_is_a_page_with_status_200(bse: httpx.AsyncClient, path: str) -> None:
    answer = await bse.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert 13_000 < len(answer.content) < 16_000


@pytest.mark.parametrize("headers", [{"User-Agent": "python-httpx/0.28"}, {"Referer": ""}], ids=["agent", "referer"])
async def test_programs_without_a_browsers_manners_are_turned_away(
    bse: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    asked = bse.build_request("GET", SCRIP, headers=headers)
    if headers.get("Referer") == "":
        del asked.headers["Referer"]
    assert (await bse.send(asked)).status_code == 403


@pytest.mark.parametrize(("fault", "status"), [("forbidden", 403), ("unavailable", 503), ("throttled", 429)], ids=str)
async def test_refusals_on_command(bse: httpx.AsyncClient, fault: str, status: int) -> None:
    await strike(bse, fault, count=1)
    answer = await bse.get(SCRIP)
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == (fault == "throttled")
    assert (await bse.get(SCRIP)).status_code == 200


@pytest.mark.parametrize("fault", ["missing", "html"])
async def test_a_page_instead_of_a_file(bse: httpx.AsyncClient, fault: str) -> None:
    await strike(bse, fault, path="/downloads")
    answer = await bse.get(SCRIP)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")


async def test_truncated_is_no_archive(bse: httpx.AsyncClient) -> None:
    await strike(bse, "truncated")
    answer = await bse.get(SCRIP)
    assert answer.content.startswith(b"PK")
    assert not zipfile.is_zipfile(io.BytesIO(answer.content))


async def test_wrong_date_is_the_session_before(bse: httpx.AsyncClient) -> None:
    await strike(bse, "wrong_date")
    assert "SCRIP/SCRIP_181126.TXT" in members(await bse.get(SCRIP))
    assert (await bse.get(CASH.format(THURSDAY))).text.splitlines()[1].startswith("2026-11-18,")


async def test_changed_column_shows_in_names_or_in_the_number_of_fields(bse: httpx.AsyncClient) -> None:
    await strike(bse, "changed_column")
    assert {line.count("|") for line in members(await bse.get(SCRIP))["SCRIP/SCRIP_191126.TXT"][:-1]} == {27}
    contracts = members(await bse.get(CONTRACTS))["EQD_CO191126.csv"][1:-1]
    assert {line.count(",") for line in contracts} == {69}
    assert "ClsPric" not in (await bse.get(CASH.format(THURSDAY))).text.splitlines()[0]


async def test_empty_has_a_header_at_most(bse: httpx.AsyncClient) -> None:
    await strike(bse, "empty")
    assert members(await bse.get(SCRIP))["SCRIP/SCRIP_191126.TXT"] == [""]
    assert members(await bse.get(CONTRACTS))["EQD_CO191126.csv"] == ["2,1.0.0,", ""]
    assert len((await bse.get(CASH.format(THURSDAY))).text.splitlines()) == 1


async def test_wrong_member_has_other_names(bse: httpx.AsyncClient) -> None:
    await strike(bse, "wrong_member")
    found = members(await bse.get(SCRIP))
    assert not [name for name in found if re.fullmatch(r"SCRIP/SCRIP_\d{6}\.TXT", name)]


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_what_does_not_end_ends_with_the_simulator(tmp_path: Path, library: Library, fault: str) -> None:
    simulation = BseSimulation(SimOptions(FRIDAY), conductor_at(tmp_path, at("08:30")), library)
    async with client((await simulation.start({}))["bse"], **REFERER) as asking:
        await strike(asking, fault)
        waiting = asyncio.create_task(asking.get(SCRIP))
        await asyncio.sleep(0.6)
        assert not waiting.done()
        began = time.monotonic()
        await simulation.stop()
        assert time.monotonic() - began < 2
        await asyncio.gather(waiting, return_exceptions=True)


async def test_real_files_come_first(tmp_path: Path, library: Library) -> None:
    real = tmp_path / "real" / "www.bseindia.com" / "downloads1"
    real.mkdir(parents=True)
    (real / "CO_BSE.zip").write_bytes(b"PK real")
    options = SimOptions(FRIDAY, files=tmp_path / "real")
    simulation = BseSimulation(options, conductor_at(tmp_path, at("08:30")), library)
    async with client((await simulation.start({}))["bse"], **REFERER) as asking:
        assert (await asking.get(CONTRACTS)).content == b"PK real"
    await simulation.stop()


async def test_real_masters_have_the_layout_of_ours(samples: Path, library: Library) -> None:
    """The samples of 2017 and our own, field by field: the same kinds of text in the same places."""
    ours = library.contract_members(THURSDAY)["EQD_CO191126.csv"].decode().split("\r\n")
    theirs = (samples / "bse" / "EQD_CO250517.csv").read_text().split("\n")
    assert ours[0] == theirs[0].strip()
    assert shapes(ours[1:-1:50], ",") <= shapes(theirs[1:-1:6], ",")
    scrips = library.scrip_members(THURSDAY)["SCRIP/SCRIP_191126.TXT"].decode().split("\r\n")
    real = (samples / "bse" / "SCRIP_250517.TXT").read_text().split("\n")
    assert shapes(scrips[:-1:50], "|") <= shapes(real[:-1:6], "|")


def shapes(lines: list[str], separator: str) -> set[tuple[int, str]]:
    """What kinds of text stand in which field: numbers as 9, words as A, dates as they are built."""
    found = set()
    for line in lines:
        for place, text in enumerate(line.strip().split(separator)):
            shape = re.sub(r"[^,|]*[A-Za-z&%()/ ][^,|]*", "A", text)
            dated = re.fullmatch(r"\d\d-[A-Z]{3}-\d{4}|\d{4}-\d\d-\d\d", text)
            found.add((place, "date" if dated else re.sub(r"\d+", "9", shape)))
    return found
