"""Asking the supervisor."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from muhurat.errors import MuhuratError
from muhurat.supervisor.control import ask, serve


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def echo(request: dict[str, Any]) -> dict[str, Any]:
    match request.get("do"):
        case "refuse":
            raise MuhuratError("not now", hint="later")
        case "break":
            raise OSError("disk full")
    return {"heard": request}


async def test_a_request_is_answered(tmp_path: Path) -> None:
    async with serve(tmp_path, echo):
        assert await asyncio.to_thread(ask, tmp_path, {"do": "x", "n": 1}) == {"heard": {"do": "x", "n": 1}}


async def test_the_socket_lies_as_deep_as_the_folder_and_is_ours_alone(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90) / ("e" * 90)
    deep.mkdir(parents=True)
    before = open_files()
    async with serve(deep, echo):
        assert await asyncio.to_thread(ask, deep, {"do": "x"}) == {"heard": {"do": "x"}}
        assert stat.S_IMODE((deep / "supervisor.sock").stat().st_mode) == 0o600
    assert not (deep / "supervisor.sock").exists()
    await asyncio.sleep(0.01)
    assert open_files() <= before


async def test_a_refusal_carries_its_hint(tmp_path: Path) -> None:
    async with serve(tmp_path, echo):
        with pytest.raises(MuhuratError, match="not now") as refused:
            await asyncio.to_thread(ask, tmp_path, {"do": "refuse"})
        assert refused.value.hint == "later"
        with pytest.raises(MuhuratError, match="disk full"):
            await asyncio.to_thread(ask, tmp_path, {"do": "break"})


@pytest.mark.parametrize("line", [b"[1]\n", b"not json\n", b'{"do": "' + b"x" * 100_000 + b'"}\n'])
async def test_a_line_that_is_no_request_is_told_so_and_the_next_one_served(tmp_path: Path, line: bytes) -> None:
    async with serve(tmp_path, echo):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "supervisor.sock"))
        writer.write(line)
        assert "error" in json.loads(await asyncio.wait_for(reader.readline(), 5))
        writer.close()
        assert "heard" in await asyncio.to_thread(ask, tmp_path, {"do": "x"})


async def test_a_client_that_says_nothing_holds_up_nobody(tmp_path: Path) -> None:
    async with serve(tmp_path, echo):
        _, writer = await asyncio.open_unix_connection(str(tmp_path / "supervisor.sock"))
        assert "heard" in await asyncio.to_thread(ask, tmp_path, {"do": "x"})
        writer.close()


async def test_a_socket_that_a_killed_supervisor_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "supervisor.sock").touch()
    with pytest.raises(MuhuratError, match="no supervisor runs"):
        ask(tmp_path, {"do": "x"})
    async with serve(tmp_path, echo):
        assert "heard" in await asyncio.to_thread(ask, tmp_path, {"do": "x"})


def test_without_a_supervisor_the_answer_says_how_to_start_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MuhuratError, match="no supervisor runs") as refused:
            ask(folder, {"do": "status"})
        assert refused.value.hint == "start it with `muhurat up`"
