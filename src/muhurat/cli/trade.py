"""`muhurat trade`: trade by rule on recorded candles, on the live feed with paper money, or again from an input log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption
from muhurat.cli.output import print_fields, print_json, print_table
from muhurat.errors import UsageError

if TYPE_CHECKING:
    from muhurat.config import Desk
    from muhurat.model.instrument import Instrument
    from muhurat.trading.inputlog import Entry
    from muhurat.trading.parameters import Limits, Parameters

_DAY_FORMAT: Final = ["%Y-%m-%d"]


def command(
    mode: Annotated[
        str | None,
        typer.Option("--mode", metavar="MODE", help="debug, test or live; overrules desk file and .trading_mode."),
    ] = None,
    candles: Annotated[
        Path | None,
        typer.Option("--candles", metavar="DIR", help="debug: folder of Kite CSVs, <tradingsymbol>_<date>.csv."),
    ] = None,
    day: Annotated[
        datetime | None, typer.Option("--date", metavar="DATE", formats=_DAY_FORMAT, help="debug: the day to trade.")
    ] = None,
    capital: Annotated[
        str | None, typer.Option("--capital", metavar="RUPEES", help="The day's balance [500000].")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value of a trading setting. May be repeated."),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add every bar's evaluation.")] = False,
    model_missing: Annotated[
        bool, typer.Option("--model-missing", help="debug: price options without candles by Black-76, marked.")
    ] = False,
    instruments: Annotated[
        Path | None, typer.Option("--instruments", metavar="FILE", help="debug: Kite's instrument dump of that day.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="debug: keep the input log and the decisions there.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="INPUT_LOG", help="Play a recorded input.jsonl again and compare decisions."),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option("--journal", metavar="DIR", help="replay: the journal's folder, if it has moved.")
    ] = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Trade by rule: on candles, on the live feed, with paper money.

    Examples: `muhurat trade --mode debug --candles DIR --date 2025-09-02`, `muhurat trade --mode test`,
    `muhurat trade --replay data/trading/20250902/input.jsonl`.
    """
    from muhurat.trading.mode import TEST, resolve_mode

    if replay is not None:
        from muhurat import app

        _show(app.replay_decisions(replay, journal).lines, json=json, explain=explain)
        return
    overlays = overlay or []
    loaded = _desk(desk, overlays)
    desk_mode = loaded.trading.mode if loaded and loaded.trading else None
    wanted = [*(settings or []), *([f"paper_capital={capital}"] if capital else [])]
    if resolve_mode(mode, desk.parent, desk_mode) == TEST:
        from muhurat import app

        app.run_trader(desk, overlays, settings=wanted)
        return
    if candles is None or day is None:
        raise UsageError("debug mode trades recorded candles", hint="add --candles DIR --date YYYY-MM-DD")
    parameters, limits = _settings(loaded, wanted)
    dump = _dump(instruments) if instruments else ()
    lines = _traded(candles, day.date(), parameters, limits, dump, out, model=model_missing)
    _show(lines, json=json, explain=explain)


def _desk(path: Path, overlays: Sequence[Path]) -> Desk | None:
    """The desk file; none is needed for candles, so the default one may be absent."""
    if path == DEFAULT_DESK and not path.exists():
        return None
    from muhurat import app

    return app.open_desk(path, overlays)


def _settings(desk: Desk | None, wanted: Sequence[str]) -> tuple[Parameters, Limits]:
    from muhurat.trading.parameters import Limits, Parameters, from_desk, with_settings

    base = from_desk(desk.trading) if desk and desk.trading else (Parameters(), Limits())
    return with_settings(*base, wanted)


def _dump(path: Path) -> Sequence[Instrument]:
    from muhurat.venues.kite.instruments import parse_instruments

    try:
        return parse_instruments(path.read_text(encoding="utf-8"), source=str(path))
    except OSError as error:
        raise UsageError(f"the instrument dump {path} cannot be read: {error.strerror}") from error


def _traded(
    folder: Path,
    day: date,
    parameters: Parameters,
    limits: Limits,
    dump: Sequence[Instrument],
    out: Path | None,
    *,
    model: bool,
) -> list[Entry]:
    from muhurat.trading.backtest import recorded_session, run_candles
    from muhurat.trading.candles import read_day

    candles = read_day(folder, day, minutes=parameters.bar_minutes)
    facts, bars = recorded_session(candles, parameters, limits, dump, model=model)
    for contract in facts.contracts[:1]:
        if limits.lot_size not in {0, contract.lot_size}:
            print(f"warning: lot_size {limits.lot_size} is not the contract's, {contract.lot_size}", file=sys.stderr)
    return run_candles(facts, bars, out)


def _show(lines: Sequence[Entry], *, json: bool, explain: bool) -> None:
    from muhurat.trading.report import debug_document, trading_report

    if json:
        print_json(debug_document(lines, explain=explain))
        return
    report = trading_report(lines)
    if explain:
        print_table([_explained(line) for line in lines if line["kind"] == "bar"], title="bars")
    print_table([_for_people(trade) for trade in report.trades], title=f"trades of {report.date}")
    print_table([{"reason": name, "signals": count} for name, count in report.refused.items()], title="refused")
    print_fields(
        {
            "signals": report.signals,
            "trades": len(report.trades),
            "win rate": None if report.win_rate is None else f"{report.win_rate:.0%}",
            "charges": report.charges,
            "net": report.net,
        }
    )


def _explained(line: Entry) -> dict[str, Any]:
    """A bar in a row: each rule with its value, marked where it did not hold."""
    rules = ", ".join(f"{'' if rule['ok'] else '!'}{rule['name']} {_number(rule['value'])}" for rule in line["rules"])
    return {"bar": line["label"][11:16], "close": line["c"], "verdict": line["verdict"], "rules (! = not met)": rules}


def _for_people(trade: Entry) -> dict[str, Any]:
    return {key: value[11:19] if key.endswith("_time") else value for key, value in trade.items()}


def _number(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
