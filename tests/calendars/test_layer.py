"""Calendar files are read strictly: every mistake is named, all at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from muhurat.calendars.calendar import base_layer, known_mics, stack
from muhurat.calendars.layer import Layer, mic_of, parse_base, parse_overlay, read_overlay
from muhurat.errors import CalendarError

GOOD = 'name = "n", source = "s"'
OVERLAPPING = '[["11:00", "12:00"], ["09:15", "11:00"]]'


@pytest.fixture(scope="module")
def base() -> Layer:
    return base_layer("XNSE")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("holiday = []", "unknown key 'holiday'; did you mean 'holidays'?"),
        (f"holidays = [{{ day = 2026-12-15, {GOOD}, dey = 1 }}]", "unknown key 'dey'; did you mean 'day'?"),
        ('holidays = [{ day = 2026-12-15, name = "n" }]', "holidays 2026-12-15: source is missing"),
        ('holidays = [{ day = 2026-12-15, source = "s" }]', "holidays 2026-12-15: name is missing"),
        (f'holidays = [{{ day = "soon", {GOOD} }}]', "day 'soon' is no date"),
        (f"holidays = [{{ day = 2026-12-13, {GOOD} }}]", "2026-12-13 is a weekend"),
        (f'holidays = [{{ day = 2026-12-15, segments = ["CD"], {GOOD} }}]', "unknown segment 'CD'"),
        (
            f"holidays = [{{ day = 2026-12-15, {GOOD} }}]\nregular = [{{ day = 2026-12-15, {GOOD} }}]",
            "2026-12-15 is already holiday for CM",
        ),
        (f'special = [{{ day = 2026-12-13, kind = "party", {GOOD} }}]', "unknown kind 'party'; known: muhurat"),
        (
            f'special = [{{ day = 2026-12-13, kind = "budget", trading = [["9", "x"]], {GOOD} }}]',
            "['9', 'x'] is no window",
        ),
        (
            f'special = [{{ day = 2026-12-13, kind = "budget", trading = [["15:30", "09:15"]], {GOOD} }}]',
            "['15:30', '09:15'] is no window",
        ),
        (f'special = [{{ day = 2026-12-13, kind = "budget", trading = [], {GOOD} }}]', "trading has no window"),
        (
            f'special = [{{ day = 2026-12-13, kind = "budget", {GOOD}, trading = {OVERLAPPING} }}]',
            "the window 09:15-11:00 does not come after 11:00-12:00",
        ),
        ('hours = [{ segment = "CD", since = 2027-01-01, source = "s" }]', "hours 1: needs a segment"),
        (
            'hours = [{ segment = "FO", since = 2027-02-01, source = "s" }, { segment = "FO", since = 2027-01-01 }]',
            "2027-01-01 does not come after 2027-02-01",
        ),
        ('holidays = ["2026-12-15"]', "holidays: '2026-12-15' is no line"),
        (f"holidays = {{ day = 2026-12-15T00:00:00, {GOOD} }}", "is no date"),
        (f'special = [{{ day = 2026-12-13, kind = "budget", trading = "09:15", {GOOD} }}]', "'09:15' is no window"),
        (f'special = [{{ day = 2026-12-13, kind = "budget", named = [], {GOOD} }}]', "named [] has no names"),
        ('hours = [{ segment = "FO", since = 2027-01-01, source = "s" }]', "hours 1: trading is missing"),
        ("covers = { from = 2027-12-31, to = 2027-01-01 }", "covers: "),
        ("covers = { from = 2027-01-01 }", "covers: "),
    ],
)
def test_a_mistake_is_named(base: Layer, lines: str, complaint: str) -> None:
    with pytest.raises(CalendarError) as refused:
        parse_overlay(f'mic = "XNSE"\n{lines}', "desk.toml", base)
    assert complaint in str(refused.value)
    assert str(refused.value).startswith("desk.toml is not a sound calendar file")


def test_all_mistakes_are_named_at_once(base: Layer) -> None:
    text = 'mic = "XNSE"\nholidays = [{ day = 2026-12-15 }, { day = 2026-12-13, name = "n", source = "s" }]\nx = 1'
    with pytest.raises(CalendarError) as refused:
        parse_overlay(text, "desk.toml", base)
    assert len(str(refused.value).splitlines()) == 5


def test_text_that_is_not_toml_is_refused(base: Layer) -> None:
    with pytest.raises(CalendarError, match=r"desk\.toml is not TOML"):
        parse_overlay("holidays = [", "desk.toml", base)


def test_a_file_that_cannot_be_read_is_refused(base: Layer, tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match="cannot be read"):
        read_overlay(tmp_path / "none.toml", base)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CalendarError, match="cannot be read"):
        read_overlay(tmp_path / "bytes.toml", base)


def test_a_file_says_which_exchange_it_is_about() -> None:
    assert mic_of('mic = "XBOM" # Bombay', "desk.toml") == "XBOM"
    with pytest.raises(CalendarError, match="does not say which exchange"):
        mic_of("holidays = []", "desk.toml")
    with pytest.raises(CalendarError, match="the exchange's four letters are missing"):
        parse_base("segments = ['CM']", "base.toml")


def test_the_shipped_files_are_sound() -> None:
    assert {"XBOM", "XNSE"} <= set(known_mics())
    for mic in known_mics():
        layer = base_layer(mic)
        assert layer.mic == mic
        assert all(entry.source and entry.name for entry in layer.days.values())


def test_the_example_of_the_documentation_is_sound(base: Layer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "calendars.md").read_text(encoding="utf-8")
    example = page.split("```toml")[1].split("```")[0]
    layer = parse_overlay(example, "docs/calendars.md", base)
    assert layer is not None
    assert stack(base, [layer], "CM").status(date(2026, 11, 8)).hours_known
    assert not stack(base, [layer], "CM").is_open(date(2027, 3, 22))
    assert stack(base, [layer], "FO").is_open(date(2027, 3, 22))
