"""What tick stores read of a desk's universe files, `<feed>_<YYYYMMDD>.json`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from muhurat.errors import StoreError

_NAME: Final = re.compile(r"(?P<feed>.+)_(?P<day>\d{8})\.json")


class Listed(msgspec.Struct):
    """What a view takes from an instrument of a universe file."""

    token: int
    exchange: str | None = None
    type: str | None = None
    asset_class: str | None = None
    underlying: str | None = None
    expiry: date | None = None


class _Contents(msgspec.Struct):
    instruments: dict[str, Listed]
    reserve: dict[str, Listed] = {}


class UniverseFile(NamedTuple):
    """The instruments of a feed on a day in India."""

    feed: str
    day: date
    path: Path

    def read(self) -> dict[str, Listed]:
        """By symbol, those in reserve too; raises `StoreError` for a spoilt file."""
        try:
            contents = msgspec.json.decode(self.path.read_bytes(), type=_Contents)
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(f"the universe file {self.path} cannot be read: {error}") from error
        return {**contents.reserve, **contents.instruments}


def universe_files(directory: Path) -> Iterator[UniverseFile]:
    """Every universe file of a folder; none of a folder that is not there."""
    for path in sorted(directory.glob("*.json")):
        named = _NAME.fullmatch(path.name)
        if named is not None:
            yield UniverseFile(named["feed"], date.fromisoformat(named["day"]), path)
