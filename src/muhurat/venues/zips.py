"""Zip files from venues: sound, and holding the one file they should."""

from __future__ import annotations

import errno
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from muhurat.venues.refusals import Malformed


@contextmanager
def opened(path: Path, origin: str) -> Iterator[zipfile.ZipFile]:
    """A zip file whose damage, wherever it shows while reading, is told as `Malformed`; `origin` names it."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise Malformed(f"{origin} is no sound zip file: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # else its table of contents points to before the beginning of the file
            raise
        raise Malformed(f"{origin} is no sound zip file: its table of contents is damaged") from error


def only_member(archive: zipfile.ZipFile, pattern: str, origin: str) -> zipfile.ZipInfo:
    """The single member, whose name the regular expression must match; raises `Malformed`."""
    members = archive.infolist()
    if len(members) != 1 or not re.fullmatch(pattern, members[0].filename):
        found = ", ".join(member.filename for member in members[:3]) or "nothing"
        raise Malformed(f"{origin} holds {found} where exactly one file {pattern} should be")
    return members[0]


def read_only_member(path: Path, pattern: str, origin: str) -> bytes:
    """The content of the single member, its checksum verified."""
    with opened(path, origin) as archive:
        return archive.read(only_member(archive, pattern, origin))
