"""Two recordings of one feed made one: `merge` writes it, into `OneFile` or a `Folder`, and tells what each missed."""

from muhurat.capture.merge.output import Folder, OneFile
from muhurat.capture.merge.report import Report
from muhurat.capture.merge.unite import WINDOW_S, merge

__all__ = ["WINDOW_S", "Folder", "OneFile", "Report", "merge"]
