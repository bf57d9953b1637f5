"""Which files lie in which folder of the extranet, and what its answers about them are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from muhurat.clock import ist, ist_ns
from muhurat.simulator.connect2nse.library import MADE_AT, Masters
from muhurat.simulator.connect2nse.sessions import Refused

SEGMENTS: Final = frozenset({"CM", "FO", "CD", "CO", "SLB", "MFSS", "DEBT", "WDM"})
NTNEAT: Final = "/ntneat"
_ROOT: Final = "/"
_FOLDER: Final = re.compile(r"/|(/[A-Za-z0-9_.-]+)+")
_FILENAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_TIMES: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something lies."""

    segment: str
    folder: str


def place_of(query: Mapping[str, str]) -> Place:
    """The place a request names; raises `Refused` as the specification says, and 401 for a path with backslashes."""
    for name in ("segment", "folderPath"):
        if name not in query:
            raise Refused(706)
        if not query[name].strip():
            raise Refused(917)
    segment, folder = query["segment"], query["folderPath"]
    if "\\" in folder:
        raise Refused(712, 401)
    if segment not in SEGMENTS:
        raise Refused(711)
    if not _FOLDER.fullmatch(folder):
        raise Refused(712)
    return Place(segment, folder)


def filename_of(query: Mapping[str, str]) -> str:
    """The file a request names; raises `Refused`."""
    if "date" in query:
        # The specification has one archive of a whole day; its form is unknown, so no day has one here.
        _check_date(query["date"])
        raise Refused(714, 404)
    if "filename" not in query:
        raise Refused(706)
    name = query["filename"]
    if not name.strip():
        raise Refused(917)
    if not _FILENAME.fullmatch(name):
        raise Refused(713)
    return name


class Folders:
    """The common folders. `contract_in_ntneat` puts `contract.gz` where old documents have it (facts/nse.md §0)."""

    def __init__(self, masters: Masters) -> None:
        self.contract_in_ntneat = False
        self._masters = masters

    def content(self, place: Place, now_ns: int) -> list[dict[str, str]]:
        """The answer about a folder; raises `Refused` for one that is not there."""
        folders = {where.folder for where in self._files() if where.segment == place.segment}
        if place.folder not in {_ROOT, *folders}:
            raise Refused(715, 404)
        updated = f"{ist(self._made_ns(now_ns)):{_TIMES}}"
        names = [(name, "File") for name in self._files().get(place, {})]
        if place.folder == _ROOT:
            names += [(folder.removeprefix(_ROOT), "Folder") for folder in sorted(folders) if folder != _ROOT]
        return [
            {"folderPath": place.folder, "name": name, "type": kind, "lastUpdated": updated} for name, kind in names
        ]

    def find(self, place: Place, name: str) -> Callable[[date], bytes]:
        """What makes a file for a session; raises `Refused`."""
        known = self._files()
        if place.folder != _ROOT and place not in known:
            raise Refused(715, 404)
        make = known.get(place, {}).get(name)
        if make is None:
            raise Refused(714, 404)
        return make

    def _files(self) -> dict[Place, dict[str, Callable[[date], bytes]]]:
        files: dict[Place, dict[str, Callable[[date], bytes]]] = {}
        files.setdefault(Place("CM", NTNEAT), {})["security.gz"] = self._masters.securities
        where = Place("CM", NTNEAT) if self.contract_in_ntneat else Place("FO", _ROOT)
        files.setdefault(where, {})["contract.gz"] = self._masters.contracts
        return files

    def _made_ns(self, now_ns: int) -> int:
        return ist_ns(self._masters.session_at(now_ns), MADE_AT)


def _check_date(text: str) -> None:
    try:
        datetime.strptime(text, "%d-%m-%Y")  # noqa: DTZ007 - only its form matters
    except ValueError:
        raise Refused(710) from None


def answer_about(listed: list[dict[str, str]], version: str, now_ns: int) -> dict[str, Any]:
    """The body of `/common/content`."""
    return {
        "timestamp": ist(now_ns).isoformat(),
        "versionNo": version,
        "responseCode": ["601"],
        "responseDesc": "Success",
        "data": listed,
    }
