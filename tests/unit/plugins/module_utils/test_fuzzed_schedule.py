# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A schedule's input reaches its target as it was given, whatever it holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._schedule import DEFAULTS, merge
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzzing import hostile_text, tried

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | hostile_text()
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text(), inner, max_size=3),
    max_leaves=5,
)
_INPUTS = st.dictionaries(hostile_text() | st.just("a"), _VALUES, max_size=3)


def _same(text: str, value: dict[str, Any]) -> bool:
    """Whether a text is the JSON of a value; to Python, 1 and True are the same."""
    return json.dumps(json.loads(text), sort_keys=True) == json.dumps(value, sort_keys=True)


def _merged(before: dict[str, Any] | None, given: dict[str, Any]) -> dict[str, Any]:
    target = {"arn": "arn:a", "role_arn": "arn:b", "input": given}
    options = dict.fromkeys(DEFAULTS) | {"schedule_expression": "rate(1 day)", "schedule_expression_timezone": "UTC"}
    return merge(before, options | {"target": target}, datetime(2099, 2, 2, tzinfo=UTC))


@given(_INPUTS, _INPUTS)
@example({"a": 1}, {"a": True})
@tried(50)
def test_an_input_is_the_json_of_what_was_given(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Seen to fail with str() for json.dumps() in _merge_input(), and while 1 and true were the same there."""
    before = _merged(None, first)
    assert _same(before["target"]["input"], first)
    assert _merged(before, first) == before
    assert _same(_merged(before, second)["target"]["input"], second)
