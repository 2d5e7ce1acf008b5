# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Reads roles, policies and instance profiles from IAM, in one request for all of them.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._iam_roles import Account, Document, Policy, Role, Wanted
from ansible_collections.amazon.aws.plugins.module_utils.iam import (
    IAMErrorHandler,
    get_aws_account_info,
    get_iam_managed_policy_version,
    get_iam_role,
    list_iam_instance_profiles,
    list_iam_role_attached_policies,
    list_iam_role_policies,
)
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

# What IAM takes for a page, which would have 100 entries else.
PAGE_SIZE = 1000


@IAMErrorHandler.common_error_handler("get account authorization details")
@AWSRetry.jittered_backoff()
def get_account_authorization_details(client: Any) -> dict[str, Any]:
    pages = client.get_paginator("get_account_authorization_details").paginate(
        Filter=["Role", "LocalManagedPolicy"], PaginationConfig={"PageSize": PAGE_SIZE}
    )
    return pages.build_full_result()


@IAMErrorHandler.common_error_handler("get role policy")
@AWSRetry.jittered_backoff()
def get_role_policy(client: Any, role: str, name: str) -> Document:
    return client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


@IAMErrorHandler.list_error_handler("list policy versions", [])
@AWSRetry.jittered_backoff()
def list_policy_versions(client: Any, arn: str) -> list[dict[str, Any]]:
    """All versions, of which there are five at most, without their documents."""
    return client.list_policy_versions(PolicyArn=arn)["Versions"]


def read_account(module: AnsibleAWSModule, client: Any, wanted: Sequence[Wanted], *, present: bool) -> Account:
    """Read what there is of these roles.

    The listing may lag behind. For roles that should be there that does not matter, as IAM refuses to make one twice.
    Where they should not be, each that is not listed is asked for.
    """
    listed = get_account_authorization_details(client)
    roles = {each["RoleName"]: _listed_role(each) for each in listed["RoleDetailList"]}
    policies = {_name_in(each["Arn"]): _listed_policy(each) for each in listed["Policies"]}
    arn_start = _arn_start(module, [*roles.values(), *policies.values()])
    if not present:
        missing = [role.name for role in wanted if role.name not in roles]
        roles |= {name: role for name in missing if (role := read_role(client, name))}
        missing = [name for role in wanted for name in role.policies if name not in policies]
        policies |= {name: policy for name in missing if (policy := read_policy(client, f"{arn_start}:policy/{name}"))}
    profiles: dict[str, str | None] = {name: role for role, found in roles.items() for name in found.profiles}
    # A profile without a role is not listed.
    missing = [role.profile for role in wanted if role.profile and role.profile not in profiles]
    for name in missing:
        holders = read_profile(client, name)
        if holders is not None:
            profiles[name] = holders[0] if holders else None
    return Account(arn_start, roles, policies, profiles)


def _listed_role(listed: Mapping[str, Any]) -> Role:
    return Role(
        arn=listed["Arn"],
        trust=listed["AssumeRolePolicyDocument"],
        managed=[policy["PolicyArn"] for policy in listed.get("AttachedManagedPolicies", [])],
        inline={policy["PolicyName"]: policy["PolicyDocument"] for policy in listed.get("RolePolicyList", [])},
        profiles=[profile["InstanceProfileName"] for profile in listed.get("InstanceProfileList", [])],
    )


def _listed_policy(listed: Mapping[str, Any]) -> Policy:
    versions = {each["VersionId"]: each for each in listed["PolicyVersionList"]}
    default = listed["DefaultVersionId"]
    others = [version for version in versions if version != default]
    return Policy(listed["Arn"], versions[default]["Document"], others)


def _name_in(arn: str) -> str:
    return arn.rpartition("/")[2]


def _arn_start(module: AnsibleAWSModule, found: Iterable[Role | Policy]) -> str:
    """What the ARNs of the account's own policies begin with. Nearly every account has one to tell."""
    for each in found:
        return each.arn.rpartition(":")[0]
    number, partition = get_aws_account_info(module)
    return f"arn:{partition}:iam::{number}"


def read_role(client: Any, name: str) -> Role | None:
    """Read one role that is not listed."""
    found = get_iam_role(client, name)
    if found is None:
        return None
    return Role(
        arn=found["Arn"],
        trust=found["AssumeRolePolicyDocument"],
        managed=[policy["PolicyArn"] for policy in list_iam_role_attached_policies(client, name)],
        inline={policy: get_role_policy(client, name, policy) for policy in list_iam_role_policies(client, name)},
        profiles=[profile["InstanceProfileName"] for profile in list_iam_instance_profiles(client, role=name)],
    )


def read_policy(client: Any, arn: str) -> Policy | None:
    """Read one policy that is not listed."""
    versions = list_policy_versions(client, arn)
    default = [version["VersionId"] for version in versions if version["IsDefaultVersion"]]
    if not default:
        return None
    others = [version["VersionId"] for version in versions if not version["IsDefaultVersion"]]
    return Policy(arn, get_iam_managed_policy_version(client, arn, default[0])["Document"], others)


def read_profile(client: Any, name: str) -> list[str] | None:
    """Read which role an instance profile has, if any, or that there is no such profile."""
    for profile in list_iam_instance_profiles(client, name=name):
        return [role["RoleName"] for role in profile["Roles"]]
    return None
