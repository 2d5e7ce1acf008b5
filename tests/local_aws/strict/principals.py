# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which principals of this account a policy names that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.local_aws.account import ACCOUNT_ID, Account

_IAM = f"arn:aws:iam::{ACCOUNT_ID}:"


def as_list(value: object) -> list[Any]:
    """Policies write one thing as itself, several as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a policy."""
    return as_list(policy.get("Statement"))


def named_principals(policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands under AWS."""
    for statement in statements(policy):
        for element in ("Principal", "NotPrincipal"):
            principal = statement.get(element)
            if isinstance(principal, Mapping):
                yield from as_list(principal.get("AWS"))


def unknown_principals(policy: Mapping[str, Any], account: Account) -> list[str]:
    """Return the principals of this account that IAM does not know."""
    roles = {role.arn for role in account.iam.roles.values()}
    users = {user.arn for user in account.iam.users.values()}
    known = roles | users | {f"{_IAM}root"}
    return [name for name in named_principals(policy) if name.startswith(_IAM) and name not in known]
