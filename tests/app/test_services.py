"""What the desk file asks to be kept running."""

from __future__ import annotations

from pathlib import Path

from muhurat.app.desk import open_desk
from muhurat.app.services import services


def names(folder: Path, stores: str, feeds: str) -> dict[str, tuple[str, ...]]:
    """The services of a desk, and the verbs that run them."""
    source = folder / "desk.yaml"
    source.write_text(f"desk: {{name: x}}\nvenues: {{kite: {{}}}}\nstores: {{{stores}}}\nfeeds: {{{feeds}}}\n")
    return {each.name: each.command[3:-2] for each in services(open_desk(source))}


ONE = "desk: {venue: kite, universe: sensex_atm}"
TWO = f"{ONE}, sso_xvenue: {{venue: kite, universe: sensex_atm}}"
STREAM = "stream: 'redis://127.0.0.1:6379/0'"


def test_a_desk_without_a_stream_has_no_publisher(tmp_path: Path) -> None:
    assert not [name for name in names(tmp_path, "", TWO) if name.startswith("publish")]


def test_every_published_feed_has_a_publisher(tmp_path: Path) -> None:
    assert names(tmp_path, STREAM, ONE)["publish"] == ("capture", "publish", "--feed", "desk")
    both = names(tmp_path, STREAM, TWO)
    assert both["publish_sso_xvenue"] == ("capture", "publish", "--feed", "sso_xvenue")
    assert "publish_desk" in both
