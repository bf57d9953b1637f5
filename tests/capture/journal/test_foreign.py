"""Ten lines of anybody's Python write what we read and read what we write; `docs/journal.md` shows the same lines."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest

from muhurat.capture.journal import HourPaths, JournalReader, verify_hour
from muhurat.capture.journal.info import hour_info
from muhurat.capture.journal.offline import read_file
from muhurat.cli import main
from tests.capture.support import FEED, MS, NINE, message, open_writer, payloads_in

DOCS = Path(__file__).resolve().parents[3] / "docs" / "journal.md"


def script(title: str) -> str:
    """The Python block under a heading of the documentation."""
    found = re.search(rf"^### {re.escape(title)}\n.*?^```python\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"docs/journal.md has no Python block under {title!r}"
    lines = [line for line in found[1].splitlines() if line.strip()]
    assert len(lines) <= 10
    return found[1]


def ran(*words: str) -> int:
    """The exit code of `muhurat journal …`."""
    with pytest.raises(SystemExit) as left:
        main(["journal", *words])
    return int(left.value.code or 0)


def test_a_ten_line_reader_reads_what_we_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message(b"one", 1.5), message(b"\xff" * 300, 2)])

    exec(script("A reader in ten lines"), {"path": str(tmp_path / "desk_20250902_0900.bin")})

    assert capsys.readouterr().out.splitlines() == [f"{NINE // MS + 1} 3", f"{NINE // MS + 2} 300"]


@pytest.mark.parametrize("order", [">", "<"])
def test_we_read_what_a_ten_line_writer_writes(order: str, tmp_path: Path) -> None:
    messages = [(NINE // MS, b"one"), (NINE // MS + 5, b""), (NINE // MS + 6, bytes(59_522))]
    path = tmp_path / "desk_20250902_0900.bin"

    exec(script("A writer in ten lines").replace(">QI", f"{order}QI"), {"path": str(path), "messages": messages})

    expected = [(payload, ms * MS) for ms, payload in messages]
    assert [(r.payload, r.ts_recv_ns) for r in read_file(path)] == expected
    found = verify_hour(HourPaths.of(path))
    assert (found.records, found.indexed, found.sound) == (3, False, True)
    assert found.byte_order == hour_info(HourPaths.of(path))["byte_order"] == ("big" if order == ">" else "little")
    with JournalReader(tmp_path, FEED, byte_order="auto") as reader:
        assert [r.payload for r in reader.read_records()] == [payload for _, payload in messages]


@pytest.mark.parametrize("order", [">", "<"])
def test_the_commands_read_what_a_ten_line_writer_writes_and_name_its_byte_order(
    order: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packet = struct.pack(">8I", 265, 8_052_040, 8_060_000, 8_040_000, 8_050_000, 8_045_000, 0, NINE // 10**9)
    messages = [(NINE // MS + n, struct.pack(">HH", 1, 32) + packet) for n in range(3)]
    path = tmp_path / "anybody.bin"
    exec(script("A writer in ten lines").replace(">QI", f"{order}QI"), {"path": str(path), "messages": messages})
    named = "big" if order == ">" else "little"

    assert ran("verify", str(path), "--json") == 0
    verified = json.loads(capsys.readouterr().out)
    assert (verified["records"], verified["torn_bytes"], verified["damaged"]) == (3, 0, [])
    assert [file["byte_order"] for file in verified["files"]] == [named]
    assert ran("verify", str(path)) == 0
    assert ("little-endian" in capsys.readouterr().out) == (named == "little")

    assert ran("info", str(path), "--json") == 0
    (hour,) = json.loads(capsys.readouterr().out)["hours"]
    assert (hour["hour"], hour["records"], hour["byte_order"], hour["indexed"]) == ("20250902_0900", 3, named, False)

    assert ran("decode", str(path), "--json") == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["last_price"] for line in printed.out.splitlines()] == [80520.4] * 3
    assert ("little-endian" in printed.err) == (named == "little")


def test_a_ten_line_reader_reads_what_we_merge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, at_ms in (("a", 1), ("b", 2)):
        with open_writer(tmp_path / name) as writer:
            writer.append([message(name * 5, at_ms), message("both", at_ms + 10)])
    sides = [str(tmp_path / name / "desk_20250902_0900.bin") for name in ("a", "b")]
    assert ran("merge", *sides, "--out", str(tmp_path / "out.bin"), "--json") == 0
    capsys.readouterr()

    exec(script("A reader in ten lines"), {"path": str(tmp_path / "out.bin")})

    assert capsys.readouterr().out.splitlines() == [
        f"{NINE // MS + ms} {size}" for ms, size in ((1, 5), (2, 5), (11, 4))
    ]


def test_a_file_begun_by_others_is_indexed_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "desk_20250902_0900.bin"
    exec(script("A writer in ten lines"), {"path": str(path), "messages": [(NINE // MS, b"theirs")]})

    with open_writer(tmp_path) as writer:
        writer.append([message(b"ours", 5)])

    assert payloads_in(tmp_path) == [b"theirs", b"ours"]
