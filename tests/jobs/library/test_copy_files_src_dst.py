"""Files are copied by pattern: whole, everywhere or nowhere, and not before their sender is done."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import NS_PER_S
from muhurat.jobs.base import JobError, NotYet, Outcome, job_named
from muhurat.jobs.library.copy_files_src_dst import CopyFilesOptions, run
from tests.jobs.library.small_disk import no_file_larger_than, small_disk
from tests.jobs.library.tools import DeskTools, tools_in


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[DeskTools]:
    with tools_in(tmp_path) as tools:
        yield tools


def write(path: Path, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def copy(tools: DeskTools, source: Any, destination: Any, **more: Any) -> Outcome:
    return run(CopyFilesOptions(source=source, destination=destination, **{"settle_s": 0.02, **more}), tools)


def left_behind(folder: Path) -> list[str]:
    """The names of everything below a folder that is not finished."""
    return [path.name for path in folder.rglob("*") if path.name.startswith(".") or path.name.endswith(".part")]


def test_every_match_is_copied_into_every_destination(tools: DeskTools, tmp_path: Path) -> None:
    names = ["nsccl.20260922.i1.zip", "nsccl.20260922.s.zip"]
    for number, name in enumerate(names):
        write(tmp_path / "in" / name, bytes([number]) * 3_000_000)
        os.utime(tmp_path / "in" / name, ns=(1, 1_700_000_000_123_456_789))
    write(tmp_path / "in/other.zip")

    outcome = copy(tools, "in/nsccl.20260922*", ["one place/deep", "two"])

    for folder in (tmp_path / "one place/deep", tmp_path / "two"):
        assert sorted(path.name for path in folder.iterdir()) == names
        for name in names:
            assert (folder / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
            assert (folder / name).stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert len(outcome.files) == 4
    assert "2 files, 6,000,000 bytes" in outcome.note


def test_many_patterns_and_folders_below_one_are_fine(tools: DeskTools, tmp_path: Path) -> None:
    write(tmp_path / "in/a/x.csv")
    write(tmp_path / "in/b/c/y.csv")
    write(tmp_path / "elsewhere/z [1].txt")

    copy(tools, ["in/**/*.csv", "elsewhere/*.txt"], "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["x.csv", "y.csv", "z [1].txt"]


def test_the_paths_may_be_absolute_and_an_older_copy_is_replaced(tools: DeskTools, tmp_path: Path) -> None:
    write(tmp_path / "in/bans.csv", b"today")
    write(tmp_path / "out/bans.csv", b"yesterday, and longer")

    copy(tools, str(tmp_path / "in/bans.csv"), str(tmp_path / "out") + "/")

    assert (tmp_path / "out/bans.csv").read_bytes() == b"today"
    assert not left_behind(tmp_path)


def test_a_pattern_without_a_match_is_a_failure_that_shows_what_is_there(tools: DeskTools, tmp_path: Path) -> None:
    for age, name in enumerate(["newest.zip", "b.zip", "c.zip", "d.zip", "e.zip", "oldest.zip"]):
        os.utime(write(tmp_path / "in" / name), ns=(1, (1_700_000_000 - age) * NS_PER_S))

    with pytest.raises(NotYet) as caught:
        copy(tools, "in/nsccl.*", "out")

    assert f"no file matches {tmp_path}/in/nsccl.*" in str(caught.value)
    assert "newest.zip (2023-11-15 03:43 IST), b.zip" in str(caught.value)
    assert "oldest.zip" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_missing_folder_is_named_too(tools: DeskTools, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=f"the folder {tmp_path}/nowhere: it does not exist"):
        copy(tools, "nowhere/*.zip", "out")


def test_when_one_of_two_patterns_matches_nothing_nothing_is_copied(tools: DeskTools, tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv")

    with pytest.raises(JobError, match=r"no file matches .*b.csv"):
        copy(tools, ["in/a.csv", "in/b.csv"], "out")

    assert not (tmp_path / "out").exists()


def test_a_late_file_is_waited_for_in_the_desks_time(tools: DeskTools, tmp_path: Path) -> None:
    class Late(DeskTools):
        def wait_until(self, instant_ns: int, why: str) -> None:
            super().wait_until(instant_ns, why)
            if len(self.waited) == 3:
                write(tmp_path / "in/late.csv", b"here")

    late = Late(tmp_path)
    copy(late, "in/late.csv", "out", wait_s=600)

    assert (tmp_path / "out/late.csv").read_bytes() == b"here"
    assert len(late.waited) == 3
    assert "no file matches" in late.waited[0][1]


def test_the_waiting_has_an_end(tools: DeskTools, tmp_path: Path) -> None:
    began = tools.clock.now_ns()

    with pytest.raises(NotYet, match="no file matches"):
        copy(tools, "in/never.csv", "out", wait_s=12)

    assert tools.clock.now_ns() - began == 12 * NS_PER_S


def test_a_file_that_grows_is_refused(tools: DeskTools, tmp_path: Path) -> None:
    path = write(tmp_path / "in/growing.csv")
    done = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not done.wait(0.01):
                file.write(b"more")

    sender = threading.Thread(target=grow)
    sender.start()
    try:
        with pytest.raises(NotYet, match=r"growing.csv is still being written: .* bytes 0.2 s later"):
            copy(tools, "in/*.csv", "out", settle_s=0.2)
    finally:
        done.set()
        sender.join()
    assert not (tmp_path / "out").exists()

    copy(tools, "in/*.csv", "out", settle_s=0.05)
    assert (tmp_path / "out/growing.csv").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("in/*.csv", "in"),
        ("in/*", "in/sub"),
        ("in/**/*.csv", "in/deep/er"),
        ("in/**", "in/deep"),
        ("*/a.csv", "in"),
        ("./in/a.csv", "in/../in"),
        ("in/a.csv", "link"),
    ],
)
def test_a_destination_inside_the_source_is_refused(
    tools: DeskTools, tmp_path: Path, source: str, destination: str
) -> None:
    write(tmp_path / "in/a.csv", b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "in")

    with pytest.raises(JobError, match="lies inside the source"):
        copy(tools, source, destination)

    assert (tmp_path / "in/a.csv").read_bytes() == b"mine"
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.csv"]


def test_a_neighbouring_folder_is_no_loop(tools: DeskTools, tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv")
    copy(tools, "in/*.csv", "in/done")
    assert (tmp_path / "in/done/a.csv").exists()


def test_two_files_of_one_name_do_not_replace_each_other(tools: DeskTools, tmp_path: Path) -> None:
    write(tmp_path / "a/x.csv")
    write(tmp_path / "b/x.csv")

    with pytest.raises(JobError, match="have one name"):
        copy(tools, ["a/*.csv", "b/*.csv"], "out")


def test_a_destination_that_is_a_file_is_refused(tools: DeskTools, tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv")
    write(tmp_path / "out")

    with pytest.raises(JobError, match=r"out is a file"):
        copy(tools, "in/a.csv", "out")


def test_a_full_disk_is_named_and_leaves_every_destination_as_it_was(tools: DeskTools, tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", b"new" * 10_000)
    write(tmp_path / "in/b.csv", b"x" * 400_000)
    write(tmp_path / "roomy/a.csv", b"old")

    with small_disk(tmp_path / "small") as small:
        with pytest.raises(JobError) as caught:
            copy(tools, "in/*.csv", ["roomy", "small"])
        assert not list(small.iterdir())

    assert f"no room for b.csv in {tmp_path}/small, it wants 400,000 bytes" in str(caught.value)
    assert "free space" in caught.value.hint
    assert (tmp_path / "roomy/a.csv").read_bytes() == b"old"
    assert [path.name for path in (tmp_path / "roomy").iterdir()] == ["a.csv"]


def test_a_limit_on_the_size_of_files_is_a_full_disk_too(tools: DeskTools, tmp_path: Path) -> None:
    write(tmp_path / "in/b.csv", b"x" * 4_000_000)

    with no_file_larger_than(1_000_000), pytest.raises(JobError, match=r"no room for b.csv in .*out"):
        copy(tools, "in/*.csv", "out")

    assert list((tmp_path / "out").iterdir()) == []


def test_when_the_last_rename_fails_the_first_is_taken_back(tools: DeskTools, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path / "in" / name, b"new")
    write(tmp_path / "out/a.csv", b"old")
    (tmp_path / "out/b.csv/in the way").mkdir(parents=True)

    with pytest.raises(JobError, match=r"b.csv cannot be written in .*out"):
        copy(tools, "in/*.csv", "out")

    assert (tmp_path / "out/a.csv").read_bytes() == b"old"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.csv", "b.csv"]
    assert (tmp_path / "out/b.csv/in the way").is_dir()


def test_the_job_is_known_by_its_name() -> None:
    assert job_named("copy_files_src_dst").options is CopyFilesOptions
