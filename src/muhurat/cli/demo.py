"""`muhurat demo`: a whole simulated trading day through real sockets and real processes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import typer


def command(
    candles: Path | None = typer.Option(
        None, metavar="DIR", help="A folder of Kite candle CSVs: the day is made from them instead of invented."
    ),
    date: datetime | None = typer.Option(
        None, formats=["%Y-%m-%d"], help="The trading day; default 2026-11-20, or the last one in --candles."
    ),
    speed: float = typer.Option(240.0, min=0.1, help="Desk seconds per real second while the market is open."),
    seed: int = typer.Option(7, help="The same seed gives the same day."),
    folder: Path = typer.Option(
        Path("muhurat-demo"), "--dir", metavar="DIR", help="The desk's folder; an earlier demo in it is replaced."
    ),
    keep: bool = typer.Option(False, "--keep", help="Leave the page up after the day, until Ctrl-C."),
    json: Path | None = typer.Option(None, "--json", metavar="FILE", help="Write the day's report here as well."),
) -> None:
    """Run one simulated trading day, 08:30 to 15:50, and report on it; needs no account, server or network.

    A simulated exchange, the recorder, the decoder, the trader with paper money and the page run as the processes
    they are in real life. Exit code 0 only if the day was sound: nothing lost, nothing restarted, nothing in doubt.
    """
    from muhurat.cli.rehearsal.day import Rehearsal, plan

    day_plan = plan(folder, candles=candles, day=date.date() if date else None, speed=speed, seed=seed)
    sound = Rehearsal(day_plan).run(keep=keep, report_to=json)
    raise typer.Exit(0 if sound else 1)
