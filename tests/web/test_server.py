"""The service's answers, its page in a real browser, and a port that is taken."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from muhurat.errors import MuhuratError
from muhurat.web import server
from tests.web.made import BARS, FEED, MadeDesk, lines
from tests.web.serving import serving


@pytest.fixture(scope="module")
def looked_at() -> list[MadeDesk]:
    """The desk that the one application of this process shows; NiceGUI allows a process no more than one."""
    return []


@pytest.fixture(scope="module")
def application(looked_at: list[MadeDesk], tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = MadeDesk(tmp_path_factory.mktemp("first"))

    class Shown(server.Desk):
        def look(self) -> Any:
            return looked_at[-1].look()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "Desk", Shown)
        return server.build(made.place, made.clock)


@pytest.fixture
def get(application: Any, looked_at: list[MadeDesk], desk: MadeDesk) -> Callable[[str], Any]:
    looked_at.append(desk)

    async def answer(path: str) -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
            return await client.get(path)

    return answer


async def test_health_is_200_while_the_desk_is_well(get: Callable[[str], Any]) -> None:
    answer = await get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "why": "4 services as they should be",
        "time": "2026-11-19T09:31:00+05:30",
        "session": "F&O open · closes in 6 h 9 m",
        "services": {"web": "running", "recorder": "running", "decode": "running", "trader": "running"},
    }


async def test_health_is_200_when_the_desk_is_degraded(get: Callable[[str], Any], desk: MadeDesk) -> None:
    desk.record(state="refused")
    answer = await get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert "sensex_desk is refused" in answer.json()["why"]


async def test_health_is_503_when_the_desk_is_down(get: Callable[[str], Any], desk: MadeDesk) -> None:
    desk.put("recorder", "fatal", "exit code 2")
    answer = await get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")


async def test_metrics_are_text_for_prometheus(get: Callable[[str], Any]) -> None:
    answer = await get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# HELP muhurat_supervisor_up 1 while the supervisor runs" in answer.text


async def test_status_is_what_the_command_prints(get: Callable[[str], Any], desk: MadeDesk) -> None:
    desk.alert("09:20", "look")
    answer = (await get("/api/v1/status")).json()
    assert [row["name"] for row in answer["services"]] == ["web", "recorder", "decode", "trader"]
    assert answer["feeds"][FEED]["packets"] == 1000
    assert [alert["what"] for alert in answer["alerts"]] == ["look"]


async def test_trading_tells_the_day_so_far(get: Callable[[str], Any], desk: MadeDesk) -> None:
    desk.decide(lines())
    answer = (await get("/api/v1/trading")).json()
    assert answer["state"] == "ACTIVE"
    assert answer["realised"] == -469.04
    assert [trade["reason"] for trade in answer["trades"]] == ["premium_stop"]
    assert [line["reason"] for line in answer["refused"]] == ["option_data"]
    assert answer["trader"]["position"] is None


def test_a_desk_is_read_twice_a_second_at_most_and_a_new_day_begins_anew(desk: MadeDesk) -> None:
    desk.decide(lines())
    seen = server.Desk(desk.place, desk.clock)
    assert len(seen.look().decisions.trades) == 1
    desk.clock.at_ns += 86_400 * 10**9
    assert len(seen.look().decisions.trades) == 1, "half a second has not passed"
    desk.clock.ago_s = -1
    assert seen.look().decisions.trades == []


async def test_a_taken_port_is_an_error_that_says_so(desk: MadeDesk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MuhuratError, match=f"the page cannot listen on 127.0.0.1:{port}: Address already in use"):
            await server.serve(desk.place, desk.clock, None, "127.0.0.1", port)  # type: ignore[arg-type]


def drawn(page: Any) -> tuple[str, int, int]:
    """What the chart really shows: the word in its middle, how many candles, how many entries."""
    word, candles, bought = page.evaluate(
        """() => {
            const element = document.querySelector(".candles");
            const { graphic, series } = getElement(Number(element.id.slice(1))).chart.getOption();
            const real = series[0].data.filter((each) => each !== "-");
            return [graphic[0].elements[0].style.text, real.length, series[3].data.length];
        }"""
    )
    return word, candles, bought


@pytest.mark.slow
@pytest.mark.servers
def test_the_page_in_a_real_browser_follows_the_desk(desk: MadeDesk, browser: Any) -> None:
    said = lines()
    first_fill = next(index for index, line in enumerate(said) if line["kind"] == "fill")
    with serving(desk) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        head, main = page.locator("header"), page.locator(".grid")
        main.get_by_text("No bar has closed yet.").wait_for()
        assert drawn(page) == ("No bar has closed yet.", 0, 0)

        desk.run()
        desk.decide(said[:first_fill])
        main.get_by_text("enter", exact=True).wait_for()
        assert drawn(page) == ("", 2, 0)
        assert "09:31:00" in head.inner_text()
        assert "all right" in head.inner_text()
        assert "No trade has been closed today." in main.inner_text()
        for service in ("web", "recorder", "decode", "trader"):
            assert service in main.inner_text()

        desk.decide(said[first_fill:])
        main.get_by_text("−₹469.04", exact=True).wait_for()
        head.get_by_text("−₹469.04").wait_for()
        assert "premium stop" in main.inner_text()
        assert drawn(page) == ("", BARS, 1)

        desk.put("trader", "fatal", "exit code 2")
        head.get_by_text("trader given up: exit code 2").wait_for()
        assert complaints == []
        assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []

        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert beyond == 0, f"the page is wider than a window of {width}"
        assert head.locator(".facts").bounding_box()["height"] < 120


@pytest.mark.slow
@pytest.mark.servers
def test_a_page_that_cannot_read_its_desk_says_so_and_recovers(desk: MadeDesk, browser: Any) -> None:
    with serving(desk) as address:
        page = browser.new_page()
        page.goto(address)
        desk.run()  # on a busy machine the page may have come later than services may be silent
        page.get_by_text("all right").wait_for()
        live = desk.place.run_dir / "live.json"
        live.write_text('{"SENSEX')
        page.get_by_text("this page cannot read the desk").wait_for()
        assert "trading ACTIVE" in page.locator("header").inner_text(), "what was known is still there"
        live.unlink()
        page.get_by_text("this page cannot read the desk").wait_for(state="detached")
