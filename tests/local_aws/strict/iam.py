# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IAM's names, sizes and quotas."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.principals import unknown_principals
from tests.local_aws.strict.rules import RULES

_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)
_NAME_LENGTHS = {"RoleName": 64, "UserName": 64, "InstanceProfileName": 128, "PolicyName": 128}
_TRUST, _INLINE, _MANAGED = 2_048, 10_240, 6_144
_POLICIES_PER_ROLE = 10


def size_of(document: str) -> int:
    """Count as IAM does: white space is free."""
    return len(re.sub(r"\s", "", document))


def _parse(document: str) -> dict[str, Any]:
    try:
        parsed = json.loads(document)
    except ValueError as error:
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json") from error
    if not isinstance(parsed, Mapping) or not parsed.get("Statement"):
        raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.")
    return dict(parsed)


def _quota(message: str) -> AwsError:
    return AwsError("LimitExceeded", message, 409)


@RULES.on("iam", "CreateRole", "CreateInstanceProfile", "CreatePolicy", "CreateUser", "PutRolePolicy", "PutUserPolicy")
def names(request: AwsRequest, account: Account) -> None:
    """Names are short and plain."""
    for parameter, longest in _NAME_LENGTHS.items():
        name = request.params.get(parameter)
        if name is None:
            continue
        field = parameter[0].lower() + parameter[1:]
        if not 1 <= len(name) <= longest:
            raise AwsError(
                "ValidationError",
                f"1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: "
                f"Member must have length less than or equal to {longest}",
            )
        if not _NAME.fullmatch(name):
            raise AwsError(
                "ValidationError",
                f"The specified value for {field} is invalid. It must contain only alphanumeric characters "
                "and/or the following: +=,.@_-",
            )


@RULES.on("iam", "CreateRole", "UpdateAssumeRolePolicy")
def trust_policy(request: AwsRequest, account: Account) -> None:
    """A trust policy is small, and names principals that exist."""
    document = request.params.get("AssumeRolePolicyDocument") or request.params.get("PolicyDocument") or ""
    parsed = _parse(document)
    if size_of(document) > _TRUST:
        raise _quota(f"Cannot exceed quota for ACLSizePerRole: {_TRUST}")
    for principal in unknown_principals(parsed, account):
        raise AwsError("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{principal}"')


@RULES.on("iam", "PutRolePolicy")
def inline_policies(request: AwsRequest, account: Account) -> None:
    """All inline policies of a role share one quota."""
    document, name = request.params.get("PolicyDocument", ""), request.params.get("PolicyName")
    _parse(document)
    for role in account.iam.roles.values():
        if role.name == request.params.get("RoleName"):
            others = sum(size_of(text) for other, text in role.policies.items() if other != name)
            if others + size_of(document) > _INLINE:
                raise _quota(f"Maximum policy size of {_INLINE} bytes exceeded for role {role.name}")


@RULES.on("iam", "CreatePolicy", "CreatePolicyVersion")
def managed_policy(request: AwsRequest, account: Account) -> None:
    """A managed policy has a quota of its own."""
    document = request.params.get("PolicyDocument", "")
    _parse(document)
    if size_of(document) > _MANAGED:
        raise _quota(f"Cannot exceed quota for PolicySize: {_MANAGED}")


@RULES.on("iam", "AttachRolePolicy")
def attached_policies(request: AwsRequest, account: Account) -> None:
    """A role carries ten managed policies."""
    for role in account.iam.roles.values():
        if role.name == request.params.get("RoleName"):
            attached = set(role.managed_policies) | {request.params.get("PolicyArn")}
            if len(attached) > _POLICIES_PER_ROLE:
                raise _quota(f"Cannot exceed quota for PoliciesPerRole: {_POLICIES_PER_ROLE}")


@RULES.on("iam", "AddRoleToInstanceProfile")
def one_role(request: AwsRequest, account: Account) -> None:
    """An instance profile carries one role."""
    profiles = [
        profile
        for profile in account.iam.instance_profiles.values()
        if profile.name == request.params.get("InstanceProfileName")
    ]
    if profiles and profiles[0].roles:
        raise _quota("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")


@RULES.on("iam", "RemoveRoleFromInstanceProfile")
def role_in_profile(request: AwsRequest, account: Account) -> None:
    """Only a role that is in an instance profile can be taken out of it."""
    named = {key: request.params.get(key) for key in ("InstanceProfileName", "RoleName")}
    for profile in account.iam.instance_profiles.values():
        if profile.name == named["InstanceProfileName"] and named["RoleName"] not in {
            each.name for each in profile.roles
        }:
            raise AwsError("NoSuchEntity", f"The role with name {named['RoleName']} cannot be found.", 404)


@RULES.on("iam", "DeletePolicy")
def unused_policy(request: AwsRequest, account: Account) -> None:
    """A policy goes when nobody has it, and after its old versions."""
    policy = account.iam.managed_policies.get(request.params.get("PolicyArn", ""))
    if policy is not None and policy.attachment_count:
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if policy is not None and len(policy.versions) > 1:
        message = (
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions."
        )
        raise AwsError("DeleteConflict", message, 409)
