"""`python -m muhurat` is the `muhurat` command."""

import sys

from muhurat.cli import main

sys.exit(main())
