"""The command line: one file per verb, thin: parse, call, print."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from muhurat.errors import ConfigError, MuhuratError, UsageError

FAILED, WRONG_USE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; an error we raised on purpose becomes one message, never a traceback."""
    from muhurat.cli.root import root

    try:
        root().main(args=arguments, prog_name="muhurat")
    except BrokenPipeError:
        _close_output()
    except MuhuratError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return WRONG_USE if isinstance(error, UsageError | ConfigError) else FAILED
    return 0


def _close_output() -> None:
    """Whoever read our output has left, as `head` does; nothing more is to be said, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
