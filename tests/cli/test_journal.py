from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from muhurat.capture.journal import JournalReader, JournalWriter, Record
from muhurat.capture.universe import Entry, Universe, save_universe
from muhurat.cli import main
from muhurat.clock import ManualClock
from tests.capture.support import FEED, HOUR_NS, MS, NINE, message, open_writer

TOKEN, INDEX = 215_681_797, 265
SECONDS = NINE // 10**9


def index_packet(price: int = 8_052_040) -> bytes:
    return struct.pack(">8I", INDEX, price, 8_060_000, 8_040_000, 8_050_000, 8_045_000, 0, SECONDS)


def full_packet(price: int = 14_435) -> bytes:
    head = struct.pack(">16I", TOKEN, price, 20, 14_400, 1_000, 5, 6, 1, 2, 3, 4, SECONDS, 70, 80, 60, SECONDS)
    return head + b"".join(struct.pack(">IIHxx", 20 * (n + 1), price - 5 + n, n + 1) for n in range(10))


def kite_message(*packets: bytes) -> bytes:
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(p)) + p for p in packets)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A feed's folder: two messages and a heartbeat at nine, one message at ten."""
    folder = tmp_path / FEED
    with open_writer(folder) as writer:
        writer.append([message(kite_message(index_packet(), full_packet()), 0.25), message(b"\0", 3000)])
        writer.control({"event": "gap", "from": "09:00:03", "to": "09:00:05", "reason": "drop"}, NINE + 5000 * MS)
        writer.append([message(kite_message(full_packet(14_440)), 5000)])
        writer.append([(kite_message(index_packet()), NINE + HOUR_NS, 0)])
    return folder


@pytest.fixture
def nine(journal: Path) -> Path:
    return journal / "desk_20250902_0900.bin"


