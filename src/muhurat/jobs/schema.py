"""The published JSON Schema of `process.json`, for editors and for programs that write registries.

The file is made of the models that read the registry, and a test keeps the two equal. It says what the shape is; names,
paths and dependencies only `muhurat check` can tell.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

_FILE: Final = "process.schema.json"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ID: Final = "urn:muhurat:process.json:1"


def published() -> str:
    """The text of the schema as it comes with the package."""
    return (resources.files("muhurat.jobs") / "data" / _FILE).read_text(encoding="utf-8")


def made() -> dict[str, Any]:
    """The schema as the models say it; to publish it anew, write it to the file."""
    from muhurat.jobs.registry_document import Document

    return {"$schema": _DIALECT, "$id": _ID, **Document.model_json_schema(by_alias=True), "title": "process.json"}
