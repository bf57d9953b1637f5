"""`muhurat init`: a desk file to begin with."""

from __future__ import annotations

from pathlib import Path

import typer

_DESK_FILE = """\
# A Muhurat desk. Every key not written here has a default; `muhurat check` explains what is wrong.
# Secrets belong in .env beside this file: ZERODHA_API_KEY=..., ZERODHA_API_SECRET=...
desk:
  name: {name}

venues:
  kite: {{ api_key: "${{ZERODHA_API_KEY}}", api_secret: "${{ZERODHA_API_SECRET}}" }}

feeds:
  # SENSEX, INDIA VIX, the near future and the current week's options, five strikes on either side of the money
  sensex_desk: {{ venue: kite, universe: sensex_atm, mode: full, strikes: 5 }}
  # the crawler: 320 stock futures, stock options, index derivatives and shares, see docs/universe.md
  # sso_xvenue: {{ venue: kite, universe: sso_xvenue }}

jobs:
  registry: process.json # the day's jobs, see `muhurat day plan`
  bod: {{ at: "08:00", deadline: "09:00" }}
  eod: {{ at: close+10m }}

trading:
  mode: test # paper money on the live feed
  paper_capital: 500000
  strategy: ema_mean_reversion

web: {{ listen: 127.0.0.1:8787 }}
"""


def command(
    folder: Path = typer.Argument(Path(), help="The desk's folder; made when it does not exist."),
    name: str = typer.Option("sensex-desk", help="The desk's name."),
) -> None:
    """Write a desk file to begin with; never over one that exists."""
    from muhurat.errors import UsageError
    from muhurat.jobs.standard import write_standard

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "desk.yaml"
    if target.exists():
        raise UsageError(f"{target} exists already", hint="name another folder")
    target.write_text(_DESK_FILE.format(name=name), encoding="utf-8")
    registry = folder / "process.json"
    if not registry.exists():
        write_standard(registry, with_accounts=False)
    print(f"wrote {target} and {registry}")
    print(f"next: put your key and secret into {folder / '.env'}, then `muhurat check --desk {target}`")
