"""The pages about the registry and about jobs of one's own: what they show works as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from muhurat.config import load_desk
from muhurat.jobs.arguments import arguments
from muhurat.jobs.base import LIBRARY
from muhurat.jobs.registry import problems, read_registry, registry_file, warnings
from muhurat.jobs.registry_document import Document, ProcessEntry
from muhurat.jobs.standard import write_standard
from tests.jobs.registries import read

DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL = (DOCS / "write-your-own-job.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "jobs-registry.md").read_text(encoding="utf-8")
UTILS = "1 New Blitz Projects/Backend/QX.ProcessManager/utils"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_seeds_own_example_goes_green_as_the_tutorial_shows_it(tmp_path: Path) -> None:
    utils, downloads = tmp_path / "qxt" / UTILS, tmp_path / "qxt/Backend/QX.ProcessManager/downloads"
    for folder in (utils, downloads):
        folder.mkdir(parents=True)
    (downloads / "nsccl.20250627.i1.spn").write_text("span")
    (script,) = blocks(TUTORIAL, "python")
    (utils / "copy_files_src_dst.py").write_text(script)
    (tmp_path / "process.json").write_text(blocks(TUTORIAL, "json")[1])
    (unmapped,) = {problem.path for problem in problems(tmp_path / "process.json", path_map={}, environment={})} - {
        "processes[0].parameter.source",
        "processes[0].parameter.destination[0]",
    }
    assert unmapped == "base_path"

    (mapped,) = blocks(TUTORIAL, "yaml")
    (tmp_path / "desk.yaml").write_text("desk: {name: x}\n" + mapped)
    file = registry_file(load_desk(tmp_path / "desk.yaml", environment={}))
    assert file is not None
    (process,) = file.current().processes
    command = [sys.executable, str(process.script), *arguments(process.parameter)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "qxt" / "BOD Project" / "nsccl.20250627.i1.spn").read_text() == "span"


def test_the_example_of_the_reference_is_sound(tmp_path: Path) -> None:
    script = tmp_path / UTILS / "copy_files_src_dst.py"
    script.parent.mkdir(parents=True)
    script.touch()
    document = json.loads(blocks(REFERENCE, "json")[0])
    document["path_map"] = dict.fromkeys(document["path_map"], str(tmp_path))
    (tmp_path / "process.json").write_text(json.dumps(document))
    assert warnings(read(tmp_path / "process.json")) == []


@pytest.mark.parametrize("model", [Document, ProcessEntry])
def test_the_reference_names_every_key(model: type[Document | ProcessEntry]) -> None:
    names = [field.alias or name for name, field in model.model_fields.items()]
    assert [name for name in names if f"`{name}`" not in REFERENCE] == []


def test_the_entry_of_the_tutorial_has_the_shape_of_a_registry(tmp_path: Path) -> None:
    document = json.loads(blocks(TUTORIAL, "json")[0])
    (process,) = document["processes"]
    process["application_path"] = str(tmp_path / "copy_prices.py")
    (tmp_path / "copy_prices.py").touch()
    (tmp_path / "process.json").write_text(json.dumps(document))
    assert read_registry(tmp_path / "process.json", path_map={}, environment={}).processes[0].name == "copy_prices"


def test_the_pages_count_and_name_the_jobs_there_are(tmp_path: Path) -> None:
    write_standard(tmp_path / "process.json", with_accounts=True)
    processes = json.loads((tmp_path / "process.json").read_text())["processes"]
    readme, changes, jobs = (
        (DOCS.parent / name).read_text(encoding="utf-8") for name in ("README.md", "CHANGELOG.md", "docs/jobs.md")
    )
    assert f"runs the {len(processes)} jobs of the day" in readme
    assert f"\n- {len(LIBRARY)} jobs: " in changes
    assert f"The {len(LIBRARY)} jobs that come with Muhurat" in jobs
    assert [name for name in LIBRARY if name not in jobs] == []
