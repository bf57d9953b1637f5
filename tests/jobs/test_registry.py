"""`process.json`: what is read out of it, and every mistake in it, named with its place and its remedy."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.errors import ConfigError
from muhurat.jobs.base import LIBRARY, job_named
from muhurat.jobs.process import Monitored
from muhurat.jobs.registry import RegistryFile, located, problems, read_registry, warnings
from muhurat.jobs.standard import write_standard
from tests.jobs.registries import entry, read, write, wrong

BACKUP = entry("DB backup", "builtin:db_backup", order=1)
CLEAN = entry("DB clean", "builtin:db_clean", order=2, parameter={"tables": "Margins"}, depends_on=["DB backup"])
LOAD = entry("Cash margin", "builtin:upload_cash_margin", order=3)


def test_a_process_is_read_with_every_default(tmp_path: Path) -> None:
    (process,) = read(write(tmp_path, entry("Copy NSE-files (CM)"))).processes
    assert (process.name, process.phase, process.order, process.is_active) == ("copy_nse_files_cm", "BOD", 10, True)
    assert (process.job, process.script) == ("copy_files_src_dst", None)
    assert process.parameter == {"source": "/in/*", "destination": "/out"}
    assert (process.timeout_s, process.retries, process.depends_on, process.days) == (600, 2, (), ())
    assert (process.on_failure, process.for_session, process.idempotent) == ("block", "today", True)
    assert (process.not_before, process.deadline, process.run_on_holidays) == (None, None, False)


def test_every_key_of_a_process_is_read(tmp_path: Path) -> None:
    written = entry("B", order=2, is_active=False, depends_on=["First of all", "a"], timeout_s=30, retries=0)
    written |= {"not_before": "08:45", "deadline": "close-1h", "on_failure": "warn", "days": ["mon", "fri"]}
    written |= {"run_on_holidays": True, "for_session": "previous", "idempotent": False}
    registry = read(write(tmp_path, entry("First of all"), entry("A"), written))
    process = registry.processes[2]
    assert (process.order, process.is_active, process.timeout_s, process.retries) == (2, False, 30, 0)
    assert process.depends_on == ("first_of_all", "a")
    assert (process.not_before, process.deadline, process.days) == ("08:45", "close-1h", ("mon", "fri"))
    assert (process.on_failure, process.run_on_holidays) == ("warn", True)
    assert (process.for_session, process.idempotent) == ("previous", False)


def test_what_the_registry_does_not_say_comes_from_the_job(tmp_path: Path) -> None:
    write(
        tmp_path, entry("Report", "builtin:day_report"), entry("Deletion", "builtin:cache_delete", on_failure="block")
    )
    report, deletion = read(tmp_path / "process.json").processes
    assert report.on_failure == job_named("day_report").on_failure == "warn"
    assert (deletion.on_failure, job_named("cache_delete").on_failure) == ("block", "warn")


def test_what_the_monitor_watches_is_read(tmp_path: Path) -> None:
    source = write(tmp_path, process_monitor=[{"title": "Database", "process": "blitz_mysql"}])
    assert read(source).monitored == (Monitored("Database", "blitz_mysql"),)


def test_processes_of_a_phase_come_in_order(tmp_path: Path) -> None:
    source = write(
        tmp_path, entry("C", order=3), entry("B", order=1), entry("E", process_type="EOD"), entry("A", order=1)
    )
    assert [process.name for process in read(source).phase("BOD")] == ["a", "b", "c"]


def test_the_seed_calls_the_file_processes_json_too(tmp_path: Path) -> None:
    (tmp_path / "Processes.json").write_text('{"processes": []}')
    assert read(tmp_path / "process.json").source.name == "Processes.json"
    (tmp_path / "process.json").write_text('{"processes": []}')
    assert located(tmp_path / "process.json").name == "process.json"
    assert "does not exist" in wrong(tmp_path / "other.json")["the file"]


def test_secrets_stay_unresolved(tmp_path: Path) -> None:
    parameter = {"host": "h", "user": "${env:FTP_USER}", "password": "${env:FTP_PASSWORD}", "port": "${env:FTP_PORT}"}
    parameter |= {"remote-file": "/a/b", "local-file": "downloads/b"}
    source = write(tmp_path, entry("FTP", "builtin:ftp_downloader", parameter=parameter))
    environment = {"FTP_USER": "desk", "FTP_PASSWORD": "geheim", "FTP_PORT": "2121"}
    registry = read(source, environment=environment)
    assert registry.processes[0].parameter == parameter
    del environment["FTP_PASSWORD"]
    assert wrong(source, environment=environment) == {
        "processes[0].parameter.password": "FTP_PASSWORD is not set (put FTP_PASSWORD=... into .env or the environment)"
    }
    environment |= {"FTP_PASSWORD": "geheim", "FTP_PORT": "geheimer"}
    told = wrong(source, environment=environment)
    assert list(told) == ["processes[0].parameter.port"]
    assert "geheim" not in str(told)


def test_an_inactive_process_may_lack_its_secrets_and_its_script(tmp_path: Path) -> None:
    script = entry("Mine", str(tmp_path / "mine.py"), is_active=False, parameter={"key": "${env:NOT_YET}"})
    registry = read(write(tmp_path, script))
    assert [warning.path for warning in warnings(registry)] == ["processes[0].application_path"]


MISTAKES: list[tuple[str, dict[str, Any], str, str]] = [
    ("unknown key", {"parametr": {}}, "parametr", "unknown key (did you mean 'parameter'?)"),
    ("order as text", {"order": "1"}, "order", "must be a whole number, not '1' (write it without quotes)"),
    ("order in halves", {"order": 1.5}, "order", "must be a whole number, not 1.5"),
    ("phase in lower case", {"process_type": "bod"}, "process_type", "did you mean 'BOD'?"),
    ("a phase that is none", {"process_type": "NOON"}, "process_type", "must be one of BOD, EOD, not 'NOON'"),
    (
        "active as text",
        {"is_active": "true"},
        "is_active",
        "must be true or false, not 'true' (write it without quotes)",
    ),
    ("no time", {"deadline": "9.00"}, "deadline", "'9.00' is no time of a session (write 09:05, open-10m"),
    ("no such hour", {"not_before": "24:00"}, "not_before", "'24:00' is no time of a session"),
    ("ends before it begins", {"not_before": "9:00", "deadline": "08:59"}, "deadline", "08:59 is not after not_before"),
    ("no timeout", {"timeout_s": 0}, "timeout_s", "should be greater than 0"),
    ("endless timeout", {"timeout_s": 1e999}, "the file", "is not JSON"),
    ("negative retries", {"retries": -1}, "retries", "should be greater than or equal to 0, not -1"),
    ("no weekday", {"days": ["mon", "tues"]}, "days[1]", "did you mean 'tue'?"),
    ("no such session", {"for_session": "yesterday"}, "for_session", "must be one of today, previous"),
    ("no such failure", {"on_failure": "warning"}, "on_failure", "did you mean 'warn'?"),
    ("dependency as text", {"depends_on": "A"}, "depends_on", "must be a list, not 'A' (write it in [ ])"),
    ("unknown dependency", {"depends_on": ["Proces"]}, "depends_on[0]", "no process is called 'Proces' (did you mean"),
    ("itself", {"depends_on": ["Process"]}, "depends_on", "waits for itself: process → process"),
    ("title without letters", {"title": "---"}, "title", "has no letter or digit"),
    ("empty title", {"title": ""}, "title", "is empty"),
    ("unknown job", {"application_path": "builtin:db_bakup"}, "application_path", "did you mean 'db_backup'?"),
    (
        "job without builtin",
        {"application_path": "db_backup.py"},
        "application_path",
        "did you mean 'builtin:db_backup'?",
    ),
    ("relative script", {"application_path": "./a.py"}, "application_path", "'./a.py' is no full path"),
    ("no base path", {"application_path": "${base_path}\\a.py"}, "application_path", "there is no base_path"),
    ("spaces at an end", {"application_path": "/srv/a.py "}, "application_path", "there are spaces at an end"),
    ("spaces beside a slash", {"application_path": "/srv / a.py"}, "application_path", "spaces beside a separator"),
    ("temporary folder", {"application_path": "C:\\Temp\\a.py"}, "application_path", "lies in a temporary folder"),
    ("back through ..", {"application_path": "/srv/../a.py"}, "application_path", "goes back through .."),
    ("missing script", {"application_path": "/srv/no/a.py"}, "application_path", "/srv/no/a.py does not exist"),
    ("folder as script", {"application_path": "/usr"}, "application_path", "/usr is a folder"),
    ("not executable", {"application_path": "/etc/passwd"}, "application_path", "no Python script and not executable"),
    ("parameter in depth", {"parameter": {"a": {"b": 1}}}, "parameter.a", "must be text, a number, true, false, null"),
    ("parameter no object", {"parameter": ["--a"]}, "parameter", "must be an object, not a list"),
]


@pytest.mark.parametrize(
    ("wrong_keys", "path", "message"), [each[1:] for each in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_each_mistake_is_named_with_its_place_and_remedy(
    tmp_path: Path, wrong_keys: dict[str, Any], path: str, message: str
) -> None:
    found = wrong(write(tmp_path, entry("Process") | wrong_keys))
    where = path if path == "the file" else f"processes[0].{path}"
    assert message in found.get(where, ""), found


@pytest.mark.parametrize(
    ("parameter", "path", "message"),
    [
        ({"destnation": "/out"}, "destnation", "copy_files_src_dst has no such option (did you mean 'destination'?)"),
        ({"destination": None}, "destination", "is missing"),
        ({"wait_s": "long"}, "wait_s", "should be a valid number"),
        ({"wait_s": -1}, "wait_s", "greater than or equal to 0, not '-1'"),
        ({"wait-s": 1, "wait_s": 1}, "wait_s", "is written twice"),
        ({"source": "C:\\in\\*"}, "source", r"C:\in\* is a Windows path, and path_map has no beginning of it"),
        ({"destination": ["/a ", "/b"]}, "destination[0]", "there are spaces at an end of '/a '"),
        ({"destination": "out\\day"}, "destination", "has backslashes and is no full Windows path"),
        ({"source": "${NAME}"}, "source", "${NAME} is unknown (did you mean ${env:NAME}?)"),
        ({"source": "${base_path}/*"}, "source", "${base_path} is used, and there is no base_path"),
    ],
)
def test_a_parameter_that_the_job_cannot_take_is_named(
    tmp_path: Path, parameter: dict[str, Any], path: str, message: str
) -> None:
    written = {"source": "/in/*", "destination": "/out"} | parameter
    found = wrong(write(tmp_path, entry("Copy", "builtin:copy_files_src_dst", parameter=written)))
    assert message in found.get(f"processes[0].parameter.{path}", ""), found


def test_every_mistake_of_a_file_is_told_at_once_in_its_order(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        entry("A", order="1", deadline="9.00", parametr=1, depends_on=["B"]),
        entry("B", "builtin:copy_files_src_dst", parameter={"source": 1, "destination": ["/out"]}, depends_on=["A"]),
        entry("A"),
        base_pth="/srv",
    )
    found = list(wrong(source))
    assert [path.partition(".")[0] for path in found] == [
        "base_pth",
        *["processes[0]"] * 4,
        "processes[1]",
        "processes[2]",
    ]
    assert set(found) == {
        "base_pth",
        "processes[0].deadline",
        "processes[0].order",
        "processes[0].parametr",
        "processes[0].depends_on",
        "processes[1].parameter.source",
        "processes[2].title",
    }
    with pytest.raises(ConfigError, match=r"process\.json: 7 problems"):
        read(source)


def test_dependencies_in_a_ring_are_named_as_a_chain(tmp_path: Path) -> None:
    source = write(tmp_path, *(entry(a, depends_on=[b]) for a, b in (("A", "B"), ("B", "C"), ("C", "A"), ("D", "A"))))
    assert wrong(source) == {
        "processes[0].depends_on": "waits for itself: a → b → c → a (take one of these dependencies away)"
    }


def test_the_morning_cannot_wait_for_the_evening(tmp_path: Path) -> None:
    evening = entry("Report", process_type="EOD")
    source = write(tmp_path, entry("Morning", depends_on=["Report"]), evening | {"depends_on": []})
    assert "cannot wait for 'Report'" in wrong(source)["processes[0].depends_on"]
    write(tmp_path, entry("Morning"), evening | {"depends_on": ["Morning"]})
    assert wrong(source) == {}


class TestBackupBeforeChanges:
    """Backup before anything that writes the database, clean after backup and before loads (MISSION B2)."""

    def test_a_load_depends_on_backup_and_clean(self, tmp_path: Path) -> None:
        source = write(tmp_path, BACKUP, CLEAN, LOAD | {"depends_on": ["DB clean"]})
        assert warnings(read(source)) == []

    @pytest.mark.parametrize(
        ("processes", "path", "message"),
        [
            (
                (BACKUP, LOAD),
                "processes[1]",
                'not depend on an active db_backup of the BOD (add "DB backup" to depends_on)',
            ),
            (
                (BACKUP, CLEAN, LOAD | {"depends_on": ["DB backup"]}),
                "processes[2]",
                'db_clean of the BOD (add "DB clean"',
            ),
            ((BACKUP, CLEAN | {"depends_on": []}), "processes[1]", "DB clean changes the database"),
            ((BACKUP | {"is_active": False}, LOAD), "processes[1]", "add an active BOD process builtin:db_backup"),
            ((BACKUP | {"process_type": "EOD"}, LOAD), "processes[1]", "an active db_backup of the BOD"),
        ],
    )
    def test_anything_else_is_refused(self, tmp_path: Path, processes: Any, path: str, message: str) -> None:
        assert message in wrong(write(tmp_path, *processes))[f"{path}.depends_on"]

    def test_without_any_backup_it_is_a_warning(self, tmp_path: Path) -> None:
        (warning,) = warnings(read(write(tmp_path, LOAD)))
        assert str(warning).startswith("processes: nothing backs the database up before Cash margin")

    def test_what_does_not_run_changes_nothing(self, tmp_path: Path) -> None:
        assert wrong(write(tmp_path, BACKUP, LOAD | {"is_active": False})) == {}


def test_odd_dependencies_are_warned_of(tmp_path: Path) -> None:
    first, second = entry("A", order=5), entry("B", order=9, is_active=False)
    registry = read(write(tmp_path, first | {"depends_on": ["B"]}, second))
    assert [str(warning) for warning in warnings(registry)] == [
        "processes[0].depends_on: A depends on B, which is not active and is not waited for",
        "processes[0].order: order 5 comes before the 9 of B, which has to be done first (the dependency counts)",
    ]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (
            '{\n  "base_path": "C:\\Users\\desk\\Desktop\\QXT\\1 New Blitz Projects\\utils",\n  "processes": []}',
            "line 2, column 19",
            r'\\, or write /: "C:\\Users\\desk\\Desktop\\QXT\\1 New Blitz Projects\\utils")',
        ),
        ('{"x": "${base_path}\\copy.py"}', "line 1, column 20", r'"${base_path}\\copy.py"'),
        ('{"base_path": "C:\\users"}', "line 1, column 18", r"\users is no escape"),
        ('{"d": [\n"C:\\\\QXT\\\\BOD Project\\"\n]}', "line 2, column 22", r'"C:\\QXT\\BOD Project\\"'),
        ('{"base_path": "C:\\temp\\new"}', "base_path", r"JSON read the \t of C:\temp\new as a tab"),
        ('{"base_path": "C:\\\\QXT\\new"}', "base_path", r"C:\\QXT\\new or C:/QXT/new"),
        ('{"processes": [],\n}', "line 2, column 1", "not JSON: "),
        ('{"processes": [], "processes": []}', "processes", "is written twice"),
        ('{"processes": [{"order": NaN}]}', "the file", "NaN is no number of JSON"),
        ("[1]", "the file", "must be an object with processes"),
        ('{"base_path": "/a"}', "processes", "is missing"),
        ("[" * 100_000, "the file", "nested too deeply"),
        ('{"title": "\\ud800"}', "title", "holds half a character"),
        ("", "line 1, column 1", "not JSON: expecting value"),
    ],
)
def test_a_text_that_is_no_registry_is_explained(tmp_path: Path, text: str, path: str, message: str) -> None:
    (tmp_path / "process.json").write_text(text, encoding="utf-8")
    found = wrong(tmp_path / "process.json")
    assert message in found.get(path, ""), found


def test_every_line_with_a_bad_escape_is_told(tmp_path: Path) -> None:
    (tmp_path / "process.json").write_text('{"a": "C:\\Users",\n "b": "D:\\QXT",\n "c": "fine\\\\"}')
    assert list(wrong(tmp_path / "process.json")) == ["line 1, column 10", "line 2, column 10"]


def test_other_encodings_are_told_and_a_byte_order_mark_is_read_past(tmp_path: Path) -> None:
    source = tmp_path / "process.json"
    source.write_bytes('{"processes": []}'.encode("utf-8-sig"))
    assert read(source).processes == ()
    source.write_bytes('{"processes": []}'.encode("utf-16"))
    assert wrong(source) == {"the file": "is UTF-16 text (save it as UTF-8)"}
    source.write_bytes(b'{"processes": [],\n"base_path": "\xe9"}')
    assert wrong(source) == {"line 2": "is not UTF-8 text (save the file as UTF-8)"}


def test_the_usual_day_is_sound(tmp_path: Path) -> None:
    write_standard(tmp_path / "process.json", with_accounts=False)
    registry = read(tmp_path / "process.json")
    assert warnings(registry) == []
    assert {process.job for process in registry.processes} <= set(LIBRARY)


class TestFollowingTheFile:
    """Changes are picked up live; a wrong file changes nothing but is told."""

    def test_a_changed_file_counts_at_once(self, tmp_path: Path) -> None:
        file = self.file(write(tmp_path, entry("A")))
        first = file.current()
        assert file.current() is first
        write(tmp_path, entry("B"))
        assert [process.name for process in file.current().processes] == ["b"]

    def test_a_wrong_file_leaves_the_last_one_in_force_and_is_told(self, tmp_path: Path) -> None:
        file = self.file(write(tmp_path, entry("A")))
        first = file.current()
        write(tmp_path, entry("A", order="1"))
        assert file.current() is first
        assert "processes[0].order" in str(file.problem)
        (tmp_path / "process.json").unlink()
        assert file.current() is first
        assert "does not exist" in str(file.problem)
        write(tmp_path, entry("B"))
        assert file.current().processes[0].name == "b"
        assert file.problem is None

    def test_a_fault_outside_of_the_file_is_noticed_when_it_is_mended(self, tmp_path: Path) -> None:
        file = self.file(write(tmp_path, entry("A", str(tmp_path / "a.py"))))
        with pytest.raises(ConfigError, match="does not exist"):
            file.current()
        (tmp_path / "a.py").touch()
        assert file.current().processes[0].script == tmp_path / "a.py"

    @staticmethod
    def file(source: Path) -> RegistryFile:
        return RegistryFile(source, path_map={}, environment=dict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
WINDOWS = st.sampled_from(
    ["C:\\a\\b.py", "\\\\s\\d\\x", "C:\t", "${base_path}\\a", "/tmp/x", "builtin:db_clean", " /a "]
)
KEYS = ("deadline", "not_before", "days", "idempotent", "is_active")
ENTRIES = st.fixed_dictionaries(
    {"title": st.text(max_size=3) | JSON, "process_type": st.sampled_from(["BOD", "EOD", "x"]), "order": st.integers()},
    optional={
        "application_path": WINDOWS | st.text() | JSON,
        "parameter": st.dictionaries(st.text(max_size=5), WINDOWS | JSON, max_size=3) | JSON,
        "depends_on": st.lists(st.text(max_size=3), max_size=2) | JSON,
        **dict.fromkeys(KEYS, JSON),
    },
)
DOCUMENTS = JSON | st.fixed_dictionaries(
    {"processes": st.lists(ENTRIES | JSON, max_size=4)},
    optional={
        "base_path": WINDOWS | JSON,
        "path_map": st.dictionaries(WINDOWS | st.text(), WINDOWS | JSON, max_size=2),
    },
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(document=DOCUMENTS)
def test_no_document_fails_but_with_its_problems(tmp_path: Path, document: Any) -> None:
    (tmp_path / "process.json").write_text(json.dumps(document))
    read_or_refuse(tmp_path / "process.json")


@QUICK
@given(content=st.binary() | st.text(alphabet='{}[]":,\\/CUntu0${}b ', max_size=60).map(str.encode))
def test_no_bytes_fail_but_with_their_problems(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "process.json").write_bytes(content)
    read_or_refuse(tmp_path / "process.json")


def read_or_refuse(source: Path) -> None:
    with suppress(ConfigError):
        warnings(read_registry(source, path_map={"C:": source.parent}, environment={}))
    "".join(map(str, problems(source, path_map={}, environment={}))).encode()
