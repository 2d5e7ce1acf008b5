#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: iam_role_policies
version_added: 0.1.0
short_description: Manage the inline policies of an IAM role
description:
  - Makes the inline policies of one role what they should be, all of them together.
  - In addition to what M(amazon.aws.iam_policy) does for one policy, it can remove the policies that are not named, and
    in check mode it announces the policies of a role that does not exist yet.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  name:
    description: The name of the role.
    type: str
    required: true
    aliases: [role_name]
  policies:
    description: The inline policies.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the policy.
        type: str
        required: true
      document:
        description: The policy document.
        type: dict
        required: true
  purge_policies:
    description: Whether inline policies that are not named in O(policies) are removed.
    type: bool
    default: false
extends_documentation_fragment:
  - algotrading.aws.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - The caller needs C(iam:ListRolePolicies), C(iam:GetRolePolicy), C(iam:PutRolePolicy) and C(iam:DeleteRolePolicy) on
    the role.
seealso:
  - module: amazon.aws.iam_role
  - module: amazon.aws.iam_policy
"""

EXAMPLES = r"""
- name: Let a role read one bucket, and nothing else by inline policies
  algotrading.aws.iam_role_policies:
    name: report-reader
    policies:
      - name: read-reports
        document:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Action: s3:GetObject
              Resource: arn:aws:s3:::reports/*
    purge_policies: true
"""

RETURN = r"""
policies:
  description: The role's inline policies after the run, each document by its name.
  returned: always
  type: dict
  sample:
    read-reports:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Action: s3:GetObject
          Resource: arn:aws:s3:::reports/*
"""

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.iam import AnsibleIAMError, IAMErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry


@IAMErrorHandler.list_error_handler("list policies of role", None)
@AWSRetry.jittered_backoff()
def list_policies(client: Any, role: str) -> list[str] | None:
    """The names of the role's inline policies, or None when there is no such role."""
    return client.get_paginator("list_role_policies").paginate(RoleName=role).build_full_result()["PolicyNames"]


@IAMErrorHandler.common_error_handler("get policy of role")
@AWSRetry.jittered_backoff()
def get_policy(client: Any, role: str, name: str) -> dict[str, Any]:
    return client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


@IAMErrorHandler.common_error_handler("put policy of role")
@AWSRetry.jittered_backoff()
def put_policy(client: Any, role: str, name: str, document: dict[str, Any]) -> None:
    client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document, sort_keys=True))


@IAMErrorHandler.deletion_error_handler("delete policy of role")
@AWSRetry.jittered_backoff()
def delete_policy(client: Any, role: str, name: str) -> None:
    client.delete_role_policy(RoleName=role, PolicyName=name)


def read_policies(client: Any, role: str) -> dict[str, dict[str, Any]] | None:
    names = list_policies(client, role)
    return None if names is None else {name: get_policy(client, role, name) for name in names}


def ensure_policies(
    client: Any,
    role: str,
    before: dict[str, dict[str, Any]],
    wanted: dict[str, dict[str, Any]],
    *,
    purge: bool,
    check_mode: bool,
) -> tuple[bool, dict[str, dict[str, Any]]]:
    """Put and delete what differs, and say whether anything did and what the role has then."""
    to_put = {name: document for name, document in wanted.items() if compare_policies(before.get(name), document)}
    to_delete = sorted(before.keys() - wanted.keys()) if purge else []
    if not check_mode:
        for name, document in to_put.items():
            put_policy(client, role, name, document)
        for name in to_delete:
            delete_policy(client, role, name)
    after = {name: document for name, document in {**before, **to_put}.items() if name not in to_delete}
    return bool(to_put or to_delete), after


def main() -> None:
    policy = {
        "name": {"type": "str", "required": True},
        "document": {"type": "dict", "required": True},
    }
    argument_spec = {
        "name": {"type": "str", "required": True, "aliases": ["role_name"]},
        "policies": {"type": "list", "elements": "dict", "required": True, "options": policy},
        "purge_policies": {"type": "bool", "default": False},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    role = module.params["name"]
    wanted = {policy["name"]: policy["document"] for policy in module.params["policies"]}
    if len(wanted) < len(module.params["policies"]):
        names = ", ".join(policy["name"] for policy in module.params["policies"])
        module.fail_json(msg=f"Two policies of role '{role}' have the same name: give each of {names} its own")
    client = module.client("iam")
    try:
        before = read_policies(client, role)
        if before is None and not module.check_mode:
            module.fail_json(msg=f"The role '{role}' does not exist: create it before its policies")
        changed, after = ensure_policies(
            client,
            role,
            before or {},
            wanted,
            purge=module.params["purge_policies"],
            check_mode=module.check_mode,
        )
    except AnsibleIAMError as error:
        module.fail_json_aws_error(error)
    module.exit_json(changed=changed, policies=after, diff={"before": before or {}, "after": after})


if __name__ == "__main__":
    main()
