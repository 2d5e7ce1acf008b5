# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Statements merged by their Sid."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._bucket_policy import (
    StatementError,
    merge_statements,
    remove_statements,
    sids_of,
)

A = {"Sid": "A", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
B = {**A, "Sid": "B"}
NEW_A = {**A, "Effect": "Deny"}
WITHOUT_SID = {key: value for key, value in A.items() if key != "Sid"}


def policy(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", **more, "Statement": list(statements)}


@pytest.mark.parametrize(
    ("before", "statements", "after"),
    [
        (None, [A], policy(A)),
        (policy(A), [A], policy(A)),
        (policy(A, B), [NEW_A], policy(NEW_A, B)),
        (policy(B), [A], policy(B, A)),
        (policy(B, A), [A, B], policy(B, A)),
        (policy(WITHOUT_SID, B), [A], policy(WITHOUT_SID, B, A)),
        (policy(A, Id="theirs"), [B], policy(A, B, Id="theirs")),
        ({"Version": "2012-10-17", "Statement": B}, [A], policy(B, A)),
        (policy({**A, "Action": ["s3:GetObject"]}), [A], policy({**A, "Action": ["s3:GetObject"]})),
    ],
)
def test_statements_are_merged_in_place_or_put_behind_the_others(
    before: dict[str, Any] | None, statements: list[dict[str, Any]], after: dict[str, Any]
) -> None:
    assert merge_statements(before, statements) == after


def test_merging_does_not_touch_what_it_is_given() -> None:
    before = policy(A)
    merge_statements(before, [NEW_A, B])
    assert before == policy(A)


@pytest.mark.parametrize(
    ("before", "sids", "after"),
    [
        (None, ["A"], None),
        (policy(A), ["A"], None),
        (policy(A, B), ["A"], policy(B)),
        (policy(A, WITHOUT_SID, Id="theirs"), ["A"], policy(WITHOUT_SID, Id="theirs")),
        (policy(B), ["A"], policy(B)),
        ({"Version": "2012-10-17", "Statement": A}, ["A"], None),
    ],
)
def test_statements_are_removed_by_their_sid(
    before: dict[str, Any] | None, sids: list[str], after: dict[str, Any] | None
) -> None:
    assert remove_statements(before, sids) == after


def test_sids_are_told() -> None:
    assert sids_of([B, A]) == ["B", "A"]


@pytest.mark.parametrize("statements", [[WITHOUT_SID], [A, {**A, "Sid": ""}], [{**A, "Sid": None}]])
def test_a_statement_without_a_sid_is_refused(statements: list[dict[str, Any]]) -> None:
    with pytest.raises(StatementError, match="has no Sid"):
        sids_of(statements)


def test_two_statements_of_one_sid_are_refused() -> None:
    with pytest.raises(StatementError, match="the same Sid"):
        sids_of([A, B, A])
