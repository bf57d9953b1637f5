"""SPAN files: six moments of a day, real size, the order and signs of the real ones."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from xml.etree.ElementTree import Element, fromstring

import pytest

from tests.simulator.file_venues import at
from tests.simulator.nse.conftest import RunningNse, Start

PATH = "/archives/nsccl/span/nsccl.{}.{}.zip"
THURSDAY = date(2026, 11, 19)


async def span(nse: RunningNse, slot: str, day: str = "20261120") -> tuple[str, bytes]:
    answer = await nse.archives.get(PATH.format(day, slot))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (name,) = archive.namelist()
        return name, archive.read(name)


def losses(contract: Element) -> list[float]:
    return [float(loss.text or "") for loss in contract.findall("ra/a")]


def portfolio(root: Element, kind: str, code: str) -> Element:
    found = root.find(f"pointInTime/clearingOrg/exchange/{kind}[pfCode='{code}']")
    assert found is not None
    return found


async def test_a_span_file_is_full_size_and_whole(start_nse: Start) -> None:
    nse = await start_nse("08:30")
    name, xml = await span(nse, "i1")
    root = fromstring(xml)

    assert name == "nsccl.20261120.i01.spn"
    assert len(xml) >= 5_000_000
    assert xml.startswith(b'<?xml version="1.0"?>\r\n')
    assert xml.rstrip().endswith(b"</spanFile>")
    assert root.findtext("created") == "202611191931"
    assert root.findtext("pointInTime/date") == "20261120"
    assert root.findtext("pointInTime/isSetl") == "0"
    combined = {each.findtext("cc") for each in root.iter("ccDef")}
    assert len(combined) >= 200
    assert {"NIFTY", "BANKNIFTY", "M&M"} <= combined
    assert {len(each.findall("a")) for each in root.iter("ra")} == {16}
    order = [each.tag for each in root.findall("pointInTime/clearingOrg/exchange/*")]
    portfolios = [tag for tag in order if tag.endswith("Pf")]
    assert portfolios == sorted(portfolios, key=["phyPf", "futPf", "oopPf"].index)
    check_that_a_loss_of_a_long_position_is_positive(root)


def check_that_a_loss_of_a_long_position_is_positive(root: Element) -> None:
    future = portfolio(root, "futPf", "NIFTY").find("fut")
    series = portfolio(root, "oopPf", "NIFTY").findall("series")[1]
    put = next(each for each in series.findall("opt") if each.findtext("o") == "P" and each.findtext("k") == "24000.00")
    assert future is not None
    moved, hedged = losses(future), losses(put)
    scan = float(future.findtext("scanRate/priceScan") or "")

    assert moved[2] < 0 < moved[4]
    assert moved[2] == moved[3]
    assert moved[12] == pytest.approx(scan, rel=0.02)
    assert moved[15] == pytest.approx(0.7 * scan, rel=0.02)
    assert hedged[10] > 0 > hedged[12]
    assert hedged[0] < hedged[1]
    assert float(put.findtext("d") or "") < 0


async def test_settlement_is_marked_and_named_as_such(start_nse: Start) -> None:
    nse = await start_nse("18:30")
    name, xml = await span(nse, "s")

    assert name == "nsccl.20261120.s.spn"
    assert b"<isSetl>1</isSetl>" in xml


async def test_slots_appear_at_their_times(start_nse: Start) -> None:
    nse = await start_nse("08:00")
    for slot, before, out in (
        ("i2", "10:59:59", "11:00"),
        ("i5", "15:29:59", "15:30"),
        ("s", "18:29:59", "18:30"),
    ):
        await nse.until(before)
        early = await nse.archives.get(PATH.format("20261120", slot))
        await nse.until(out)
        late = await nse.archives.head(PATH.format("20261120", slot))

        assert (early.status_code, late.status_code) == (404, 200), slot


async def test_the_first_slot_appears_the_evening_before(start_nse: Start) -> None:
    nse = await start_nse(at("19:00", THURSDAY))
    early = await nse.archives.get(PATH.format("20261120", "i1"))
    await nse.conductor.advance_to(at("19:45", THURSDAY))

    assert early.status_code == 404
    assert (await nse.archives.get(PATH.format("20261120", "i1"))).status_code == 200


async def test_spoiled_on_command(start_nse: Start) -> None:
    nse = await start_nse("08:30")
    found = {}
    for fault in ("wrong_date", "changed_column", "empty"):
        await nse.fault(fault, count=1)
        name, found[fault] = await span(nse, "i1")
        assert name == "nsccl.20261120.i01.spn"

    assert b"<pointInTime>\r\n<date>20261119</date>" in found["wrong_date"]
    assert b"<ra>" not in found["changed_column"]
    assert found["empty"] == b""
