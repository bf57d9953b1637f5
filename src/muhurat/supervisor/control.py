"""Talking to a running supervisor: one JSON line asks, one JSON line answers, over a socket in the run directory."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from muhurat.errors import MuhuratError

_SOCKET: Final = "supervisor.sock"
_ANSWER_WITHIN_S: Final = 150.0

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


@contextmanager
def _reachable(run_dir: Path) -> Iterator[str]:
    """A short name for the socket: unix socket paths end at 107 bytes, a desk's folder may be deeper."""
    directory = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{_SOCKET}"
    finally:
        os.close(directory)


async def serve(run_dir: Path, handler: Handler) -> asyncio.Server:
    """Answer requests until the returned server is closed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            reply = await handler(json.loads(line)) if line else {}
        except (MuhuratError, ValueError, KeyError) as error:
            reply = {"error": str(error), "hint": getattr(error, "hint", "")}
        with suppress(ConnectionError):
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        writer.close()

    with suppress(FileNotFoundError):
        (run_dir / _SOCKET).unlink()
    with _reachable(run_dir) as name:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(name)
    (run_dir / _SOCKET).chmod(0o600)
    return await asyncio.start_unix_server(answer, sock=listening)


def ask(run_dir: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the desk's supervisor; raises `MuhuratError` when none runs or it refuses."""
    try:
        with _reachable(run_dir) as name, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_WITHIN_S)
            connection.connect(name)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answers:
                reply: dict[str, Any] = json.loads(answers.readline() or b"{}")
    except (FileNotFoundError, ConnectionError) as error:
        raise MuhuratError("no supervisor runs for this desk", hint="start it with `muhurat up`") from error
    except TimeoutError as error:
        raise MuhuratError("the supervisor does not answer", permanent=False, hint="see logs/supervisor.log") from error
    if "error" in reply:
        raise MuhuratError(reply["error"], hint=reply.get("hint", ""))
    return reply
