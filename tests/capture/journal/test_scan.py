from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.capture.journal.format import HEADER, LITTLE_HEADER
from muhurat.capture.journal.offline import read_file
from muhurat.capture.journal.scan import Damage, Found, header_of, scan
from muhurat.errors import JournalError
from tests.capture.support import MS, NINE

HOUR = "20250902_0900"


def record(payload: bytes, after_ms: int = 0, layout: struct.Struct = HEADER) -> bytes:
    return layout.pack(NINE // MS + after_ms, len(payload)) + payload


def found(data: bytes, **options: object) -> list[bytes]:
    return [data[p.offset + 12 : p.end] for p in scan(data, **options) if isinstance(p, Found)]  # type: ignore[arg-type]


def damage(data: bytes) -> list[tuple[int, int]]:
    return [(p.start, p.end) for p in scan(data, hour=HOUR) if isinstance(p, Damage)]


def test_records_are_found_one_behind_the_other() -> None:
    data = record(b"one") + record(b"") + record(b"three", 5)

    assert found(data) == [b"one", b"", b"three"]
    assert damage(data) == []


@pytest.mark.parametrize("junk", [b"\xff", b"\0" * 40, b"junk of some length" * 9])
def test_junk_between_records_is_passed_over_and_located(junk: bytes) -> None:
    before, after = record(b"before"), record(b"after", 3) + record(b"last", 4)

    assert found(before + junk + after) == [b"before", b"after", b"last"]
    assert damage(before + junk + after) == [(len(before), len(before) + len(junk))]


def test_junk_at_the_beginning_is_passed_over() -> None:
    data = b"\x07" * 77 + record(b"one") + record(b"two")

    assert found(data, hour=HOUR) == [b"one", b"two"]
    assert found(data) == [b"one", b"two"]
    assert damage(data) == [(0, 77)]


def test_a_record_torn_in_mid_file_hides_none_of_those_behind_it() -> None:
    torn = record(b"x" * 5000, 1)[:700]
    data = record(b"before") + torn + record(b"after", 2) + record(b"y" * 9000, 3)

    assert found(data) == [b"before", b"after", b"y" * 9000]
    assert damage(data) == [(18, 718)]


def test_a_length_that_was_overwritten_costs_one_record() -> None:
    records = [record(bytes([n]) * 100, n) for n in range(10)]
    data = bytearray(b"".join(records))
    data[112 * 4 + 8 : 112 * 4 + 12] = struct.pack(">I", 333)

    assert found(bytes(data)) == [bytes([n]) * 100 for n in range(10) if n != 4]
    assert damage(bytes(data)) == [(112 * 4, 112 * 5)]


def test_an_incomplete_end_is_the_last_damage() -> None:
    data = record(b"one") + record(b"two")

    for size in range(16, len(data)):
        assert found(data[:size]) == [b"one"]
        assert damage(data[:size]) == [(15, size)]


def test_the_byte_order_is_recognised_when_asked() -> None:
    little = record(b"one", 0, LITTLE_HEADER) + record(b"two", 1, LITTLE_HEADER)

    assert header_of(little, "auto") is LITTLE_HEADER
    assert header_of(record(b"one"), "auto") is HEADER
    assert header_of(b"", "auto") is HEADER
    assert header_of(little, "big") is HEADER
    junk = b"\xff" * 9
    assert found(little + junk + little, header=LITTLE_HEADER) == [b"one", b"two"] * 2


@given(
    payloads=st.lists(st.binary(max_size=80), max_size=8),
    cut=st.floats(0, 1),
    little=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_cut_off_the_complete_records_before_it_are_found(
    payloads: list[bytes], cut: float, little: bool
) -> None:
    layout = LITTLE_HEADER if little else HEADER
    data = b"".join(record(payload, n, layout) for n, payload in enumerate(payloads))
    size = round(cut * len(data))
    ends = [sum(12 + len(p) for p in payloads[: n + 1]) for n in range(len(payloads))]

    assert found(data[:size], header=layout) == payloads[: sum(end <= size for end in ends)]


def test_nearly_all_records_survive_one_torn_in_a_hundred() -> None:
    noise = random.Random(7)
    intact, data = [], bytearray()
    for number in range(20_000):
        payload = noise.randbytes(noise.randrange(1, 400))
        whole = record(payload, number * 100)
        if noise.random() < 0.01:
            data += whole[: noise.randrange(len(whole))]
        else:
            data += whole
            intact.append(payload)

    got = found(bytes(data))

    assert len(set(intact) - set(got)) <= len(intact) // 1000
    assert len(set(got) - set(intact)) <= 5


def test_a_file_of_any_name_is_read_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "from elsewhere.bin"
    path.write_bytes(record(b"one", 5, LITTLE_HEADER) + record(b"two", 6, LITTLE_HEADER))

    records = list(read_file(path))

    assert [(r.payload, r.ts_recv_ns, str(r.position)) for r in records] == [
        (b"one", NINE + 5 * MS, "20250902_0900/0"),
        (b"two", NINE + 6 * MS, "20250902_0900/1"),
    ]


def test_a_file_without_any_record_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"something else entirely, and rather long")

    with pytest.raises(JournalError, match="holds no journal record"):
        list(read_file(path))
    with pytest.raises(JournalError, match="not named like a journal file"):
        list(read_file(tmp_path / "x.txt"))
