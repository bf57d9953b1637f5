"""`muhurat sim`: serve simulated venues on loopback, on a clock of their own."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from muhurat.errors import UsageError

if TYPE_CHECKING:
    from muhurat.simulator.server import Plan

_FIRST_INSTANT: Final = "2026-11-20T08:30"
_LAST_TIME: Final = time(15, 50)


def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Venues to simulate; default: all.")
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PORT", help="A port to listen on; default: any free one.")
    ] = None,
    at: Annotated[
        str, typer.Option(metavar="TIME", help="The instant the day begins at, Indian time.")
    ] = _FIRST_INSTANT,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="When time comes to stand still; default: 15:50 that day.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Desk seconds per real second.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 1,
    candles: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Make the day from real candles, Kite's CSVs.")
    ] = None,
    journal: Annotated[Path | None, typer.Option(metavar="DIR", help="Play a recorded journal again.")] = None,
    files: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Serve real files from DIR/host/path before made ones.")
    ] = None,
    latency: Annotated[
        str, typer.Option(metavar="LOW-HIGH", help="Real seconds before a file begins, such as 1-5.")
    ] = "0-0",
    overlay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the overlay that points a desk here.")
    ] = None,
    clock: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to put the clock page; default: a temporary file.")
    ] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Let time stand still until PUT /_sim/clock.")] = False,
    rate_limits: Annotated[
        bool, typer.Option(help="Refuse what the real venues would refuse as too many requests.")
    ] = True,
) -> None:
    """Serve simulated venues on loopback, on a clock of their own.

    Prints one line of JSON with the URLs, and the value for MUHURAT_CLOCK, when all listen; runs until SIGTERM.
    """
    from muhurat.clock import to_ns
    from muhurat.simulator.options import SimOptions
    from muhurat.simulator.server import VENUES, Plan

    begin = _moment(at)
    end = _moment(until) if until else datetime.combine(begin.date(), _LAST_TIME, begin.tzinfo)
    if end - begin >= timedelta(days=1) or end < begin:
        raise UsageError(f"the day from {begin} until {end} is no day", hint="choose --until after --at, within a day")
    options = SimOptions(begin.date(), seed, candles, journal, rate_limits, _folder(files), _seconds(latency))
    plan = Plan(
        venues=tuple(dict.fromkeys(names or VENUES)),
        options=options,
        start_ns=to_ns(begin),
        until_ns=to_ns(end),
        speed=speed,
        clock=clock or _temporary_page(),
        overlay=overlay,
        paused=paused,
        ports=dict(map(_named_port, port or ())),
    )
    _run(plan)


def _run(plan: Plan) -> None:
    import asyncio
    import json
    import signal

    from muhurat.simulator.server import serve

    async def until_signalled() -> None:
        stop = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        await serve(plan, lambda ready: print(json.dumps(ready), flush=True), stop)

    asyncio.run(until_signalled())


def _moment(text: str) -> datetime:
    from muhurat.clock import IST

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no instant: {error}", hint="write for example 2026-11-20T08:30") from error
    return moment.astimezone(IST) if moment.tzinfo else moment.replace(tzinfo=IST)


def _folder(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise UsageError(f"{path} is no folder of real files", hint="it holds a folder for each host")
    return path


def _seconds(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    try:
        shortest, longest = float(low), float(high or low)
    except ValueError as error:
        raise UsageError(f"{text!r} is no latency: {error}", hint="write for example --latency 1-5") from error
    if not 0 <= shortest <= longest < float("inf"):
        raise UsageError(f"{text!r} is no latency", hint="write the shorter one first, as in --latency 1-5")
    return shortest, longest


def _named_port(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not equals or not number.isdecimal():
        raise UsageError(f"{text!r} names no port", hint="write for example --port kite=8001")
    return name, int(number)


def _temporary_page() -> Path:
    from tempfile import mkdtemp

    return Path(mkdtemp(prefix="muhurat-sim-")) / "clock"