def ran(*words: object) -> int:
    """The exit code of a command line."""
    try:
        return main([str(word) for word in words])
    except SystemExit as left:
        return int(left.code or 0)


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_verify_prints_the_agreed_document_and_ends_with_0(nine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("journal", "verify", nine, "--json") == 0

    found = printed(capsys)
    assert (found["records"], found["bytes"], found["torn_bytes"], found["damaged"]) == (
        3,
        nine.stat().st_size,
        0,
        [],
    )
    assert found["gaps"] == [{"from": "09:00:03", "to": "09:00:05", "reason": "drop"}]


def test_verify_of_a_folder_sums_its_hours(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (journal, journal.parent):
        assert ran("journal", "verify", path, "--json") == 0
        found = printed(capsys)
        assert found["records"] == 4
        assert [file["records"] for file in found["files"]] == [3, 1]


def test_verify_shows_people_each_gap_with_its_hour_and_all_that_is_known(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"event": "gap", "from": "11:00:01", "to": "11:00:02", "reason": "the disk refused", "records": 7}
    with open_writer(journal) as writer:
        writer.append([(kite_message(index_packet()), NINE + 2 * HOUR_NS, 0)])
        writer.control({**refused, "connection": 3}, NINE + 2 * HOUR_NS)
    assert ran("journal", "verify", journal) == 0

    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "file from to reason records connection" in told
    assert "desk_20250902_0900.bin 09:00:03 09:00:05 drop – –" in told
    assert "desk_20250902_1100.bin 11:00:01 11:00:02 the disk refused 7 3" in told


@pytest.mark.parametrize("as_json", [True, False])
def test_verify_ends_with_1_when_something_is_torn_or_damaged(
    as_json: bool, nine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = nine.read_bytes()
    flag = ["--json"] if as_json else []

    nine.write_bytes(whole + b"torn")
    assert ran("journal", "verify", nine, *flag) == 1
    assert not as_json or printed(capsys)["torn_bytes"] == 4
    capsys.readouterr()

    nine.write_bytes(whole[:20] + b"\xff" + whole[21:])
    assert ran("journal", "verify", nine, *flag) == 1
    out = capsys.readouterr().out
    length = len(kite_message(index_packet(), full_packet()))
    assert json.loads(out)["damaged"] == [[0, 12 + length]] if as_json else "NOT SOUND" in out


def test_decode_prints_one_tick_a_line_under_the_names_of_the_tables(
    nine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("journal", "decode", nine, "--json") == 0

    ticks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(t["instrument_token"], t["last_price"]) for t in ticks] == [
        (INDEX, 80520.4),
        (TOKEN, 144.35),
        (TOKEN, 144.4),
    ]
    index, option = ticks[0], ticks[1]
    assert index["timestamp"] == "2025-09-02T09:00:00.000+05:30"
    assert index["ts_event"] == "2025-09-02T09:00:00+05:30"
    assert index["ts_recv_ns"] == NINE + MS // 4
    assert (index["high"], index["low"], index["open"]) == (80600, 80400, 80500)
    assert index["volume"] is None
    assert (option["volume"], option["bid_price_1"], option["ask_orders_5"]) == (1000, 144.3, 10)
    assert [t["seq"] for t in ticks] == [index["seq"], index["seq"] + 1, index["seq"] + (2 << 12)]
    assert {t["symbol"] for t in ticks} == {None}


def test_decode_names_instruments_by_a_universe(nine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    universe = tmp_path / "u.json"
    save_universe(universe, Universe(instruments={"SENSEX": Entry(INDEX)}))

    assert ran("journal", "decode", nine, "--json", "--universe", universe) == 0

    ticks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [tick["symbol"] for tick in ticks] == ["SENSEX", None, None]


@pytest.mark.parametrize("order", [">", "<"])
def test_decode_reads_a_file_that_stands_alone_in_either_byte_order(
    order: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "alone.bin"
    payload = kite_message(index_packet())
    path.write_bytes(struct.pack(f"{order}QI", NINE // MS, len(payload)) + payload)

    assert ran("journal", "decode", path, "--json") == 0

    tick = printed(capsys)
    assert (tick["last_price"], tick["ts_recv_ns"]) == (80520.4, NINE)
    assert list(tmp_path.iterdir()) == [path]


def test_decode_shows_people_a_table_of_the_first_ticks(nine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("journal", "decode", nine, "--limit", 2) == 0

    out = capsys.readouterr().out
    assert "80,520.40" in out
    assert "144.35" in out
    assert "144.40" not in out


def test_decode_gives_the_published_values_of_zerodhas_own_packet(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payload = (samples / "kite" / "packets" / "mocks_ticker_full.message.bin").read_bytes()
    path = tmp_path / "x.bin"
    path.write_bytes(struct.pack(">QI", NINE // MS, len(payload)) + payload)

    assert ran("journal", "decode", path, "--json") == 0

    tick = printed(capsys)
    assert (tick["instrument_token"], tick["last_price"], tick["volume"]) == (408065, 1573.7, 1192471)


def test_info_tells_what_was_recorded_and_who_follows(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with JournalReader(journal, FEED, name="decode") as reader:
        reader.read(2)
        reader.save()

    assert ran("journal", "info", journal, "--json") == 0

    found = printed(capsys)
    assert [(hour["hour"], hour["records"], hour["closed"], hour["gaps"]) for hour in found["hours"]] == [
        ("20250902_0900", 3, True, 1),
        ("20250902_1000", 1, True, 0),
    ]
    assert found["hours"][0]["last"] == "2025-09-02T09:00:05.000+05:30"
    assert found["followers"] == [{"feed": FEED, "who": "reader decode", "position": "20250902_0900/2"}]
    assert ran("journal", "info", journal) == 0
    shown = capsys.readouterr().out
    assert " 20250902_1000 " in shown
    assert " 09:00:05.000 " in shown
    assert " closed" in shown


def test_replay_writes_the_same_bytes_and_entries_elsewhere(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again"

    assert ran("journal", "replay", journal, "--into", again, "--json") == 0

    assert printed(capsys)["records"] == 4
    for path in journal.glob("*.bin"):
        assert (again / FEED / path.name).read_bytes() == path.read_bytes()
    entries = []
    for folder in (journal, again / FEED):
        with JournalReader(folder, FEED, with_control=True) as reader:
            read = [entry for batch in iter(reader.read, []) for entry in batch]
        entries.append([entry for entry in read if isinstance(entry, Record) or entry.entry["event"] == "gap"])
    assert entries[0] == entries[1]


def test_replay_refuses_a_folder_with_records_and_a_speed_that_is_none(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("journal", "replay", journal, "--into", tmp_path) == 1
    assert "has records of desk already" in capsys.readouterr().err
    assert ran("journal", "replay", journal, "--into", tmp_path / "x", "--speed", 0) == 2
    assert "is no speed" in capsys.readouterr().err


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Another connection's recording of the feed: it got the packets of nine o'clock one by one, and one price more."""
    folder = tmp_path / "theirs"
    with open_writer(folder) as writer:
        writer.append([message(kite_message(packet), 20) for packet in (index_packet(), full_packet())])
        writer.append([message(kite_message(full_packet(14_437)), 4000)])
        writer.append([message(kite_message(full_packet(14_440)), 5020)])
    return folder


def test_merge_prints_the_agreed_document_and_writes_a_sound_file(
    nine: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "merged.bin"
    universe = tmp_path / "u.json"
    save_universe(universe, Universe(instruments={"SENSEX25SEP80500CE": Entry(TOKEN)}))

    assert ran("journal", "merge", nine, theirs / nine.name, "--out", out, "--universe", universe, "--json") == 0

    found = printed(capsys)
    assert {key: found[key] for key in ("packets", "only_a", "only_b", "both")} == {
        "packets": 4,
        "only_a": 0,
        "only_b": 1,
        "both": 3,
    }
    assert found["a"]["missed"]["instruments"] == {"SENSEX25SEP80500CE": 1}
    assert found["heartbeats"] == 1
    assert ran("journal", "verify", out, "--json") == 0
    assert printed(capsys)["records"] == 4
    assert ran("journal", "decode", out, "--json") == 0
    ticks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [tick["last_price"] for tick in ticks] == [80520.4, 144.35, 144.37, 144.4]


def test_merge_of_folders_goes_hour_by_hour_and_tells_people_what_was_missed(
    journal: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "merged"

    assert ran("journal", "merge", journal, theirs, "--out", out) == 0

    told = capsys.readouterr().out
    assert "what a missed" in told
    assert str(TOKEN) in told
    folders = [line.split() for line in told.splitlines() if line.startswith(("a ", "b "))]
    assert [side for side, *_ in folders] == ["b", "a", "b"]  # "b later ms" comes first
    assert sorted(path.name for path in out.glob("*.bin")) == ["desk_20250902_0900.bin", "desk_20250902_1000.bin"]
    assert ran("journal", "verify", out) == 0


def test_merge_refuses_what_it_cannot_mean(
    journal: Path, nine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.bin"
    assert ran("journal", "merge", nine, journal, "--out", out) == 2
    assert "one of the two is a folder" in capsys.readouterr().err
    assert ran("journal", "merge", nine, nine, "--out", out, "--window", 0) == 2
    assert ran("journal", "merge", nine, tmp_path / "none.bin", "--out", out) == 1
    assert ran("journal", "merge", nine, nine, "--out", nine) == 1
    assert "is there already" in capsys.readouterr().err
    assert ran("journal", "merge", journal, journal, "--out", tmp_path / "x", "--feed", "other") == 2
    assert "nothing of the feed other" in capsys.readouterr().err
    with JournalWriter(journal, "second", ManualClock(NINE), sync_interval_s=None) as writer:
        writer.append([message(b"x")])
    assert ran("journal", "merge", journal, journal, "--out", tmp_path / "x") == 2
    assert "name one with --feed: desk, second" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("verb", ["info", "verify", "decode"])
def test_a_path_without_a_journal_is_named(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("journal", verb, tmp_path / "nothing.bin") == 1
    assert "there is no journal at" in capsys.readouterr().err
