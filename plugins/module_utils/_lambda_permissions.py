# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Reads the policies by which Lambda functions let others invoke them.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

FUNCTION = re.compile(r"(?P<arn>arn:[^:]+:lambda:[^:]+:[0-9]+:function:[^:]+)(:(?P<qualifier>[^:]+))?")


@dataclass(frozen=True)
class Permission:
    """A statement of a function's policy, with the parameters that name the function to Lambda."""

    function: dict[str, str]
    statement_id: str


def split_function_arn(arn: str) -> dict[str, str] | None:
    """The parameters that name a function to Lambda, or None when the ARN is that of something else."""
    found = FUNCTION.fullmatch(arn)
    if found is None:
        return None
    qualifier = {"Qualifier": found["qualifier"]} if found["qualifier"] else {}
    return {"FunctionName": found["arn"], **qualifier}


def permissions_of(function: dict[str, str], policy: dict[str, Any], source_arn: str) -> list[Permission]:
    """The permissions that a function gives to one source, and to nothing else."""
    return [
        Permission(function, statement["Sid"])
        for statement in policy.get("Statement", [])
        if _sources(statement) == [source_arn]
    ]


def _sources(statement: dict[str, Any]) -> list[str]:
    """The ARNs that a statement's conditions name, however the condition and its key are written."""
    named = [
        value
        for condition in statement.get("Condition", {}).values()
        for key, value in condition.items()
        if key.lower() == "aws:sourcearn"
    ]
    return [arn for value in named for arn in ([value] if isinstance(value, str) else value)]
