"""The journal: the append-only record of every byte a feed delivered, and the bus on which everything else rides.

`JournalWriter` appends (one per feed), `JournalReader` follows, `read_file` reads a `.bin` that stands alone,
`verify_hour` proves that nothing is torn. The bytes themselves are described in `format`.
"""

from muhurat.capture.journal.format import (
    AFTER_GAP,
    CLOCK_DOUBT,
    CONTROL,
    RECOVERED,
    ControlRecord,
    HourPaths,
    Position,
    Record,
    connection_flags,
    connection_of,
    feeds_of,
    hour_name,
    hour_start_ns,
    hours_of,
)
from muhurat.capture.journal.hour import AppendFailed
from muhurat.capture.journal.lock import writer_pid
from muhurat.capture.journal.offline import journal_files, read_control, read_entries, read_file
from muhurat.capture.journal.reader import JournalReader, saved_position, saved_positions
from muhurat.capture.journal.repaired import Recovery
from muhurat.capture.journal.verify import Verification, summary, verify_hour
from muhurat.capture.journal.writer import JournalWriter, Message

__all__ = [
    "AFTER_GAP",
    "CLOCK_DOUBT",
    "CONTROL",
    "RECOVERED",
    "AppendFailed",
    "ControlRecord",
    "HourPaths",
    "JournalReader",
    "JournalWriter",
    "Message",
    "Position",
    "Record",
    "Recovery",
    "Verification",
    "connection_flags",
    "connection_of",
    "feeds_of",
    "hour_name",
    "hour_start_ns",
    "hours_of",
    "journal_files",
    "read_control",
    "read_entries",
    "read_file",
    "saved_position",
    "saved_positions",
    "summary",
    "verify_hour",
    "writer_pid",
]
