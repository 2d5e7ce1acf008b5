# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What IAM roles are, should be, and would become, with their policies and instance profiles.

Pure functions: they ask nobody.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._resources import compared
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

Document = dict[str, Any]

ROLE, POLICY, PROFILE = ("IAM role", "IAM policy", "instance profile")
# What IAM takes, in characters without white space where it is a policy.
NAME_LIMIT, TRUST_LIMIT, INLINE_LIMIT, MANAGED_LIMIT = (64, 2_048, 10_240, 6_144)


class RolesError(Exception):
    """Roles that cannot be made as they are given."""


@dataclass(frozen=True)
class Wanted:
    """A role as it should be. The documents are empty where it should not be at all."""

    name: str
    description: str
    trust: Document
    managed: list[str]
    policies: dict[str, Document]
    inline: dict[str, Document]
    profile: str | None


@dataclass(frozen=True)
class Role:
    """A role as it is."""

    arn: str
    trust: Document
    managed: list[str] = field(default_factory=list)
    inline: dict[str, Document] = field(default_factory=dict)
    profiles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Policy:
    """A customer-managed policy as it is: the document of its default version, and all other versions."""

    arn: str
    document: Document
    other_versions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Account:
    """What there is in the account, by name; of an instance profile the role that it has, if any."""

    arn_start: str
    roles: dict[str, Role]
    policies: dict[str, Policy]
    profiles: dict[str, str | None]

    def policy_arn(self, name: str) -> str:
        return self.policies[name].arn if name in self.policies else f"{self.arn_start}:policy/{name}"

    def managed_of(self, wanted: Wanted) -> list[str]:
        """The ARNs of all managed policies that a role should have."""
        return sorted({*wanted.managed, *(self.policy_arn(name) for name in wanted.policies)})


def wanted_of(given: Sequence[dict[str, Any]], *, present: bool) -> list[Wanted]:
    """The roles that a module was given in its options.

    Raises:
        RolesError: two have one name, or a document is missing or none.
    """
    roles = [_wanted(role, present=present) for role in given]
    for kind, names in (
        ("roles", [role.name for role in roles]),
        ("customer-managed policies", [name for role in roles for name in role.policies]),
        ("instance profiles", [role.profile for role in roles if role.profile]),
    ):
        _refuse_doubles(kind, names)
    return roles


def _wanted(given: dict[str, Any], *, present: bool) -> Wanted:
    def documents(option: str) -> dict[str, Document]:
        policies = given.get(option) or []
        _refuse_doubles(f"policies of role {given['name']}", [policy["name"] for policy in policies])
        named = {f"{given['name']}'s policy {policy['name']}": policy for policy in policies}
        return {
            policy["name"]: _document(what, policy.get("document"), present=present) for what, policy in named.items()
        }

    return Wanted(
        name=given["name"],
        description=given.get("description") or "",
        trust=_document(f"{given['name']}'s trust policy", given.get("assume_role_policy_document"), present=present),
        managed=given.get("managed_policies") or [],
        policies=documents("customer_managed_policies"),
        inline=documents("inline_policies"),
        profile=given.get("instance_profile"),
    )


def _refuse_doubles(kind: str, names: list[str]) -> None:
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise RolesError(f"Two {kind} have the name {', '.join(doubles)}: give each its own")


