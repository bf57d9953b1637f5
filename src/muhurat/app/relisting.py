"""Have the dump fetched again now and then while the market is open: exchanges list strikes during the day.

A process of its own does it each time, because the recorder must not stop listening to read a hundred thousand rows.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from muhurat.app.instruments import universe_kind
from muhurat.clock import NS_PER_S, Clock
from muhurat.config import Desk
from muhurat.errors import MuhuratError
from muhurat.log import get_logger

if TYPE_CHECKING:
    from muhurat.calendars.session import Session

_EVERY_S: Final = 900.0
"""Desk seconds between two looks."""
_AT_LEAST_S: Final = 60.0
"""Real seconds between two looks, which a rehearsal's fast day must not undercut."""
_LIMIT_S: Final = 120.0
"""Real seconds that one look may take."""
_POLL_S: Final = 1.0
_SAID: Final = 300


async def look_for_new_contracts(desk: Desk, session: Session | None, clock: Clock) -> None:
    """Look every quarter of an hour of the session, until cancelled; what fails is logged and tried again."""
    if not _follows_a_rule(desk):
        return
    looked_ns, looked_at = clock.now_ns(), clock.monotonic()
    while True:
        await asyncio.sleep(_POLL_S)
        now_ns, now = clock.now_ns(), clock.monotonic()
        due = now_ns - looked_ns >= _EVERY_S * NS_PER_S and now - looked_at >= _AT_LEAST_S
        if due and session is not None and session.contains(now_ns):
            looked_ns, looked_at = now_ns, now
            await _look(desk)


def _follows_a_rule(desk: Desk) -> bool:
    """Whether any feed has instruments that are chosen from the dump."""
    try:
        return any(universe_kind(desk, feed) for feed in desk.feeds.values())
    except MuhuratError as error:
        get_logger(__name__).warning("contracts listed during the day will not be noticed", reason=str(error))
        return False


async def _look(desk: Desk) -> None:
    overlays = [part for overlay in desk.overlays for part in ("--overlay", str(overlay))]
    command = ("-m", "muhurat", "capture", "refresh", "--desk", str(desk.source), *overlays)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            _, complaint = await process.communicate()
    except TimeoutError:
        complaint = f"it took longer than {_LIMIT_S:g} s".encode()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        said = complaint.decode("utf-8", "replace").strip()[-_SAID:]
        get_logger(__name__).warning("the dump could not be looked at again; next try in a while", reason=said)
