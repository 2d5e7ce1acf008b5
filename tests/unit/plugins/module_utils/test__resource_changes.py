# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._resource_changes import VALUE_WIDTH, changes, shown


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def test_what_is_alike_is_not_told() -> None:
    assert changes({"a": 1, "b": [1]}, {"a": 1, "b": [1]}) == {}


def test_what_differs_deep_inside_is_told_by_its_path() -> None:
    assert changes({"target": {"arn": "x", "input": None}}, {"target": {"arn": "y", "input": None}}) == {
        "target.arn": ("x", "y")
    }


def test_statements_are_told_by_their_sids_in_whatever_order() -> None:
    read, write = {"Sid": "Read", "Action": "s3:GetObject"}, {"Sid": "Write", "Action": "s3:PutObject"}
    before, after = _policy(read, write), _policy(write, {**read, "Action": "s3:Get*"})
    assert changes(before, after) == {"Statement.Read.Action": ("s3:GetObject", "s3:Get*")}


def test_a_statement_that_is_new_is_one_line() -> None:
    before, after = _policy({"Sid": "Read"}), _policy({"Sid": "Read"}, {"Sid": "Write", "Effect": "Allow"})
    assert changes(before, after) == {"Statement.Write": ("nothing", '{"Sid": "Write", "Effect": "Allow"}')}


def test_json_in_a_text_is_read() -> None:
    assert changes({"input": json.dumps({"a": 1})}, {"input": json.dumps({"a": 2})}) == {"input.a": ("1", "2")}
    assert changes({"input": "{not JSON"}, {"input": "{nor this"}) == {"input": ("{not JSON", "{nor this")}


def test_of_lists_only_the_members_that_differ_are_told() -> None:
    assert changes({"ids": ["a", "b", "c"]}, {"ids": ["c", "b", "d"]}) == {"ids": ("a", "d")}
    assert changes({"ids": ["a"]}, {"ids": ["a", "b"]}) == {"ids": ("nothing", "b")}


def test_lists_that_differ_in_their_order_are_told_whole() -> None:
    assert changes({"ids": ["a", "b"]}, {"ids": ["b", "a"]}) == {"ids": ("a, b", "b, a")}


def test_what_appears_and_what_vanishes_is_told() -> None:
    assert changes({"a": "x"}, {"b": True}) == {"a": ("x", "nothing"), "b": ("nothing", "true")}


@pytest.mark.parametrize("place", [0, 50, 199, 399])
def test_long_values_are_cut_where_they_can_be_told_apart(place: int) -> None:
    before = "x" * 400
    after = before[:place] + "y" + before[place + 1 :]
    ((earlier, later),) = changes({"a": before}, {"a": after}).values()
    assert earlier != later
    assert len(earlier) <= VALUE_WIDTH
    assert len(later) <= VALUE_WIDTH


def test_a_value_is_one_line() -> None:
    assert shown("a\nb") == "a b"
