"""Taking in dates: what is new is shown and kept, what contradicts is refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.calendars import calendar_for
from muhurat.calendars.importing import Imported, import_file
from muhurat.calendars.overlay_text import overlay_text, write_overlay
from muhurat.errors import CalendarError

HOLIDAYS_2027 = [("26-Jan-2027", "Republic Day"), ("15-Aug-2027", "Independence Day"), ("29-Oct-2027", "Laxmi Pujan*")]


def master(rows: list[tuple[str, str]], **further: list[tuple[str, str]]) -> str:
    """A holiday-master body of the same rows in CM and FO, in the shape of the real one."""

    def listed(pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
        return [
            {"tradingDate": day, "weekDay": "", "description": name, "morning_session": None, "evening_session": None}
            for day, name in pairs
        ]

    return json.dumps(
        {"CM": listed(rows), "FO": listed(rows), **{key: listed(value) for key, value in further.items()}}
    )


def known_rows(year: int) -> list[tuple[str, str]]:
    calendar = calendar_for("XNSE", "FO")
    days = (status for status in map(calendar.status, all_days(year)) if status.kind == "holiday")
    return [(f"{status.day:%d-%b-%Y}", status.name) for status in days]


def all_days(year: int) -> list[date]:
    return [
        date.fromordinal(number) for number in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
    ]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "calendars" / "xnse.toml"


def taken(text: str, target: Path, mic: str | None = None) -> Imported:
    """Import a text and write the overlay, as the command does."""
    file = target.parent.parent / "news"
    file.write_text(text)
    imported = import_file(file, target, mic)
    if imported.changes:
        write_overlay(imported.overlay, target)
    return imported


def words(imported: Imported) -> list[str]:
    return [f"{c.day} {c.segment}: {c.before} -> {c.after}" for c in imported.changes]


def test_a_new_year_comes_in_with_its_holidays_and_a_muhurat_without_hours(target: Path) -> None:
    imported = taken(master(HOLIDAYS_2027), target)
    assert words(imported) == [
        "2027-01-26 CM: not covered -> holiday (Republic Day)",
        "2027-01-26 FO: not covered -> holiday (Republic Day)",
        "2027-10-29 CM: not covered -> muhurat at unknown hours (Laxmi Pujan, Muhurat trading)",
        "2027-10-29 FO: not covered -> muhurat at unknown hours (Laxmi Pujan, Muhurat trading)",
        "2027-12-31 CM: data end 2026-12-31 -> data end 2027-12-31",
        "2027-12-31 FO: data end 2026-12-31 -> data end 2027-12-31",
    ]
    calendar = calendar_for("XNSE", "FO", [target])
    assert calendar.horizon() == date(2027, 12, 31)
    assert calendar.why(date(2027, 1, 26)) == "Republic Day"
    assert calendar.session(date(2027, 3, 1)) is not None
    with pytest.raises(CalendarError, match="its hours are not known"):
        calendar.session(date(2027, 10, 29))


def test_hours_of_a_known_session_complete_it(target: Path) -> None:
    imported = taken(
        """
        mic = "XNSE"
        [[special]]
        day = 2026-11-08
        kind = "muhurat"
        name = "Diwali Laxmi Pujan"
        trading = [["18:15", "19:15"]]
        named = { pre_open = ["18:00", "18:08"] }
        source = "a circular"
        """,
        target,
    )
    assert words(imported)[0].endswith(
        ": muhurat at unknown hours (Diwali Laxmi Pujan, Muhurat trading) -> muhurat 18:15-19:15 (Diwali Laxmi Pujan)"
    )
    session = calendar_for("XNSE", "CM", [target]).session(date(2026, 11, 8))
    assert session is not None
    assert session.source == "a circular"
    assert session.window("pre_open") is not None


def test_imports_add_up_and_the_same_twice_is_no_news(target: Path) -> None:
    taken(master(HOLIDAYS_2027), target)
    news = 'mic = "XNSE"\nholidays = [{ day = 2027-02-02, name = "Election", source = "c", segments = ["FO"] }]\n'
    assert words(taken(news, target)) == ["2027-02-02 FO: regular -> holiday (Election)"]
    assert taken(news, target).changes == ()
    assert taken(master([*HOLIDAYS_2027, ("02-Feb-2027", "Election")]), target).changes != ()
    calendar = calendar_for("XNSE", "FO", [target])
    assert (calendar.why(date(2027, 1, 26)), calendar.why(date(2027, 2, 2))) == ("Republic Day", "Election")


def test_what_is_known_is_no_news(target: Path) -> None:
    assert taken(master(known_rows(2026)), target).changes == ()
    assert not target.exists()


def test_a_muhurat_mark_on_a_session_with_hours_takes_nothing_away(target: Path) -> None:
    assert taken(master([*known_rows(2025), ("21-Oct-2025", "Diwali Laxmi Pujan*")]), target).changes == ()


def test_a_holiday_on_a_known_session_is_a_contradiction(target: Path) -> None:
    with pytest.raises(CalendarError) as refused:
        taken(master([*known_rows(2024), ("02-Mar-2024", "Saturday"), ("01-Nov-2024", "Diwali")]), target)
    assert "2024-11-01 FO: holiday (Diwali), known as muhurat 18:00-19:00" in str(refused.value)
    assert "NSE/FAOP/64630" in str(refused.value)
    assert "replaces = true" in refused.value.hint
    assert not target.exists()


def test_other_hours_than_known_are_a_contradiction_unless_they_replace(target: Path) -> None:
    line = '[[special]]\nday = 2026-02-01\nkind = "budget"\nname = "n"\nsource = "c"\ntrading = [["09:15", "17:00"]]\n'
    with pytest.raises(CalendarError, match="2026-02-01 CM: budget 09:15-17:00"):
        taken(f'mic = "XNSE"\n{line}', target)
    taken(f'mic = "XNSE"\n{line}replaces = true\n', target)
    session = calendar_for("XNSE", "FO", [target]).session(date(2026, 2, 1))
    assert session is not None
    assert session.source == "c"


def test_a_master_that_lacks_a_known_holiday_is_refused(target: Path) -> None:
    with pytest.raises(CalendarError, match="lacks holidays that are known") as refused:
        taken(master(known_rows(2026)[:-1]), target)
    assert "2026-12-25 CM (Christmas, NSE/CMTR/71775" in str(refused.value)


def test_a_holiday_can_be_taken_back_knowingly(target: Path) -> None:
    line = 'regular = [{ day = 2026-12-25, name = "Open", source = "c", replaces = true }]'
    assert words(taken(f'mic = "XNSE"\n{line}\n', target))[0] == "2026-12-25 CM: holiday (Christmas) -> regular (Open)"
    assert calendar_for("XNSE", "FO", [target]).is_open(date(2026, 12, 25))


def test_new_hours_come_in_and_known_ones_stay(target: Path) -> None:
    row = '[[hours]]\nsegment = "FO"\nsince = {since}\ntrading = [["09:00", "17:00"]]\nsource = "c"\n'
    head = 'mic = "XNSE"\n'
    imported = taken(head + row.format(since="2026-12-21"), target)
    assert words(imported) == ["2026-12-21 FO: earlier hours -> hours 09:00-17:00"]
    with pytest.raises(CalendarError, match="2026-08-03 FO: hours from this date on are known"):
        taken(head + row.format(since="2026-08-03"), target)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not JSON"),
        ("{}", "has no holidays of CM"),
        (json.dumps({"CM": [{"tradingDate": "2027-01-26", "description": "x"}], "FO": []}), "which is no holiday"),
        (master([("26-Jan-2027", "x"), ("26-Jan-2028", "y")]), r"the years \[2027, 2028\]"),
        (master([("26-Jan-2028", "x")]), "leaves a gap after 2026-12-31"),
        ("holidays = []", "does not say which exchange"),
        ('mic = "XLON"', "no calendar for 'XLON'"),
    ],
)
def test_a_file_of_another_kind_is_refused(target: Path, text: str, complaint: str) -> None:
    with pytest.raises(CalendarError, match=complaint):
        taken(text, target)


def test_exchanges_are_not_mixed_up(target: Path) -> None:
    with pytest.raises(CalendarError, match="is about another exchange than XBOM"):
        taken('mic = "XNSE"', target, mic="XBOM")
    target.parent.mkdir()
    target.write_text('mic = "XBOM"\n')
    with pytest.raises(CalendarError, match="the overlay of another exchange than XNSE"):
        taken('mic = "XNSE"', target)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match="cannot be read"):
        import_file(tmp_path / "none.toml")


def test_the_written_overlay_reads_back_as_it_was(target: Path) -> None:
    imported = taken(master(HOLIDAYS_2027, CD=[("01-Apr-2027", "Bank closing")]), target)
    again = taken(
        """
        mic = "XNSE"
        [[hours]]
        segment = "CM"
        since = 2027-06-01
        trading = [["09:15", "12:00"], ["13:00", "15:30"]]
        named = { pre_open = ["09:00", "09:08"] }
        source = "with \\"quotes\\" and मुहूर्त"
        [[special]]
        day = 2027-10-29
        kind = "muhurat"
        name = "Laxmi Pujan"
        trading = [["18:15:30", "19:15"]]
        segments = ["FO"]
        source = "c"
        """,
        target,
    )
    assert again.overlay.days.items() > {k: v for k, v in imported.overlay.days.items() if k[1].month == 1}.items()
    text = target.read_text()
    assert overlay_text(taken('mic = "XNSE"', target).overlay) == text
    cash, derivatives = (calendar_for("XNSE", segment, [target]) for segment in ("CM", "FO"))
    assert len(cash.next_session(date(2027, 6, 1)).windows) == 2
    assert derivatives.session(date(2027, 10, 29)) is not None
    with pytest.raises(CalendarError, match="its hours are not known"):
        cash.session(date(2027, 10, 29))


def test_the_real_holiday_master_of_2026_agrees_with_the_shipped_calendar(samples: Path, target: Path) -> None:
    file = samples / "nse" / "holiday-master" / "nse_holiday_master_trading_20260715.json"
    assert import_file(file, target).changes == ()
    body = json.loads(file.read_text())
    for segment in ("CM", "FO"):
        calendar = calendar_for("XNSE", segment)
        rows = {row["tradingDate"]: row["description"] for row in body[segment]}
        weekdays = {status.day for status in map(calendar.status, all_days(2026)) if status.kind == "holiday"}
        real = {day for day in all_days(2026) if f"{day:%d-%b-%Y}" in rows and day.weekday() < 5}
        assert weekdays == real
        assert {name for name in rows.values() if name.endswith("*")} == {"Diwali Laxmi Pujan*"}
