#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: eventbridge_rule
version_added: 0.1.0
short_description: Remove a rule of Amazon EventBridge with what belongs to it
description:
  - Removes a rule of the default event bus, its targets, and the permissions by which it invokes Lambda functions.
  - M(amazon.aws.cloudwatchevent_rule) leaves the permissions, and has no check mode. It makes rules, which this module
    does not.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  name:
    description: The name of the rule.
    type: str
    required: true
  state:
    description: There is no such rule.
    type: str
    choices: [absent]
    required: true
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
  - The rule goes last, so that a run that was killed finds it, and all that belongs to it, again.
  - Functions' permissions for other rules stay, and so do the functions.
  - The caller needs C(events:DescribeRule), C(events:ListTargetsByRule), C(events:RemoveTargets),
    C(events:DeleteRule), C(lambda:GetPolicy) and C(lambda:RemovePermission).
seealso:
  - module: amazon.aws.cloudwatchevent_rule
  - module: algotrading.aws.scheduler_schedule
"""

EXAMPLES = r"""
- name: No longer make a report by a rule, as there is a schedule for it
  algotrading.aws.eventbridge_rule:
    name: morning-report
    state: absent
"""

RETURN = r"""
rule:
  description: The rule before the run, or none when there was none.
  returned: success
  type: dict
  contains:
    arn:
      description: The rule's ARN.
      type: str
      sample: arn:aws:events:us-east-1:123456789012:rule/morning-report
    schedule_expression:
      description: When it invoked its targets, or none.
      type: str
      sample: cron(0 13 ? * MON-FRI *)
    event_pattern:
      description: On which events it invoked its targets, or none.
      type: str
    state:
      description: Whether it did.
      type: str
      sample: ENABLED
    targets:
      description: The ARNs of what it invoked.
      type: list
      elements: str
      sample: [arn:aws:lambda:us-east-1:123456789012:function:report]
    permissions:
      description: The ids of the statements by which functions let the rule invoke them.
      type: list
      elements: str
      sample: [AllowExecutionFromEventBridge]
"""

import json
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._lambda_permissions import (
    Permission,
    permissions_of,
    split_function_arn,
)
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

retry = AWSRetry.jittered_backoff(
    catch_extra_error_codes=["ThrottlingException", "ConcurrentModificationException", "InternalException"]
)


class RuleErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ResourceNotFoundException")


@RuleErrorHandler.list_error_handler("describe rule", None)
@retry
def describe_rule(client: Any, name: str) -> dict[str, Any] | None:
    return client.describe_rule(Name=name)


@RuleErrorHandler.list_error_handler("list the targets of rule", [])
@retry
def list_targets(client: Any, name: str) -> list[dict[str, Any]]:
    return client.get_paginator("list_targets_by_rule").paginate(Rule=name).build_full_result()["Targets"]


@RuleErrorHandler.list_error_handler("get the policy of a function that is a target of rule", {})
@retry
def get_policy(client: Any, function: dict[str, str]) -> dict[str, Any]:
    """The function's own policy, empty when there is none, or no such function."""
    return json.loads(client.get_policy(**function)["Policy"])


@RuleErrorHandler.deletion_error_handler("remove the permission of rule")
@retry
def remove_permission(client: Any, permission: Permission) -> None:
    client.remove_permission(**permission.function, StatementId=permission.statement_id)


@RuleErrorHandler.deletion_error_handler("remove the targets of rule")
@retry
def remove_targets(client: Any, name: str, ids: list[str]) -> list[dict[str, Any]]:
    """Remove targets, and return those that could not be."""
    return client.remove_targets(Rule=name, Ids=ids)["FailedEntries"]


@RuleErrorHandler.deletion_error_handler("delete rule")
@retry
def delete_rule(client: Any, name: str) -> None:
    client.delete_rule(Name=name)


def find_permissions(client: Any, rule_arn: str, targets: list[dict[str, Any]]) -> list[Permission]:
    """The permissions by which functions among the targets let the rule invoke them."""
    arns = sorted({target["Arn"] for target in targets})
    functions = [function for arn in arns if (function := split_function_arn(arn))]
    return [
        permission
        for function in functions
        for permission in permissions_of(function, get_policy(client, function), rule_arn)
    ]


def describe(rule: dict[str, Any], targets: list[dict[str, Any]], permissions: list[Permission]) -> dict[str, Any]:
    return {
        "arn": rule["Arn"],
        "schedule_expression": rule.get("ScheduleExpression"),
        "event_pattern": rule.get("EventPattern"),
        "state": rule.get("State"),
        "targets": sorted(target["Arn"] for target in targets),
        "permissions": sorted(permission.statement_id for permission in permissions),
    }


def remove(
    module: AnsibleAWSModule, client: Any, functions: Any, targets: list[dict[str, Any]], permissions: list[Permission]
) -> None:
    """Remove the rule with what belongs to it, what names it first."""
    name = module.params["name"]
    for permission in permissions:
        remove_permission(functions, permission)
    if targets and (failed := remove_targets(client, name, [target["Id"] for target in targets])):
        reasons = "; ".join(f"{each['TargetId']}: {each.get('ErrorMessage', each.get('ErrorCode'))}" for each in failed)
        module.fail_json(msg=f"Failed to remove the targets of rule '{name}': {reasons}")
    delete_rule(client, name)


def main() -> None:
    argument_spec = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["absent"], "required": True},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    name = module.params["name"]
    client, before = module.client("events"), None
    try:
        if rule := describe_rule(client, name):
            functions = module.client("lambda")
            targets = list_targets(client, name)
            permissions = find_permissions(functions, rule["Arn"], targets)
            before = describe(rule, targets, permissions)
            if not module.check_mode:
                remove(module, client, functions, targets, permissions)
    except AnsibleAWSError as error:
        module.fail_json_aws(error.exception, msg=f"{error.message} '{name}'")
    module.exit_json(changed=bool(before), rule=before, diff={"before": before or {}, "after": {}})


if __name__ == "__main__":
    main()
