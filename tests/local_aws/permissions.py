# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a policy says about a call.

A condition on a key that the call's kind of resource does not have is refused as not modelled, rather than guessed at.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.local_aws.errors import AwsError
from tests.local_aws.strict.principals import as_list, statements

_OPERATORS = {
    "StringEquals": (False, False),
    "StringNotEquals": (False, True),
    "StringLike": (True, False),
    "StringNotLike": (True, True),
    "ArnEquals": (True, False),
    "ArnNotEquals": (True, True),
    "ArnLike": (True, False),
    "ArnNotLike": (True, True),
}
_QUANTIFIERS: dict[str, Callable[[Iterable[bool]], bool]] = {"ForAllValues": all, "ForAnyValue": any}


class Decision(enum.Enum):
    """What one policy says."""

    ALLOWED = enum.auto()
    DENIED = enum.auto()
    SILENT = enum.auto()


@dataclass(frozen=True)
class Access:
    """One thing that a call wants to do, to one resource."""

    action: str
    # Where AWS knows no narrower resource, "*"; None where we model none: then every statement names the right one.
    resource: str | None = None
    # The condition keys of the call, in lower case as AWS compares them.
    context: Mapping[str, str] = field(default_factory=dict)
    # The same for keys that have any number of values, which conditions judge by ForAllValues and ForAnyValue only.
    many: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # Keys that begin so and are not in the context are known to be absent.
    families: tuple[str, ...] = ()


def decide(policy: Mapping[str, Any], access: Access, principals: frozenset[str] | None = None) -> Decision:
    """Judge one access by one policy; with `principals`, by the policy of a resource."""
    decision = Decision.SILENT
    for statement in statements(policy):
        if not _concerns(statement, access, principals) or not _holds(statement, access):
            continue
        if statement.get("Effect") == "Deny":
            return Decision.DENIED
        decision = Decision.ALLOWED
    return decision


def _concerns(statement: Mapping[str, Any], access: Access, principals: frozenset[str] | None) -> bool:
    if principals is not None and not _names_one(statement.get("Principal"), principals):
        return False
    if "NotAction" in statement:
        if _like(statement["NotAction"], access.action, re.IGNORECASE):
            return False
    elif not _like(statement.get("Action"), access.action, re.IGNORECASE):
        return False
    if access.resource is None:
        return True
    if "NotResource" in statement:
        return not _like(statement["NotResource"], access.resource)
    return _like(statement.get("Resource"), access.resource)


def _names_one(principal: object, principals: frozenset[str]) -> bool:
    named = principal.get("AWS") if isinstance(principal, Mapping) else principal
    return not principals.isdisjoint(as_list(named))


def _like(patterns: object, text: str, flags: int = 0) -> bool:
    return any(_expression(pattern, flags).fullmatch(text) for pattern in as_list(patterns))


def _expression(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), flags | re.DOTALL)


def _holds(statement: Mapping[str, Any], access: Access) -> bool:
    return all(
        _condition_holds(operator, key, values, access)
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
    )


def _condition_holds(operator: str, key: str, values: object, access: Access) -> bool:
    quantifier, _, single = operator.rpartition(":")
    plain = single.removesuffix("IfExists")
    name = key.lower()
    is_known = name in access.many if quantifier else name in access.context or name.startswith(access.families)
    if plain not in _OPERATORS or quantifier not in ("", *_QUANTIFIERS) or not is_known:
        message = f"The local AWS does not judge the condition {operator} on {key} for {access.action}."
        raise AwsError("NotImplementedByLocalAws", message, 501)
    is_optional = single != plain
    if quantifier:
        passes = [_passes(plain, values, value) for value in access.many[name]]
        # Of no values at all, everything is true of each, and nothing of one.
        return _QUANTIFIERS[quantifier](passes) or (is_optional and not passes)
    if name not in access.context:
        return _OPERATORS[plain][1] or is_optional
    return _passes(plain, values, access.context[name])


def _passes(operator: str, values: object, value: str) -> bool:
    by_pattern, negated = _OPERATORS[operator]
    found = _like(values, value) if by_pattern else value in as_list(values)
    return found != negated
