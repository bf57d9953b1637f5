"""`muhurat check`: every mistake named at once, everything a desk names touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from muhurat.capture.journal import JournalWriter
from muhurat.clock import SystemClock
from tests.servers.redis import RedisServer

SIX_MISTAKES = """
desk: {name: x, data_drr: ./data}
venues: {kite: {api_key: "${NOT_SET_ANYWHERE}"}}
feeds: {sensex_desk: {venue: kitee, universe: sensex_atm}}
stores: {ticks: "parket:///x"}
trading: {mode: tset, last_entry_time: "25:00"}
"""
WITHOUT_KITE = {name: value for name, value in os.environ.items() if "KITE" not in name and "ZERODHA" not in name}
NAMED = ("desk.data_drr", "venues.kite.api_key", "feeds.sensex_desk.venue", "stores.ticks", "trading.mode")


def check(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "muhurat", "check", "--desk", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=WITHOUT_KITE)


def test_six_mistakes_are_named_at_once_and_the_exit_code_says_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(SIX_MISTAKES)
    done = check(tmp_path / "desk.yaml")
    assert done.returncode == 2
    for place in (*NAMED, "trading.last_entry_time"):
        assert f"\n  {place}: " in done.stderr
    assert "did you mean 'data_dir'?" in done.stderr


def test_programs_get_the_mistakes_as_rows(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(SIX_MISTAKES)
    done = check(tmp_path / "desk.yaml", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert {*NAMED, "trading.last_entry_time"} == {row["what"] for row in rows}
    assert {row["verdict"] for row in rows} == {"wrong"}


def test_a_file_that_is_right_but_lacks_a_session_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(
        "desk: {name: x}\nvenues: {kite: {ticker: 'ws://127.0.0.1:9', root: 'http://127.0.0.1:9'}}\n"
        "web: {listen: '127.0.0.1:0'}"
    )
    done = check(tmp_path / "desk.yaml", "--json")
    rows = {row["what"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert rows["kite token"]["verdict"] == "wrong"
    assert "api_key" in rows["kite token"]["detail"]
    assert "developers.kite.trade" in rows["kite token"]["hint"]
    assert "cannot be reached" in rows["kite ticker"]["detail"]
    assert {rows[what]["verdict"] for what in ("desk file", "folders", "tick store", "page")} == {"ok"}
    assert "api_secret" not in done.stdout


def test_a_page_that_others_can_reach_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text("desk: {name: x}\nweb: {listen: '0.0.0.0:0'}")
    done = check(tmp_path / "desk.yaml", "--json")
    rows = {row["what"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["page"]["verdict"] == "note"
    assert "no log-in" in rows["page"]["detail"]


def test_what_is_wrong_in_one_place_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{not json")
    (tmp_path / "empty.json").write_text('{"instruments": {}}')
    (tmp_path / "desk.yaml").write_text(
        "desk: {name: x, data_dir: /proc/nowhere}\nvenues: {kite: {ticker: 'ws://127.0.0.1:9', root: 'http://127.0.0.1:9'}}\n"
        "feeds: {one: {venue: kite, universe: broken.json, log: recorder}, two: {venue: kite, universe: empty.json}}\n"
        "web: {listen: '127.0.0.1:0'}"
    )
    done = check(tmp_path / "desk.yaml", "--json")
    rows = {row["what"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    wrong = {what: rows[what]["detail"] for what in ("disk", "universe of one", "universe of two", "feeds.one.log")}
    assert {rows[what]["verdict"] for what in wrong} == {"wrong"}
    assert wrong["disk"] == "/proc/nowhere: No such file or directory"
    assert "broken.json is spoilt" in wrong["universe of one"]
    assert wrong["universe of two"].endswith("empty.json has no instruments")
    assert wrong["feeds.one.log"] == "recorder.log is the log of a service"
    assert rows["page"]["verdict"] == "ok"


@pytest.mark.servers
def test_a_stream_is_looked_at_and_one_of_another_recording_is_told(tmp_path: Path, redis_server: RedisServer) -> None:
    redis_server.start()
    feeds = ", ".join(f"{name}: {{venue: kite, universe: sensex_atm}}" for name in ("sensex_desk", "sso_xvenue"))
    (tmp_path / "desk.yaml").write_text(
        f"desk: {{name: x}}\nvenues: {{kite: {{}}}}\nfeeds: {{{feeds}}}\nstores: {{stream: '{redis_server.url}'}}\n"
    )
    with JournalWriter(tmp_path / "data/raw_ticks/sso_xvenue", "sso_xvenue", SystemClock()) as writer:
        writer.append([(b"x", SystemClock().now_ns(), 0)])
    with redis_server.client() as redis:
        redis.flushall()
        redis.xadd("ticks:raw:binary", {"data": b"theirs"})
        done = check(tmp_path / "desk.yaml", "--json")
    rows = {row["what"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["stream of sensex_desk"]["detail"] == "ticks:raw:sensex_desk is empty, at most 256 MB"
    assert "another recording's" in rows["stream of sso_xvenue"]["detail"]
    assert "redis-cli DEL ticks:raw:binary" in rows["stream of sso_xvenue"]["hint"]
