"""The process of a user's Python script: `python -m muhurat.jobs.script SPECFILE`.

The script runs as if it had been called by name, with `sys.argv` made from the registry's `parameter`. Secrets are
put in here, inside the process, so that no process list shows them.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

from muhurat.errors import UsageError
from muhurat.jobs.arguments import resolve
from muhurat.jobs.hidden import hidden_values


def main(spec_file: str) -> None:
    """Run the script that the spec names; its exit code is the process's, 2 when a secret is not set."""
    spec = json.loads(Path(spec_file).read_text())
    script = Path(spec["script"])
    try:
        sys.argv = [str(script), *resolve(spec["arguments"], hidden_values())]
    except UsageError as error:
        sys.stderr.write(f"{error}; {error.hint}\n")
        raise SystemExit(2) from None
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
