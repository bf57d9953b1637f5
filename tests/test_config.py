"""The desk file: every mistake is told at once, with its place and a way out."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.config import Desk, Known, desk_from, feed_log, load_desk, streams_of
from muhurat.errors import ConfigError

KNOWN = Known(
    venues=frozenset({"kite"}),
    strategies=frozenset({"ema_mean_reversion"}),
    store_schemes={"ticks": frozenset({"parquet"})},
    universes=frozenset({"sensex_atm"}),
)


def load(tmp_path: Path, text: str, overlay: str = "", **environment: str) -> Desk:
    (tmp_path / "desk.yaml").write_text(text)
    overlays = []
    if overlay:
        (tmp_path / "overlay.yaml").write_text(overlay)
        overlays.append(tmp_path / "overlay.yaml")
    return load_desk(tmp_path / "desk.yaml", overlays, known=KNOWN, environment=environment)


def problems(tmp_path: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_a_desk_file_needs_no_more_than_a_name(tmp_path: Path) -> None:
    desk = load(tmp_path, "desk: {name: x}")
    assert desk.data_dir == tmp_path / "data"
    assert desk.stores.ticks == "parquet:///./data/ticks"


@pytest.mark.parametrize(
    ("listen", "private"),
    [
        ("127.0.0.1:8787", True),
        ("localhost:8787", True),
        ("[::1]:8787", True),
        ("0.0.0.0:8787", False),
        ("192.168.1.5:8787", False),
        ("desk.example.org:8787", False),
    ],
)
def test_a_page_is_private_on_the_loopback_address_only(tmp_path: Path, listen: str, private: bool) -> None:
    assert load(tmp_path, f"desk: {{name: x}}\nweb: {{listen: '{listen}'}}").web.private is private


def test_a_secret_of_the_wrong_kind_is_named_and_not_shown(tmp_path: Path) -> None:
    found = problems(tmp_path, "desk: {name: x}\nvenues: {kite: {api_key: 12345678, api_secret: [hush-hush]}}")
    assert found.keys() == {"venues.kite.api_key", "venues.kite.api_secret"}
    assert not any(shown in text for text in found.values() for shown in ("12345678", "hush"))


def test_six_different_mistakes_are_told_in_one_go(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
desk: {name: x, data_drr: ./data}
venues: {kite: {api_key: "${NOT_SET_ANYWHERE}"}}
feeds: {sensex_desk: {venue: kitee, universe: sensex_atm}}
stores: {ticks: "parket:///x"}
trading: {mode: tset, paper_capital: -5, last_entry_time: "25:00"}
web: {listen: nowhere}
""",
    )
    assert "did you mean 'data_dir'?" in found["desk.data_drr"]
    assert "NOT_SET_ANYWHERE" in found["venues.kite.api_key"]
    assert "'kitee'" in found["feeds.sensex_desk.venue"]
    assert "'parket'" in found["stores.ticks"]
    assert "'tset'" in found["trading.mode"]
    assert "-5" in found["trading.paper_capital"]
    assert "25:00" in found["trading.last_entry_time"]
    assert "host:port" in found["web.listen"]


def test_a_feed_of_a_venue_without_a_section_is_a_mistake(tmp_path: Path) -> None:
    found = problems(tmp_path, "desk: {name: x}\nfeeds: {a: {venue: kite, universe: sensex_atm}}")
    assert "venues.kite" in found["feeds.a.venue"]


def test_a_trader_without_its_feed_is_a_mistake(tmp_path: Path) -> None:
    assert "sensex_desk" in problems(tmp_path, "desk: {name: x}\ntrading: {}")["trading.feed"]


def test_broken_yaml_is_told_with_line_and_column(tmp_path: Path) -> None:
    (place,) = problems(tmp_path, "desk: {name: x\nweb: [")
    assert place.endswith(("desk.yaml:2:5", "desk.yaml:2:4"))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="muhurat init"):
        load_desk(tmp_path / "nowhere.yaml")


def test_overlays_win_key_by_key(tmp_path: Path) -> None:
    desk = load(tmp_path, "desk: {name: x, log_level: debug}", "desk: {name: y}")
    assert (desk.desk.name, desk.desk.log_level) == ("y", "debug")


def test_secrets_come_from_the_environment_before_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# note\nexport KEY='from file'\nOTHER=o\n")
    text = 'desk: {name: x}\nvenues: {kite: {api_key: "${KEY}", api_secret: "${OTHER}"}}'
    assert load(tmp_path, text).venues.kite.api_key == "from file"  # type: ignore[union-attr]
    assert load(tmp_path, text, KEY="from environment").venues.kite.api_key == "from environment"  # type: ignore[union-attr]


def test_keys_of_later_versions_are_read_past_and_named(tmp_path: Path) -> None:
    desk = load(tmp_path, "desk: {name: x}\noptionchain: {interval_s: 5}\nstores: {chains: 'sqlite:///c'}")
    assert desk.unread_keys == ("optionchain", "stores.chains")


