"""`muhurat status`: what runs, what is recorded, what went wrong."""

from __future__ import annotations

from typing import Any

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption


def command(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None, json: JsonOption = False) -> None:
    """Show services, feeds and alerts, from what the desk's processes wrote last; works when the supervisor is gone."""
    from muhurat import app
    from muhurat.cli.output import print_json, print_table
    from muhurat.web.status import desk_status

    status = desk_status(app.open_desk(desk, overlay or []).run_dir)
    if json:
        print_json(status)
        return
    print(f"supervisor: {status['supervisor']}")
    print_table(status["services"], title="services")
    if status["disk"]:
        print(f"disk: {_disk(status['disk'])}")
    print_table([_feed(name, facts) for name, facts in status["feeds"].items()], title="feeds", empty="none yet")
    print_table(status["alerts"][-10:], title="alerts", empty="none")


def _disk(disk: dict[str, Any]) -> str:
    """The room on the journal's disk; what is wrong with it, if anything is."""
    if disk.get("trouble"):
        return f"{disk['trouble']['what']} ({disk['trouble']['hint']})"
    left_h = disk.get("hours_left")
    told = f"{(disk.get('free_bytes') or 0) / 1e9:,.1f} GB free"
    return told if left_h is None else f"{told}, full in {left_h:,.0f} h at the present rate"


def _feed(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What a person wants to know of a feed first; the rest is in --json."""
    return {
        "feed": name,
        "state": "login needed" if facts.get("login_needed") else facts.get("state"),
        "packets": facts.get("packets"),
        "packets per s": facts.get("rate"),
        "last data, s ago": facts.get("last_data_age_s"),
        "gaps": facts.get("gaps"),
        "reconnects": facts.get("reconnects"),
    }
