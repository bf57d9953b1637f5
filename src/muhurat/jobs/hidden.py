"""Values that a job's processes hand on unseen: in memory that only those who inherit it can read.

The values of the desk's `.env` reach a user's script this way: they stand in no file of ours, in no environment and on
no command line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "MUHURAT_HIDDEN_FD"
"""In a job's environment: the descriptor of the memory."""


def hide(values: Mapping[str, str]) -> int:
    """Put the values into memory behind a new descriptor, to be inherited and closed."""
    fd = os.memfd_create("muhurat-hidden")
    os.write(fd, json.dumps(dict(values)).encode())
    return fd


def hidden_values() -> dict[str, str]:
    """The process's environment over the values it inherited."""
    named = os.environ.get(VARIABLE)
    inherited: dict[str, str] = {}
    if named is not None:
        fd = int(named)
        inherited = json.loads(os.pread(fd, os.fstat(fd).st_size, 0))
    return {**inherited, **os.environ}
