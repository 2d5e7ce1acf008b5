# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Merges statements into a bucket's policy by their Sid.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies


class StatementError(Exception):
    """Statements that cannot be told apart."""


def sids_of(statements: list[dict[str, Any]]) -> list[str]:
    """The statements' Sids.

    Raises:
        StatementError: a statement has none, or shares it with another.
    """
    sids = [statement.get("Sid") for statement in statements]
    if not all(sids):
        raise StatementError("a statement has no Sid; give each one its own")
    if len(set(sids)) < len(sids):
        raise StatementError("two statements have the same Sid; give each one its own")
    return [str(sid) for sid in sids]


def merge_statements(policy: dict[str, Any] | None, statements: list[dict[str, Any]]) -> dict[str, Any]:
    """The policy with these statements in the place of those with the same Sids, or behind all others.

    A statement that only is written in another way, such as a list of one for a string, stays as it is.
    """
    kept = _statements_of(policy)
    wanted = dict(zip(sids_of(statements), statements, strict=True))
    merged = [_settle(statement, wanted.pop(statement.get("Sid", ""), None)) for statement in kept]
    merged += wanted.values()
    if policy and merged == kept:
        return policy
    return {**(policy or {"Version": "2012-10-17"}), "Statement": merged}


def _settle(present: dict[str, Any], wanted: dict[str, Any] | None) -> dict[str, Any]:
    return wanted if wanted is not None and compare_policies(present, wanted, None) else present


def remove_statements(policy: dict[str, Any] | None, sids: list[str]) -> dict[str, Any] | None:
    """The policy without the statements of these Sids, or None when none is left."""
    statements = _statements_of(policy)
    kept = [statement for statement in statements if statement.get("Sid") not in sids]
    if kept == statements:
        return policy
    return {**(policy or {}), "Statement": kept} if kept else None


def _statements_of(policy: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A policy's statements. The grammar of policies allows a single one without a list."""
    statements = (policy or {}).get("Statement", [])
    return [statements] if isinstance(statements, dict) else statements
