"""Real files from a folder, by host and path: what a venue serves before it makes anything itself."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Final

from muhurat.simulator.files.content import Content

_OCTETS: Final = "application/octet-stream"


class RealFiles:
    """The files of one host below `folder`/`host`; none when there is no folder."""

    def __init__(self, folder: Path | None, host: str) -> None:
        self._root = None if folder is None else (folder / host).resolve()

    def find(self, path: str) -> Path | None:
        """The file for the path of a URL, None when there is none or the path leads out of the folder."""
        if self._root is None:
            return None
        wanted = (self._root / path.lstrip("/")).resolve()
        return wanted if wanted.is_relative_to(self._root) and wanted.is_file() else None

    @staticmethod
    def read(file: Path) -> Content:
        """A file with the media type that its name stands for."""
        kind, encoding = mimetypes.guess_type(file.name)
        return Content(file.read_bytes(), "application/gzip" if encoding == "gzip" else kind or _OCTETS)
