"""nsearchives.nseindia.com as a desk's jobs see it."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from datetime import date
from pathlib import Path

import httpx

from muhurat.simulator.nse.udiff import HEADER
from muhurat.simulator.options import SimOptions
from tests.simulator.file_venues import FRIDAY, at
from tests.simulator.nse.conftest import Start

CM = "/content/cm/BhavCopy_NSE_CM_0_0_0_{}_F_0000.csv.zip"
FO = "/content/fo/BhavCopy_NSE_FO_0_0_0_{}_F_0000.csv.zip"
INDICES = "/content/indices/ind_close_all_{}.csv"
BANS = "/content/fo/fo_secban.csv"
BANS_OF = "/archives/fo/sec_ban/fo_secban_{}.csv"


def member(answer: httpx.Response) -> tuple[str, str]:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        (name,) = archive.namelist()
        return name, archive.read(name).decode("ascii")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_the_cash_bhavcopy_is_full_size(start_nse: Start) -> None:
    nse = await start_nse("19:00")
    name, text = member(await nse.archives.get(CM.format("20261120")))
    found = rows(text)

    assert name == "BhavCopy_NSE_CM_0_0_0_20261120_F_0000.csv"
    assert text.splitlines()[0] == HEADER
    assert len(HEADER.split(",")) == 34
    assert len(found) >= 3_000
    assert {(row["TradDt"], row["BizDt"], row["Sgmt"], row["Src"], row["FinInstrmTp"]) for row in found} == {
        ("2026-11-20", "2026-11-20", "CM", "NSE", "STK")
    }
    assert {"EQ", "BE", "SM", "GS"} <= {row["SctySrs"] for row in found}
    assert all(line.endswith(",,,,,") for line in text.splitlines()[1:])
    reliance = next(row for row in found if row["TckrSymb"] == "RELIANCE")
    low, close, high = (float(reliance[column]) for column in ("LwPric", "ClsPric", "HghPric"))
    assert 0 < low <= close <= high
    assert reliance["SttlmPric"] == reliance["ClsPric"]
    assert reliance["XpryDt"] == reliance["OpnIntrst"] == reliance["UndrlygPric"] == ""


async def test_the_derivatives_bhavcopy_is_full_size(start_nse: Start) -> None:
    nse = await start_nse("19:00")
    name, text = member(await nse.archives.get(FO.format("20261120")))
    found = rows(text)
    kinds = Counter(row["FinInstrmTp"] for row in found)

    assert name == "BhavCopy_NSE_FO_0_0_0_20261120_F_0000.csv"
    assert len(found) >= 35_000
    assert set(kinds) == {"STF", "STO", "IDF", "IDO"}
    assert len({row["TckrSymb"] for row in found}) >= 210
    assert len({row["FinInstrmId"] for row in found}) == len(found)
    future = next(row for row in found if row["FinInstrmTp"] == "STF")
    option = next(row for row in found if row["FinInstrmNm"] == "NIFTY26NOV24000PE")
    assert (future["StrkPric"], future["OptnTp"]) == ("", "")
    assert (option["StrkPric"], option["OptnTp"], option["XpryDt"]) == ("24000.00", "PE", "2026-11-23")
    assert all(int(row["OpnIntrst"]) % int(row["NewBrdLotQty"]) == 0 for row in found[:2000])
    traded = next(row for row in found if row["FinInstrmTp"] == "IDO" and row["TtlTradgVol"] != "0")
    units = int(traded["TtlTradgVol"]) * int(traded["NewBrdLotQty"])
    paid = float(traded["TtlTrfVal"]) / units - float(traded["StrkPric"])
    assert float(traded["LwPric"]) <= paid <= float(traded["HghPric"])


async def test_one_days_close_is_the_next_days_previous_close(start_nse: Start) -> None:
    nse = await start_nse(at("19:00", date(2026, 11, 23)))
    (_, friday), (_, monday) = [
        member(await nse.archives.get(FO.format(day))) for day in ("20261120", "20261123")
    ]  # fmt: skip
    closes = {row["FinInstrmId"]: row["ClsPric"] for row in rows(friday)}

    again = [row for row in rows(monday) if row["FinInstrmId"] in closes]
    assert len(again) > 35_000
    assert all(row["PrvsClsgPric"] == closes[row["FinInstrmId"]] for row in again)


async def test_files_are_out_at_their_time_of_the_desks_day(start_nse: Start) -> None:
    nse = await start_nse("09:00")
    for path, before, out in (
        (CM.format("20261120"), "17:59:59", "18:00"),
        (FO.format("20261120"), "18:14:59", "18:15"),
        (BANS_OF.format("23112026"), "18:29:59", "18:30"),
    ):
        await nse.until(before)
        early = await nse.archives.get(path)
        await nse.until(out)
        late = await nse.archives.head(path)

        assert early.status_code == 404, path
        assert early.headers["content-type"].startswith("text/html")
        assert 3_000 < len(early.content) < 4_000
        assert late.status_code == 200, path


async def test_a_holiday_a_weekend_and_no_date_at_all_are_missing(start_nse: Start) -> None:
    nse = await start_nse(at("19:00", date(2026, 11, 26)))
    paths = (CM, "/archives/nsccl/span/nsccl.{}.s.zip")
    days = ("20261124", "20261121", "20261122", "20301120", "20261320")
    answers = [await nse.archives.get(path.format(day)) for path in paths for day in days]

    assert {answer.status_code for answer in answers} == {404}


async def test_sunday_of_muhurat_trading_has_a_bhavcopy(start_nse: Start) -> None:
    nse = await start_nse("08:00")
    _, text = member(await nse.archives.get(CM.format("20261108")))

    assert rows(text)[0]["TradDt"] == "2026-11-08"


async def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(start_nse: Start) -> None:
    answers = []
    for seed in (1, 1, 2):
        nse = await start_nse("19:00", SimOptions(FRIDAY, seed=seed))
        answers.append((await nse.archives.get(FO.format("20261120"))).content)

    assert answers[0] == answers[1] != answers[2]


async def test_index_closes(start_nse: Start) -> None:
    nse = await start_nse("19:00")
    answer = await nse.archives.get(INDICES.format("20112026"))
    found = {row["Index Name"]: row for row in rows(answer.text)}

    assert answer.headers["content-type"].startswith("text/csv")
    assert len(found) > 100
    assert found["Nifty 50"]["Index Date"] == "20-11-2026"
    assert float(found["Nifty 50"]["High Index Value"]) >= float(found["Nifty 50"]["Closing Index Value"])
    assert found["Nifty 10 yr Benchmark G-Sec"]["Open Index Value"] == "-"


async def test_the_list_of_banned_stocks_changes_in_the_evening(start_nse: Start) -> None:
    nse = await start_nse("08:30")
    morning = (await nse.archives.get(BANS)).text
    await nse.until("18:30")
    evening = (await nse.archives.get(BANS)).text

    assert morning.startswith("Securities in Ban For Trade Date 20-NOV-2026:\n1,")
    assert evening.startswith("Securities in Ban For Trade Date 23-NOV-2026:")
    assert evening == (await nse.archives.get(BANS_OF.format("23112026"))).text
    numbers = [int(line.split(",")[0]) for line in morning.splitlines()[1:]]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_some_days_nobody_is_banned(start_nse: Start) -> None:
    nse = await start_nse("08:30")

    assert (await nse.archives.get(BANS_OF.format("19112026"))).text == (
        "Securities in Ban For Trade Date 19-NOV-2026: NIL\n"
    )


async def test_the_lists_other_forms_on_command(start_nse: Start) -> None:
    nse = await start_nse("08:30")
    forms = {}
    for fault in ("nil", "header_only", "wrong_date", "empty", "html"):
        await nse.fault(fault, count=1)
        forms[fault] = (await nse.archives.get(BANS)).text

    assert forms["nil"] == "Securities in Ban For Trade Date 20-NOV-2026: NIL\n"
    assert forms["header_only"] == "Securities in Ban For Trade Date 20-NOV-2026:\n"
    assert "19-NOV-2026" in forms["wrong_date"]
    assert forms["empty"] == ""
    assert forms["html"].startswith("<!DOCTYPE html>")


async def test_a_bhavcopy_spoiled_on_command(start_nse: Start) -> None:
    nse = await start_nse("19:00")
    texts = {}
    for fault in ("wrong_date", "changed_column", "empty"):
        await nse.fault(fault, count=1)
        name, texts[fault] = member(await nse.archives.get(CM.format("20261120")))
        assert name == "BhavCopy_NSE_CM_0_0_0_20261120_F_0000.csv"

    assert {row["TradDt"] for row in rows(texts["wrong_date"])} == {"2026-11-19"}
    assert ",ClsPric," not in texts["changed_column"].splitlines()[0]
    assert ",PrvsClsgPric," in texts["changed_column"].splitlines()[0]
    assert texts["empty"] == HEADER + "\n"


async def test_only_browsers_are_welcome(start_nse: Start) -> None:
    nse = await start_nse("19:00")

    assert (await nse.archives.get(BANS, headers={"User-Agent": "python-httpx/0.28"})).status_code == 403
    assert (await nse.archives.get(BANS)).status_code == 200


async def test_files_are_made_while_other_requests_are_answered(start_nse: Start) -> None:
    import asyncio

    nse = await start_nse("19:00")
    making = asyncio.create_task(nse.archives.get("/archives/nsccl/span/nsccl.20261120.s.zip"))
    await asyncio.sleep(0.02)
    quick = await nse.www.get("/_sim/stats")

    assert quick.status_code == 200
    assert not making.done()
    assert (await making).status_code == 200


async def test_real_files_by_host_and_path(start_nse: Start, tmp_path: Path) -> None:
    folder = tmp_path / "real" / "nsearchives.nseindia.com" / "content" / "fo"
    folder.mkdir(parents=True)
    (folder / "fo_secban.csv").write_text("Securities in Ban For Trade Date 20-NOV-2026:\n1,REALONE\n")
    nse = await start_nse("08:30", SimOptions(FRIDAY, files=tmp_path / "real"))

    assert (await nse.archives.get(BANS)).text.endswith("1,REALONE\n")
    assert re.match("Securities in Ban", (await nse.archives.get(BANS_OF.format("20112026"))).text)
