r"""Windows paths of a registry on this machine: the seed's own `C:\...\1 New Blitz Projects\...`, shares, and rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.jobs.registry_paths import PathMap, faults, is_windows
from tests.jobs.registries import entry, read, write, wrong

UTILS = "C:\\Users\\desk\\Desktop\\QXT\\1 New Blitz Projects\\Backend\\QX.ProcessManager\\utils"
DOWNLOADS = "C:\\Users\\desk\\Desktop\\QXT\\Backend\\QX.ProcessManager\\downloads"


@pytest.fixture
def qxt(tmp_path: Path) -> Path:
    """The seed's folder as it lies on this machine, with its script."""
    folder = tmp_path / "qxt"
    utils = folder / "1 New Blitz Projects" / "Backend" / "QX.ProcessManager" / "utils"
    utils.mkdir(parents=True)
    (utils / "copy_files_src_dst.py").touch()
    return folder


def test_the_seeds_own_example_is_read_through_the_map(tmp_path: Path, qxt: Path) -> None:
    parameter = {
        "source": f"{DOWNLOADS}\\nsccl.20250627*",
        "destination": ["C:\\Users\\desk\\Desktop\\QXT\\BOD Project\\", "\\\\nas\\bod\\in"],
        "note": "A:soft",
    }
    copy = entry("Copy SPAN", "${base_path}\\copy_files_src_dst.py", parameter=parameter)
    own = {"\\\\NAS\\bod": str(tmp_path / "nas")}
    source = write(tmp_path, copy, base_path=UTILS, path_map=own)
    registry = read(source, {"C:\\Users\\desk\\Desktop\\QXT": qxt})
    (process,) = registry.processes
    utils = qxt / "1 New Blitz Projects" / "Backend" / "QX.ProcessManager" / "utils"
    assert registry.base_path == utils
    assert process.script == utils / "copy_files_src_dst.py"
    assert process.application_path == "${base_path}\\copy_files_src_dst.py"
    assert process.parameter == {
        "source": f"{qxt}/Backend/QX.ProcessManager/downloads/nsccl.20250627*",
        "destination": [f"{qxt}/BOD Project/", f"{tmp_path}/nas/in"],
        "note": "A:soft",
    }


def test_an_unmapped_path_is_told_once_and_never_guessed(tmp_path: Path, qxt: Path) -> None:
    scripts = [entry(title, "${base_path}\\copy_files_src_dst.py") for title in "AB"]
    found = wrong(write(tmp_path, *scripts, base_path=UTILS), {"D:\\": qxt})
    assert list(found) == ["base_path"]
    assert '"path_map": {"C:": "/srv/desk"}' in found["base_path"]


def test_names_must_match_exactly_and_the_near_one_is_named(tmp_path: Path, qxt: Path) -> None:
    source = write(tmp_path, entry("A", "${base_path}\\Copy_Files_Src_Dst.py"), base_path=UTILS)
    (found,) = wrong(source, {"C:\\Users\\desk\\Desktop\\QXT": qxt}).values()
    assert found.endswith("Copy_Files_Src_Dst.py does not exist (did you mean copy_files_src_dst.py?)")


def test_a_base_path_of_this_machine_takes_either_slash(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    for joined in ("${base_path}\\a.py", "${base_path}/a.py"):
        registry = read(write(tmp_path, entry("A", joined), base_path=f"{tmp_path}/"))
        assert registry.processes[0].script == tmp_path / "a.py"


def test_the_registrys_own_map_wins_over_the_desks(tmp_path: Path) -> None:
    for name in ("own", "desk"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").touch()
    source = write(tmp_path, entry("A", "c:/in/a.py"), path_map={"C:\\IN": str(tmp_path / "own")})
    assert read(source, {"C:\\in\\": tmp_path / "desk"}).processes[0].script == tmp_path / "own" / "a.py"


@pytest.mark.parametrize(
    ("own", "path", "message"),
    [
        ({"/in": "/out"}, "path_map./in", "is no beginning of a Windows path"),
        ({"C:\\in": "out"}, "path_map.C:\\in", "'out' is no full path of this machine"),
        ({"C:\\in": 1}, "path_map.C:\\in", "must be text, not 1"),
    ],
)
def test_a_map_that_maps_nothing_is_told(tmp_path: Path, own: dict[str, object], path: str, message: str) -> None:
    assert message in wrong(write(tmp_path, path_map=own))[path]


@pytest.mark.parametrize(
    ("windows", "here"),
    [
        ("C:\\Users\\desk\\in\\a.csv", "/desk/in/a.csv"),
        ("c:/users/DESK/in", "/desk/in"),
        ("C:\\Users\\desk", "/desk"),
        ("C:\\Users\\desk\\", "/desk"),
        ("C:\\Users\\desktop\\a", "/users/desktop/a"),
        ("C:\\Users\\desk\\\\in\\", "/desk/in/"),
        ("D:\\a", None),
        ("\\\\nas\\bod\\a b\\c", "/nas/a b/c"),
        ("\\\\nas\\eod\\c", None),
    ],
)
def test_the_longest_beginning_wins_in_any_case(windows: str, here: str | None) -> None:
    beginnings = {"C:\\Users": Path("/users"), "C:\\Users\\desk": Path("/desk"), "\\\\NAS\\BOD\\": Path("/nas")}
    assert PathMap(beginnings).place(windows) == here


@pytest.mark.parametrize("text", ["A:soft", "C:", "a\\b", "http://x/y", "\\d+", "", "Margins,Holdings"])
def test_texts_that_are_no_windows_paths(text: str) -> None:
    assert not is_windows(text)


@pytest.mark.parametrize(
    "path", ["C:\\1 New Blitz Projects\\utils", "/srv/a b/c.py", "/srv/temperature/tmpl.py", "\\\\nas\\bod\\a"]
)
def test_paths_that_keep_the_rules(path: str) -> None:
    assert list(faults(path, Path("/srv/desk"))) == []


def test_a_desk_in_a_temporary_folder_may_name_what_is_there() -> None:
    assert list(faults("/tmp/desk/a.py", Path("/tmp/desk"))) == []
    assert list(faults("/tmp/other/a.py", Path("/tmp/desk"))) == []
    assert len(list(faults("/tmp/other/a.py", Path("/srv/desk")))) == 1
    assert len(list(faults("/var/tmp/a.py", Path("/tmp/desk")))) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("./in/a.csv", "is a relative path"),
        ("..\\in\\a.csv", "is a relative path"),
        ("/srv/in /a.csv", "spaces beside a separator"),
        ("/var/tmp/a.csv", "lies in a temporary folder"),
    ],
)
def test_paths_for_a_script_keep_the_rules_too(tmp_path: Path, value: str, message: str) -> None:
    (tmp_path / "a.py").touch()
    source = write(tmp_path, entry("A", str(tmp_path / "a.py"), parameter={"files": [value]}))
    assert message in wrong(source)["processes[0].parameter.files[0]"]
