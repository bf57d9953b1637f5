"""The published JSON Schema of `process.json` says what the reader says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from muhurat.jobs.schema import made, published
from muhurat.jobs.standard import write_standard
from tests.jobs.registries import entry

VALIDATOR = jsonschema_rs.Draft202012Validator(json.loads(published()), validate_formats=True)


def test_the_published_schema_is_made_of_the_models() -> None:
    """After a change of the models, write `made()` to jobs/data/process.schema.json with an indent of 2."""
    assert json.loads(published()) == made()


def test_it_is_a_schema_of_its_dialect() -> None:
    assert jsonschema_rs.meta.is_valid(json.loads(published()))


def test_valid_registries_validate(tmp_path: Path) -> None:
    write_standard(tmp_path / "process.json", with_accounts=True)
    VALIDATOR.validate(json.loads((tmp_path / "process.json").read_text()))
    full = entry("A", is_active=False, depends_on=["B"], timeout_s=1.5, retries=0, not_before="open-10m", deadline=None)
    full |= {"on_failure": "warn", "days": ["mon"], "run_on_holidays": True, "for_session": "previous"}
    full |= {"idempotent": False, "parameter": {"a": [1, "b"], "c": True, "d": None, "e": 1.5}}
    document = {"$schema": "x", "base_path": "C:\\QXT", "path_map": {"C:": "/srv"}, "processes": [full]}
    VALIDATOR.validate(document | {"process_monitor": [{"title": "DB", "process": "mysqld"}]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"parametr": {}},
        {"order": "1"},
        {"process_type": "bod"},
        {"deadline": "9.00"},
        {"deadline": "24:00"},
        {"timeout_s": 0},
        {"retries": -1},
        {"days": ["monday"]},
        {"parameter": {"a": {"b": 1}}},
        {"title": ""},
    ],
    ids=str,
)
def test_mistakes_do_not(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid({"processes": [entry("A") | wrong]})


@pytest.mark.parametrize("document", [{}, {"processes": [], "base_pth": "/a"}, {"processes": [{}]}, []], ids=str)
def test_documents_that_are_no_registry_do_not(document: Any) -> None:
    assert not VALIDATOR.is_valid(document)