def test_retention_has_the_seeds_keys_and_sensible_bounds(tmp_path: Path) -> None:
    kept = load(tmp_path, "desk: {name: x}").data_retention
    assert (kept.hot_storage_days, kept.archive_retention_days, kept.log_retention_days) == (1, 90, 7)
    assert kept.bundles == ("daily", "weekly", "monthly")
    keys = "hot_storage_days: -1, log_retention_days: 0, bundles: [yearly]"
    found = problems(tmp_path, f"desk: {{name: x}}\ndata_retention: {{{keys}}}")
    assert found.keys() == {
        "data_retention.hot_storage_days",
        "data_retention.log_retention_days",
        "data_retention.bundles.0",
    }
    keys = "hot_storage_days: 30, archive_retention_days: 20"
    found = problems(tmp_path, f"desk: {{name: x}}\ndata_retention: {{{keys}}}")
    assert "fewer than hot_storage_days, 30" in found["data_retention.archive_retention_days"]


def test_a_time_without_quotes_is_refused_because_yaml_reads_a_number(tmp_path: Path) -> None:
    desk = """
desk: {name: x}
venues: {kite: {}}
feeds: {sensex_desk: {venue: kite, universe: sensex_atm, publish: "ticks:raw:binary"}}
trading:
  square_off_time: 15:20
"""
    assert "in quotes" in problems(tmp_path, desk)["trading.square_off_time"]
    loaded = load(tmp_path, desk.replace("15:20", '"15:20"'))
    assert loaded.trading is not None
    assert loaded.trading.square_off_time == time(15, 20)
    assert loaded.unread_keys == ()


def test_a_desk_cannot_be_changed_once_loaded(tmp_path: Path) -> None:
    desk = load(tmp_path, "desk: {name: x}")
    with pytest.raises(ValueError, match="frozen"):
        desk.web = desk.web


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.integers(), st.text(max_size=5)), max_size=4))
def test_no_mapping_whatever_without_a_desk_ends_in_anything_but_named_problems(raw: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        desk_from(raw, known=KNOWN)
    assert all(problem.path and problem.message for problem in caught.value.problems)


STREAMED = "desk: {{name: x}}\nvenues: {{kite: {{}}}}\nstores: {{stream: {url}}}\nfeeds: {feeds}"
FEEDS = "{{sso_xvenue: {{{0}}}, sensex_desk: {{{0}}}, third: {{{0}, publish: none}}, own: {{{0}, publish: 'my:own'}}}}"
FEEDS = FEEDS.format("venue: kite, universe: sensex_atm")


def test_feeds_are_published_under_their_usual_names_unless_they_have_others(tmp_path: Path) -> None:
    desk = load(tmp_path, STREAMED.format(url="redis://host:6379/0", feeds=FEEDS))
    usual = {"sso_xvenue": "ticks:raw:binary", "sensex_desk": "ticks:raw:sensex_desk"}
    assert streams_of(desk) == {**usual, "own": "my:own"}
    assert streams_of(load(tmp_path, STREAMED.format(url="none", feeds=FEEDS))) == {}


def test_a_stream_holds_one_feed(tmp_path: Path) -> None:
    twice = STREAMED.format(url="redis://host:6379/0", feeds=FEEDS.replace("my:own", "ticks:raw:sensex_desk"))
    told = problems(tmp_path, twice)["feeds.sensex_desk.publish"]
    assert told.endswith("is the stream of own already (a stream holds one feed: name another)")


LOGGED = "desk: {{name: x}}\nvenues: {{kite: {{}}}}\nfeeds: {{one: {{{0}, log: {1}}}, two: {{{0}}}}}"


@pytest.mark.parametrize("log", ["../elsewhere", "a/b", "a.log", "''", "two words"])
def test_a_feeds_log_lies_in_the_folder_of_logs(tmp_path: Path, log: str) -> None:
    told = LOGGED.format("venue: kite, universe: sensex_atm", log)
    if log == "''":
        assert feed_log(load(tmp_path, told), "one") == "feed_one"
    else:
        assert "is no name" in problems(tmp_path, told)["feeds.one.log"]


def test_a_log_holds_one_feed(tmp_path: Path) -> None:
    told = problems(tmp_path, LOGGED.format("venue: kite, universe: sensex_atm", "feed_two"))["feeds.two.log"]
    assert told.endswith("'feed_two' is the log of one already (a log holds one feed: name another)")


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ("data_retention: {bundles: daily}", "data_retention.bundles", "must be a list, not 'daily'"),
        ("data_retention:", "data_retention", "must be a mapping of keys, not None"),
        ("stores: {stream: }", "stores.stream", "must be a text, not None"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_without_the_words_of_a_programmer(
    tmp_path: Path, text: str, path: str, told: str
) -> None:
    assert problems(tmp_path, f"desk: {{name: x}}\n{text}")[path].endswith(told)


def test_a_stream_that_is_no_url_is_refused_with_an_example(tmp_path: Path) -> None:
    assert "redis://host:6379/0" in problems(tmp_path, "desk: {name: x}\nstores: {stream: localhost}")["stores.stream"]
