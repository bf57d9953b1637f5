"""From a registry's `parameter` to the arguments of a command, and from `${env:NAME}` to the secrets it stands for.

Plain Python without heavy imports: the process around every job uses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from muhurat.errors import UsageError

_SECRET: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_TELLING: Final = re.compile(r"(?i)token|secret|passw(or)?d|api_?key|totp|credential|pin$")
_SHORTEST_SECRET: Final = 4


def arguments(parameter: Mapping[str, Any]) -> list[str]:
    """`--key value` for every entry; a list gives `--key a b c`, true gives `--key`; false, null and [] are left out.

    Secrets stay `${env:NAME}`.
    """
    found: list[str] = []
    for key, value in parameter.items():
        if value is None or value is False or value == []:
            continue
        found.append(key if key.startswith("-") else f"--{key}")
        if value is not True:
            found += [_text(item) for item in (value if isinstance(value, list | tuple) else [value])]
    return found


def names_of_secrets(texts: Iterable[str]) -> list[str]:
    """The names in every `${env:NAME}`."""
    return [name for text in texts for name in _SECRET.findall(text)]


def resolve(texts: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """The texts with every `${env:NAME}` replaced; raises `UsageError` naming one that is not set."""
    return [_SECRET.sub(lambda found: _value(found[1], environment), text) for text in texts]


def secret_values(texts: Iterable[str], environment: Mapping[str, str]) -> set[str]:
    """What no output may show: the secrets that the texts name, and the values whose names tell that they are some."""
    named = {environment[name] for name in names_of_secrets(texts) if name in environment}
    telling = {value for name, value in environment.items() if _TELLING.search(name)}
    return {value for value in named | telling if len(value) >= _SHORTEST_SECRET}


def _value(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise UsageError(
            f"${{env:{name}}} is named in the registry, and {name} is not set",
            hint=f"put {name}=... into .env beside the desk file, or into the environment",
        )
    return environment[name]


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)
