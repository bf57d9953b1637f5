from __future__ import annotations

from muhurat.capture.alarms import Alarms, Level


def test_what_could_not_be_told_is_told_later_in_order() -> None:
    told: list[tuple[str, str, str]] = []
    refusing = True

    def tell(level: Level, what: str, hint: str) -> bool:
        if not refusing:
            told.append((level, what, hint))
        return not refusing

    alarms = Alarms(tell)
    alarms.raise_("critical", "the disk is full", "make room")
    alarms.raise_("warning", "it is well again", "")
    assert told == []
    refusing = False
    alarms.tell()
    alarms.tell()

    assert told == [("critical", "the disk is full", "make room"), ("warning", "it is well again", "")]


def test_only_the_newest_hundred_wait() -> None:
    told: list[str] = []
    refusing = True

    def tell(level: Level, what: str, hint: str) -> bool:
        if not refusing:
            told.append(what)
        return not refusing

    alarms = Alarms(tell)
    for number in range(150):
        alarms.raise_("warning", str(number), "")
    refusing = False
    alarms.tell()

    assert told == [str(number) for number in range(50, 150)]


def test_without_anybody_to_tell_nothing_waits() -> None:
    Alarms().raise_("warning", "nobody hears", "")
