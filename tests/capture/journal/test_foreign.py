"""Ten lines of anybody's Python write what we read and read what we write; `docs/journal.md` shows the same lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from muhurat.capture.journal import HourPaths, JournalReader, verify_hour
from muhurat.capture.journal.offline import read_file
from tests.capture.support import FEED, MS, NINE, message, open_writer, payloads_in

DOCS = Path(__file__).resolve().parents[3] / "docs" / "journal.md"


def script(title: str) -> str:
    """The Python block under a heading of the documentation."""
    found = re.search(rf"^### {re.escape(title)}\n.*?^```python\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"docs/journal.md has no Python block under {title!r}"
    lines = [line for line in found[1].splitlines() if line.strip()]
    assert len(lines) <= 10
    return found[1]


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
    with JournalReader(tmp_path, FEED, byte_order="auto") as reader:
        assert [r.payload for r in reader.read_records()] == [payload for _, payload in messages]


def test_a_file_begun_by_others_is_indexed_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "desk_20250902_0900.bin"
    exec(script("A writer in ten lines"), {"path": str(path), "messages": [(NINE // MS, b"theirs")]})

    with open_writer(tmp_path) as writer:
        writer.append([message(b"ours", 5)])

    assert payloads_in(tmp_path) == [b"theirs", b"ours"]
