"""Talking to a running supervisor: one JSON line asks, one JSON line answers, over a socket in the run directory."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from muhurat.errors import MuhuratError

_SOCKET: Final = "supervisor.sock"
_ANSWER_WITHIN_S: Final = 15.0
_NONE_RUNS: Final = "no supervisor runs for this desk"

Handler = Callable[[dict[str, Any]], dict[str, Any]]


@contextmanager
def _reachable(run_dir: Path) -> Iterator[str]:
    """A short name for the socket: unix socket paths end at 107 bytes, a desk's folder may be deeper."""
    directory = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{_SOCKET}"
    finally:
        os.close(directory)


@asynccontextmanager
async def serve(run_dir: Path, handler: Handler) -> AsyncIterator[None]:
    """Answer requests for the length of a block; only for who holds the run directory's supervisor lock."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            if line := await _line(reader):
                writer.write(json.dumps(_reply(handler, line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    path = run_dir / _SOCKET
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _reachable(run_dir) as name:
        listening.bind(name)
    path.chmod(0o600)  # before it listens, so nobody can be in already
    server = await asyncio.start_unix_server(answer, sock=listening)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def ask(run_dir: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the desk's supervisor; raises `MuhuratError` when none runs or it refuses."""
    try:
        with _reachable(run_dir) as name, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_WITHIN_S)
            connection.connect(name)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
    except (FileNotFoundError, ConnectionError) as error:
        raise MuhuratError(_NONE_RUNS, hint="start it with `muhurat up`") from error
    except PermissionError as error:
        raise MuhuratError("the desk's supervisor is another user's", hint="ask as the user who runs it") from error
    except TimeoutError as error:
        raise MuhuratError("the supervisor does not answer", permanent=False, hint="see logs/supervisor.log") from error
    if not line:
        raise MuhuratError("the supervisor ended before it answered", hint="see `muhurat status`")
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        raise MuhuratError(reply["error"], hint=reply.get("hint", ""))
    return reply


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:  # longer than any request
        return b"null\n"


def _reply(handler: Handler, line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise MuhuratError("a request is one JSON object on one line")
        return handler(request)
    except (MuhuratError, ValueError, OSError) as error:
        return {"error": str(error), "hint": getattr(error, "hint", "")}
