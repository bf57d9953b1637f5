"""Zip files that are damaged in any place are told as such, never as trouble with our disk or by a traceback."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from muhurat.venues.refusals import Malformed
from muhurat.venues.zips import read_only_member


def zipped(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", content)
    return held.getvalue()


def test_the_one_member_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(b"x,y\n"))

    assert read_only_member(path, r"a\.csv", "a.zip") == b"x,y\n"


def test_a_table_of_contents_that_points_nowhere_is_a_damaged_file(tmp_path: Path) -> None:
    good = zipped(b"x,y\n" * 500)
    path = tmp_path / "a.zip"
    path.write_bytes(good[:-6] + b"\xff" + good[-5:])  # of the directory's place

    with pytest.raises(Malformed, match=r"a\.zip is no sound zip file"):
        read_only_member(path, r"a\.csv", "a.zip")


def test_whatever_byte_is_wrong_the_file_is_refused_or_gives_the_very_content(tmp_path: Path) -> None:
    content, path, dice = b"x,y\n" * 500, tmp_path / "a.zip", random.Random(7)
    good = zipped(content)
    refused = 0
    for place in range(len(good)):
        damaged = bytearray(good)
        damaged[place] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            assert read_only_member(path, r"a\.csv", "a.zip") == content
        except Malformed:
            refused += 1
    assert refused > len(good) / 4
