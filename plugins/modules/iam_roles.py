#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: iam_roles
version_added: 0.1.0
short_description: Manage IAM roles with their policies and instance profiles
description:
  - Makes several IAM roles what they should be, each with its trust policy, its managed and inline policies and its
    instance profile.
  - All of them are read by one call, C(iam:GetAccountAuthorizationDetails), where M(amazon.aws.iam_role),
    M(amazon.aws.iam_managed_policy), M(amazon.aws.iam_policy) and M(amazon.aws.iam_instance_profile) make a dozen for
    each role. In an account of thousands of roles and policies it takes several pages.
  - Within one role, what it lacks is added before anything is taken away, so that a permission which goes from one
    policy to another is there all the time. What is superseded stays when something that should be added was refused.
  - Roles and policies that IAM refuses keep no other from being handled. They are told at the end.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  state:
    description:
      - With V(present), the roles are as they are given.
      - With V(absent), there are neither the roles, nor the customer-managed policies and instance profiles that are
        named with them. The names are enough, and the documents may be left out.
    type: str
    choices: [present, absent]
    default: present
  roles:
    description: The roles.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the role.
        type: str
        required: true
      description:
        description:
          - What the role is for.
          - A role gets it when it is created. One that exists keeps its own, as the call by which roles are read does
            not tell it.
        type: str
      assume_role_policy_document:
        description:
          - The trust policy. A role that should be there needs it.
        type: json
      managed_policies:
        description:
          - The ARNs of managed policies that are attached.
          - All others are detached, except those of O(roles[].customer_managed_policies).
        type: list
        elements: str
        default: []
      customer_managed_policies:
        description:
          - Policies that are created in this account, with the path C(/), and attached.
          - Such a policy has one version. When its document changes, the older one is deleted.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the policy.
            type: str
            required: true
          document:
            description: The policy document. A policy that should be there needs it.
            type: json
      inline_policies:
        description: The inline policies. All others are deleted.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the policy.
            type: str
            required: true
          document:
            description: The policy document. A policy that should be there needs it.
            type: json
      instance_profile:
        description:
          - The name of an instance profile that has the role. Another role that it has is taken out of it.
          - Other instance profiles that have the role keep it, unless O(state=absent).
        type: str
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
  - IAM is eventually consistent. A role, a policy or an instance profile that turns out to be there when it is created
    is changed instead, and what is gone when it is deleted is no error.
  - "The caller needs C(iam:GetAccountAuthorizationDetails), which has no resource narrower than C(*) and shows the
    policies of all roles in the account, and, for what changes, C(iam:CreateRole), C(iam:UpdateAssumeRolePolicy),
    C(iam:DeleteRole), C(iam:PutRolePolicy), C(iam:DeleteRolePolicy), C(iam:AttachRolePolicy), C(iam:DetachRolePolicy),
    C(iam:CreatePolicy), C(iam:CreatePolicyVersion), C(iam:DeletePolicyVersion), C(iam:ListPolicyVersions),
    C(iam:DeletePolicy), C(iam:GetInstanceProfile), C(iam:CreateInstanceProfile), C(iam:DeleteInstanceProfile),
    C(iam:AddRoleToInstanceProfile), for which IAM wants C(iam:PassRole) as well, and
    C(iam:RemoveRoleFromInstanceProfile)."
  - "What is not listed yet is read by C(iam:GetRole), C(iam:ListRolePolicies), C(iam:GetRolePolicy),
    C(iam:ListAttachedRolePolicies), C(iam:ListInstanceProfilesForRole) and C(iam:GetPolicyVersion)."
seealso:
  - module: amazon.aws.iam_role
  - module: amazon.aws.iam_managed_policy
  - module: amazon.aws.iam_instance_profile
