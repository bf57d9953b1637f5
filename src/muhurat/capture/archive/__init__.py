"""What becomes of hours that are over: compressed, verified, bundled, deleted when their time has come, brought back.

`end_of_day` does all of it in order, `restore` brings hours back. How a compressed hour is read is the journal's own
matter: `capture.journal.seekable`.
"""

from muhurat.capture.archive.base import ArchiveError, Report, Rules, Step
from muhurat.capture.archive.end_of_day import archive
from muhurat.capture.archive.restore import restore

__all__ = ["ArchiveError", "Report", "Rules", "Step", "archive", "restore"]
