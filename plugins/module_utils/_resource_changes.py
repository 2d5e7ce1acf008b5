# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Says in short lines what of a resource differs, however deep in its documents.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Of lists of dictionaries, such as a policy's statements, the key that tells one from another.
IDENTITIES = ("Sid", "ID", "Id", "Key", "name", "Name")
# A value is shown up to this length. The whole of it is in the plan's JSON.
VALUE_WIDTH = 44
ABSENT = "nothing"


def changes(before: Any, after: Any, path: str = "") -> dict[str, tuple[str, str]]:
    """What differs, by its path such as C(document.Statement.Read.Resource): the value before and after it."""
    if before == after:
        return {}
    earlier, later = _parts(before), _parts(after)
    if not (earlier and later):
        return {path: shown_apart(before, after)}
    differing: dict[str, tuple[str, str]] = {}
    for key in {**earlier, **later}:
        differing |= changes(earlier.get(key), later.get(key), f"{path}.{key}" if path else key)
    return differing


def shown_apart(before: Any, after: Any) -> tuple[str, str]:
    """Two values, shortened so that they can be told apart."""
    if isinstance(before, list) and isinstance(after, list):
        only_before, only_after = _only_in(before, after), _only_in(after, before)
        # Where just their order differs, they are shown whole.
        if only_before or only_after:
            before, after = only_before, only_after
    texts = _text(before), _text(after)
    start = _common_start(*texts) if max(map(len, texts)) > VALUE_WIDTH else 0
    return _cut(texts[0], start), _cut(texts[1], start)


def shown(value: Any) -> str:
    """A value, shortened."""
    return _cut(_text(value), 0)


def is_short(value: Any) -> bool:
    """Whether this is one value, and there is room for all of it."""
    return isinstance(value, (str, int, float)) and len(_text(value)) <= VALUE_WIDTH


def _parts(value: Any) -> dict[str, Any]:
    """What a value is made of, or nothing of one that is shown as a whole."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        value = _parsed(value)
    if isinstance(value, Mapping):
        return {str(key): part for key, part in value.items()}
    if isinstance(value, list) and value and all(isinstance(part, Mapping) for part in value):
        for identity in IDENTITIES:
            named = {str(part.get(identity)): part for part in value if part.get(identity)}
            if len(named) == len(value):
                return named
    return {}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _only_in(some: list[Any], others: list[Any]) -> list[Any]:
    return [each for each in some if each not in others]


def _text(value: Any) -> str:
    if value is None or value == []:
        return ABSENT
    if isinstance(value, list) and not any(isinstance(part, (list, Mapping)) for part in value):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _common_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(text: str, start: int) -> str:
    """As much of a text as there is room for, with a little before the place at which it begins to tell something."""
    text = text.replace("\n", " ")
    if len(text) <= VALUE_WIDTH:
        return text
    start = max(0, min(start - 10, len(text) - VALUE_WIDTH))
    head, tail = "..." if start else "", "..." if start + VALUE_WIDTH < len(text) else ""
    return f"{head}{text[start + len(head) : start + VALUE_WIDTH - len(tail)]}{tail}"