"""

EXAMPLES = r"""
- name: Have a role for hosts and one for a function
  algotrading.aws.iam_roles:
    roles:
      - name: report-host
        description: The hosts that make reports
        assume_role_policy_document: "{{ lookup('ansible.builtin.file', 'trust-ec2.json') }}"
        managed_policies:
          - arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
        inline_policies:
          - name: read-reports
            document:
              Version: "2012-10-17"
              Statement:
                - Effect: Allow
                  Action: s3:GetObject
                  Resource: arn:aws:s3:::reports/*
        instance_profile: report-host
      - name: report-mailer
        assume_role_policy_document: "{{ lookup('ansible.builtin.file', 'trust-lambda.json') }}"
        customer_managed_policies:
          - name: send-reports
            document: "{{ lookup('ansible.builtin.file', 'send-reports.json') }}"

- name: Take both away, with their policies and the instance profile
  algotrading.aws.iam_roles:
    state: absent
    roles:
      - name: report-host
        instance_profile: report-host
      - name: report-mailer
        customer_managed_policies:
          - name: send-reports
"""

RETURN = r"""
resources:
  description: What became of each role, policy and instance profile, or would become in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: V(IAM role), V(IAM policy) or V(instance profile).
      type: str
      sample: IAM role
    name:
      description: Its name.
      type: str
      sample: report-host
    action:
      description: V(create), V(change), V(delete) or V(keep).
      type: str
      sample: change
    reasons:
      description: Why, a phrase each.
      type: list
      elements: str
      sample: [differs in inline_policies]
    before:
      description:
        - What it was. Of one that changes, only what differs.
        - A role has C(assume_role_policy_document), C(managed_policies) as ARNs and C(inline_policies) by their names,
          a policy its C(document) and C(other_versions), and an instance profile its C(role).
      type: dict
      sample:
        inline_policies: {}
    after:
      description: What it is then, likewise.
      type: dict
      sample:
        inline_policies:
          read-reports:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: s3:GetObject
                Resource: arn:aws:s3:::reports/*
"""

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._iam_apply import Roles
from ansible_collections.algotrading.aws.plugins.module_utils._iam_read import read_account
from ansible_collections.algotrading.aws.plugins.module_utils._iam_roles import (
    RolesError,
    refusals,
    resources_of,
    wanted_of,
)
from ansible_collections.algotrading.aws.plugins.module_utils._resources import result_of
from ansible_collections.amazon.aws.plugins.module_utils.iam import AnsibleIAMError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def reconcile(module: AnsibleAWSModule, client: Any) -> tuple[dict[str, Any], list[str]]:
    """Bring the roles to what they should be, and return the results and what failed.

    Raises:
        RolesError: IAM would refuse some of it.
    """
    present = module.params["state"] == "present"
    wanted = wanted_of(module.params["roles"], present=present)
    account = read_account(module, client, wanted, present=present)
    refused = refusals(wanted, account) if present else []
    if refused:
        raise RolesError("; ".join(refused))
    result = result_of(resources_of(wanted, account, present=present))
    if module.check_mode or not result["changed"]:
        return result, []
    return result, Roles(client, account).ensure(wanted, present=present)


def main() -> None:
    policy = {
        "name": {"type": "str", "required": True},
        "document": {"type": "json"},
    }
    policies = {"type": "list", "elements": "dict", "options": policy, "default": []}
    role = {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "assume_role_policy_document": {"type": "json"},
        "managed_policies": {"type": "list", "elements": "str", "default": []},
        "customer_managed_policies": policies,
        "inline_policies": policies,
        "instance_profile": {"type": "str"},
    }
    argument_spec = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "roles": {"type": "list", "elements": "dict", "required": True, "options": role},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    try:
        result, failures = reconcile(module, module.client("iam"))
    except RolesError as error:
        module.fail_json(msg=str(error))
    except AnsibleIAMError as error:
        module.fail_json_aws_error(error)
    if failures:
        what = "; ".join(failures)
        module.fail_json(msg=f"Not all roles are as they should be, and the next run tries again: {what}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
