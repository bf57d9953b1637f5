"""`muhurat trade` as a program is called: debug on candles, its replay, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from muhurat.cli import main
from tests.trading.tables import CE, DAY, INDEX

HEADER = "open,high,low,close,volume,timestamp\n"
EASY = [
    "ema_short_period=1",
    "ema_long_period=3",
    "min_signal_strength=0",
    "minimum_bars=1",
    "premium_confirmation=off",
]


def candles(folder: Path, symbol: str, rows: dict[str, tuple[float, ...]]) -> None:
    lines = [f"{','.join(map(str, prices))},0,{DAY} {label}:00+05:30\n" for label, prices in rows.items()]
    (folder / f"{symbol}_{DAY}.csv").write_text(HEADER + "".join(lines))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A day on which a call is bought at 300 and sold at its target, 320; the command runs in an empty folder."""
    made = tmp_path / "candles"
    made.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    flat = dict.fromkeys(("10:06", "10:09"), (80011.0,) * 4)
    candles(made, INDEX, {"10:00": (80_000.0,) * 4, "10:03": (80_000, 80_010, 80_000, 80_010), **flat})
    candles(made, CE, {"10:03": (300,) * 4, "10:06": (300, 320, 300, 312), "10:09": (320,) * 4})
    return made


def run(*arguments: str) -> int:
    """The exit code of `muhurat`; Typer leaves by an exception when all went well."""
    try:
        return main(arguments)
    except SystemExit as left:
        return int(left.code or 0)


def trade(*arguments: str, settings: list[str] = EASY) -> int:
    return run("trade", *arguments, *(part for each in settings for part in ("--set", each)))


def debug(folder: Path, *arguments: str, settings: list[str] = EASY) -> int:
    return trade("--mode", "debug", "--candles", str(folder), "--date", str(DAY), *arguments, settings=settings)


def test_the_json_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert debug(folder, "--json") == 0

    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["date", "trades", "refused", "net"]
    assert (document["date"], document["refused"], document["net"]) == ("2026-11-19", {}, 337.85)
    (trade,) = document["trades"]
    assert (trade["symbol"], trade["quantity"], trade["reason"]) == (CE, 20, "premium_target")


def test_the_tables_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert debug(folder, "--explain") == 0

    said = capsys.readouterr().out
    assert "premium_target" in said
    assert "!trend" in said
    assert "337.85" in said


def test_capital_and_settings_reach_the_engine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert debug(folder, "--json", "--capital", "1000000", settings=[*EASY, "target_percent=90"]) == 0

    (trade,) = json.loads(capsys.readouterr().out)["trades"]
    assert (trade["quantity"], trade["reason"]) == (60, "square_off")


def test_a_desk_files_trading_section_counts_and_the_command_line_overrules_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("desk.yaml").write_text(
        "desk: {name: x}\nvenues: {kite: {}}\nfeeds: {sensex_desk: {venue: kite, universe: sensex_atm}}\n"
        "trading: {mode: debug, paper_capital: 1000000}\n"
    )

    assert trade("--candles", str(folder), "--date", str(DAY), "--json") == 0
    assert json.loads(capsys.readouterr().out)["trades"][0]["quantity"] == 60
    assert trade("--candles", str(folder), "--date", str(DAY), "--json", "--capital", "500000") == 0
    assert json.loads(capsys.readouterr().out)["trades"][0]["quantity"] == 20


def test_a_lot_size_that_is_not_the_contracts_is_taken_with_a_warning_where_there_is_a_dump(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "dump.csv"
    dump.write_text(
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,"
        f"segment,exchange\n11,1,{CE},SENSEX,0.0,{DAY},80000.0,0.05,20,CE,BFO-OPT,BFO\n"
    )

    assert debug(folder, "--json", "--instruments", str(dump), settings=[*EASY, "lot_size=25"]) == 0

    said = capsys.readouterr()
    assert "lot_size 25 is not the contract's, 20" in said.err
    assert json.loads(said.out)["trades"][0]["quantity"] == 20


def test_a_recorded_run_replays_and_a_changed_decision_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert debug(folder, "--json", "--out", "day") == 0
    first = capsys.readouterr().out
    assert run("trade", "--replay", "day/input.jsonl", "--json") == 0
    assert capsys.readouterr().out == first

    said = Path("day/decisions.jsonl")
    said.write_text(said.read_text().replace("premium_target", "premium_stop"))
    assert run("trade", "--replay", "day/input.jsonl") == 1
    assert "the replay decides otherwise" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mode", "live"), "live trading is not part of this version"),
        (("--mode", "debug"), "debug mode trades recorded candles"),
        ((), "no mode is given"),
        (("--mode", "debug", "--candles", "nowhere", "--date", "2026-11-19"), "there is no folder nowhere"),
        (("--mode", "debug", "--set", "max_trade=2", "--candles", ".", "--date", "2026-11-19"), "unknown setting"),
        (("--mode", "debug", "--instruments", "no", "--candles", ".", "--date", "2026-11-19"), "cannot be read"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_wrong_use_is_explained_and_ends_with_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert trade(*arguments, settings=[]) == 2
    assert said in capsys.readouterr().err