def _document(what: str, text: str | None, *, present: bool) -> Document:
    if not text:
        if present:
            raise RolesError(f"{what} has no document: give it one")
        return {}
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise RolesError(f"{what} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise RolesError(f"{what} is no policy: give it a statement")
    return parsed


def same(one: Document, other: Document) -> bool:
    """Whether two documents say the same, in whatever order and with lists of one for strings or not."""
    return not compare_policies(one, other)


def changes_of_inline(wanted: Wanted, role: Role) -> list[tuple[str, Document]]:
    """The inline policies to be put, what shrinks first, so that on the way they take no more room than at the end."""
    return sorted(
        (
            (name, document)
            for name, document in wanted.inline.items()
            if name not in role.inline or not same(role.inline[name], document)
        ),
        key=lambda change: size(change[1]) - size(role.inline.get(change[0], {})),
    )


# What IAM would refuse


def refusals(roles: Sequence[Wanted], account: Account) -> list[str]:
    """What IAM would refuse of roles that should be there, a sentence each."""
    return [sentence for role in roles for sentence in _refusals(role, account)]


def _refusals(role: Wanted, account: Account) -> Iterator[str]:
    if len(role.name) > NAME_LIMIT:
        yield f"The name of role {role.name} has {_over(len(role.name), NAME_LIMIT)}: shorten it"
    if size(role.trust) > TRUST_LIMIT:
        yield (
            f"The trust policy of role {role.name} has {_over(size(role.trust), TRUST_LIMIT)}: "
            "name fewer principals or conditions"
        )
    for name, document in role.policies.items():
        if size(document) > MANAGED_LIMIT:
            yield (
                f"Policy {name} of role {role.name} has {_over(size(document), MANAGED_LIMIT)}: "
                "divide it into several policies"
            )
    inline = sum(map(size, role.inline.values()))
    if inline > INLINE_LIMIT:
        yield (
            f"The inline policies of role {role.name} have {_over(inline, INLINE_LIMIT)}: "
            "let some be customer-managed policies"
        )
    else:
        yield from _crowded(role, inline, account)


def _crowded(role: Wanted, inline: int, account: Account) -> Iterator[str]:
    """For a while a role has its new policies and its old ones too."""
    found = account.roles.get(role.name)
    old = {
        name: size(document) for name, document in (found.inline if found else {}).items() if name not in role.inline
    }
    together = inline + sum(old.values())
    if together > INLINE_LIMIT:
        yield (
            f"The inline policies of role {role.name} have {_over(together, INLINE_LIMIT)} together with those that "
            f"they supersede: see what {', '.join(sorted(old))} may be missed for, and delete by hand what is not"
        )


def size(document: Document) -> int:
    """Count as IAM does: white space is free."""
    return len(re.sub(r"\s", "", json.dumps(document)))


def _over(count: int, limit: int) -> str:
    return f"{count} characters, and IAM takes {limit}"


# What becomes of them


def resources_of(roles: Sequence[Wanted], account: Account, *, present: bool) -> list[dict[str, Any]]:
    """What becomes of roles, policies and instance profiles."""
    become = _present if present else _absent
    return [resource for role in roles for resource in become(role, account)]


def _present(wanted: Wanted, account: Account) -> Iterator[dict[str, Any]]:
    found = account.roles.get(wanted.name)
    inline = found.inline if found else {}
    after = {
        "assume_role_policy_document": _settled(found.trust if found else None, wanted.trust),
        "managed_policies": account.managed_of(wanted),
        "inline_policies": {name: _settled(inline.get(name), each) for name, each in wanted.inline.items()},
    }
    yield compared(ROLE, wanted.name, _told_role(found), after)
    for name, document in wanted.policies.items():
        policy = account.policies.get(name)
        settled = {"document": _settled(policy.document if policy else None, document), "other_versions": []}
        yield compared(POLICY, name, _told_policy(policy), settled)
    if wanted.profile:
        yield compared(PROFILE, wanted.profile, _told_profile(wanted.profile, account), {"role": wanted.name})


def _absent(wanted: Wanted, account: Account) -> Iterator[dict[str, Any]]:
    found = account.roles.get(wanted.name)
    yield compared(ROLE, wanted.name, _told_role(found), None)
    for name in wanted.policies:
        policy = account.policies.get(name)
        yield compared(POLICY, name, _told_policy(policy), None)
    if wanted.profile:
        yield compared(PROFILE, wanted.profile, _told_profile(wanted.profile, account), None)
    for name in found.profiles if found else []:
        if name != wanted.profile:
            yield compared(PROFILE, name, {"role": wanted.name}, {"role": None})


def _settled(present: Document | None, wanted: Document) -> Document:
    """What only is written in another way stays."""
    return present if present is not None and same(present, wanted) else wanted


def _told_role(role: Role | None) -> dict[str, Any] | None:
    if role is None:
        return None
    return {
        "assume_role_policy_document": role.trust,
        "managed_policies": sorted(role.managed),
        "inline_policies": role.inline,
    }


def _told_policy(policy: Policy | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    return {"document": policy.document, "other_versions": policy.other_versions}


def _told_profile(name: str, account: Account) -> dict[str, Any] | None:
    return {"role": account.profiles[name]} if name in account.profiles else None
