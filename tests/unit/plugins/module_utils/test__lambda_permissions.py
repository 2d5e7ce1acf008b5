# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which statements of a function's policy are for one source."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._lambda_permissions import (
    permissions_of,
    split_function_arn,
)

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:stop"
RULE = "arn:aws:events:us-east-1:123456789012:rule/stop-each-day"


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (FUNCTION, {"FunctionName": FUNCTION}),
        (f"{FUNCTION}:live", {"FunctionName": FUNCTION, "Qualifier": "live"}),
        ("arn:aws:sqs:us-east-1:123456789012:stop", None),
        ("arn:aws:lambda:us-east-1:123456789012:layer:stop", None),
    ],
)
def test_a_function_is_named_by_its_arn(arn: str, expected: dict[str, str] | None) -> None:
    assert split_function_arn(arn) == expected


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"ArnLike": {"AWS:SourceArn": RULE}}, True),
        ({"ArnEquals": {"aws:SourceArn": [RULE]}}, True),
        ({"ArnLike": {"AWS:SourceArn": RULE}, "StringEquals": {"AWS:SourceAccount": "123456789012"}}, True),
        ({"ArnLike": {"AWS:SourceArn": f"{RULE}-of-others"}}, False),
        ({"ArnLike": {"AWS:SourceArn": [RULE, f"{RULE}-of-others"]}}, False),
        ({"ArnLike": {"AWS:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/*"}}, False),
        ({"StringEquals": {"AWS:SourceAccount": "123456789012"}}, False),
        ({}, False),
    ],
)
def test_a_statement_is_for_a_source_that_it_names_alone(condition: dict[str, Any], found: bool) -> None:
    function = {"FunctionName": FUNCTION}
    policy = {"Statement": [{"Sid": "other"}, {"Sid": "this", "Condition": condition}]}
    permissions = permissions_of(function, policy, RULE)
    assert [(each.function, each.statement_id) for each in permissions] == ([(function, "this")] if found else [])
