#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: scheduler_schedule
version_added: 0.1.0
short_description: Manage schedules of Amazon EventBridge Scheduler
description:
  - Creates, changes and deletes a schedule of Amazon EventBridge Scheduler, which invokes a target at a time of any
    time zone.
  - An option that is not given keeps its value, and of a new schedule gets the default of Scheduler that is named here.
    Scheduler itself would set all such options back to their defaults when it updates a schedule.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  name:
    description: The schedule's name, at most 64 letters, digits, C(_), C(.) and C(-).
    type: str
    required: true
  group_name:
    description: The group of schedules that it is in. The group must exist.
    type: str
    default: default
  state:
    description: Whether there is such a schedule. See O(enabled) for one that pauses.
    type: str
    choices: [present, absent]
    default: present
  schedule_expression:
    description:
      - When the target is invoked, as V(cron(...\)), V(rate(...\)) or V(at(...\)).
      - A new schedule needs it.
    type: str
  schedule_expression_timezone:
    description: The time zone of O(schedule_expression), such as V(America/New_York). Scheduler's default is V(UTC).
    type: str
  flexible_time_window:
    description:
      - The minutes within which the target is invoked, at most V(1440). With V(0) it is invoked at the time itself.
      - Scheduler's default is V(0).
    type: int
  target:
    description: What is invoked. A new schedule needs O(target.arn) and O(target.role_arn).
    type: dict
    suboptions:
      arn:
        description:
          - The ARN of what is invoked, such as a Lambda function, a queue, or one of Scheduler's universal targets.
          - A target's parameters for which there is no option here, such as those of an ECS task, are kept as long as
            the ARN is the same.
        type: str
      role_arn:
        description: The ARN of the role that Scheduler assumes to invoke it.
        type: str
      input:
        description:
          - What the target gets. A dictionary or a list is sent as JSON, a text as it is.
          - JSON that only is written in another way is no change. An empty text removes it.
        type: raw
      retry_policy:
        description: What Scheduler does when the target cannot be invoked.
        type: dict
        suboptions:
          maximum_event_age_in_seconds:
            description: For how many seconds Scheduler tries, V(60) to V(86400). Scheduler's default is V(86400).
            type: int
          maximum_retry_attempts:
            description: How often Scheduler tries again, V(0) to V(185). Scheduler's default is V(185).
            type: int
      dead_letter_arn:
        description: The ARN of a queue that gets the events that were given up. An empty text removes it.
        type: str
  description:
    description: What the schedule is for, at most 512 characters. An empty text removes it.
    type: str
  enabled:
    description: Whether the schedule invokes its target. Scheduler's default is V(true).
    type: bool
  start_date:
    description:
      - The date and time in ISO 8601 before which the target is not invoked. It must name its time zone, such as C(Z)
        or C(-05:00). An empty text removes it.
      - A start that has passed counts as none.
    type: str
  end_date:
    description: The date and time after which the target is not invoked, written like O(start_date).
    type: str
  kms_key_arn:
    description: The ARN of the key that encrypts the schedule's data, instead of one of AWS. An empty text removes it.
    type: str
  action_after_completion:
    description: Whether Scheduler deletes the schedule after its last invocation. Scheduler's default is V(NONE).
    type: str
    choices: [NONE, DELETE]
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
  - Scheduler tries a failed invocation again for a day by default. Limit that in O(target.retry_policy) where a late
    invocation does harm.
  - Scheduler needs some seconds until it can assume a role that is new. The module tries again for half a minute.
  - The caller needs C(scheduler:GetSchedule), C(scheduler:CreateSchedule), C(scheduler:UpdateSchedule),
    C(scheduler:DeleteSchedule), and C(iam:PassRole) for the role.
seealso:
  - module: amazon.aws.cloudwatchevent_rule
"""

EXAMPLES = r"""
- name: Invoke a function at half past eight in New York, summer and winter
  algotrading.aws.scheduler_schedule:
    name: morning-report
    schedule_expression: cron(30 8 ? * MON-FRI *)
    schedule_expression_timezone: America/New_York
    target:
      arn: arn:aws:lambda:us-east-1:123456789012:function:report
      role_arn: arn:aws:iam::123456789012:role/scheduler
      input:
        kind: morning
        scheduled_time: <aws.scheduler.scheduled-time>
      retry_policy:
        maximum_event_age_in_seconds: 900
        maximum_retry_attempts: 3

- name: Pause that
  algotrading.aws.scheduler_schedule:
    name: morning-report
    enabled: false

- name: Delete it
  algotrading.aws.scheduler_schedule:
    name: morning-report
    state: absent
"""

RETURN = r"""
schedule:
  description: The schedule after the run, or none when there is none.
  returned: always
  type: dict
  contains:
    name:
      description: The schedule's name.
      type: str
      sample: morning-report
    group_name:
      description: The group that it is in.
      type: str
      sample: default
    arn:
      description: The schedule's ARN, none in check mode for one that is not there yet.
      type: str
      sample: arn:aws:scheduler:us-east-1:123456789012:schedule/default/morning-report
    schedule_expression:
      description: When the target is invoked.
      type: str
      sample: cron(30 8 ? * MON-FRI *)
    schedule_expression_timezone:
      description: The time zone of that.
      type: str
      sample: America/New_York
    flexible_time_window:
      description: The minutes within which the target is invoked.
      type: int
      sample: 0
    target:
      description: What is invoked.
      type: dict
      contains:
        arn:
          description: The ARN of what is invoked.
          type: str
          sample: arn:aws:lambda:us-east-1:123456789012:function:report
        role_arn:
          description: The ARN of the role that Scheduler assumes.
          type: str
          sample: arn:aws:iam::123456789012:role/scheduler
        input:
          description: What the target gets, as a text.
          type: str
          sample: '{"kind": "morning"}'
        retry_policy:
          description: What Scheduler does when the target cannot be invoked.
          type: dict
          sample:
            maximum_event_age_in_seconds: 900
            maximum_retry_attempts: 3
        dead_letter_arn:
          description: The ARN of a queue that gets the events that were given up.
          type: str
        other_parameters:
          description: The target's parameters for which the module has no option, in the words of Scheduler.
          type: dict
          sample: {}
    description:
      description: What the schedule is for.
      type: str
    enabled:
      description: Whether the schedule invokes its target.
      type: bool
      sample: true
    start_date:
      description: Before which time the target is not invoked, none if that has passed.
      type: str
      sample: "2026-02-02T13:30:00+00:00"
    end_date:
      description: After which time the target is not invoked.
      type: str
      sample: "2026-12-31T00:00:00+00:00"
    kms_key_arn:
      description: The ARN of the key that encrypts the schedule's data.
      type: str
    action_after_completion:
      description: V(DELETE) if Scheduler deletes the schedule after its last invocation, else V(NONE).
      type: str
      sample: NONE
"""

from datetime import UTC, datetime
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._just_made import retry_while
from ansible_collections.algotrading.aws.plugins.module_utils._schedule import (
    ScheduleError,
    check_name,
    from_aws,
    merge,
    to_aws,
)
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

THROTTLED = ["ThrottlingException"]
ROLE_IS_NEW = ("must allow AWS EventBridge Scheduler to assume the role",)


class SchedulerErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ResourceNotFoundException")


@SchedulerErrorHandler.list_error_handler("get schedule", None)
@AWSRetry.jittered_backoff(catch_extra_error_codes=THROTTLED)
def get_schedule(client: Any, identity: dict[str, str]) -> dict[str, Any] | None:
    """What Scheduler says of the schedule, or None when it or its group does not exist."""
    return client.get_schedule(**identity)


@SchedulerErrorHandler.common_error_handler("create schedule")
@AWSRetry.jittered_backoff(catch_extra_error_codes=THROTTLED)
def create_schedule(client: Any, identity: dict[str, str], schedule: dict[str, Any]) -> str:
    return retry_while(ROLE_IS_NEW, lambda: client.create_schedule(**identity, **to_aws(schedule)))["ScheduleArn"]


@SchedulerErrorHandler.common_error_handler("update schedule")
@AWSRetry.jittered_backoff(catch_extra_error_codes=THROTTLED)
def update_schedule(client: Any, identity: dict[str, str], schedule: dict[str, Any]) -> str:
    return retry_while(ROLE_IS_NEW, lambda: client.update_schedule(**identity, **to_aws(schedule)))["ScheduleArn"]


@SchedulerErrorHandler.deletion_error_handler("delete schedule")
@AWSRetry.jittered_backoff(catch_extra_error_codes=THROTTLED)
def delete_schedule(client: Any, identity: dict[str, str]) -> None:
    client.delete_schedule(**identity)


def ensure_present(
    client: Any,
    identity: dict[str, str],
    before: dict[str, Any] | None,
    after: dict[str, Any],
    *,
    check_mode: bool,
) -> tuple[bool, dict[str, Any]]:
    """Create or update the schedule when it differs, and say whether it does and what it is then."""
    changed = before is None or {**before, "arn": None} != {**after, "arn": None}
    if changed and not check_mode:
        write = create_schedule if before is None else update_schedule
        after = {**after, "arn": write(client, identity, after)}
    return changed, after


def ensure_absent(
    client: Any, identity: dict[str, str], before: dict[str, Any] | None, *, check_mode: bool
) -> tuple[bool, None]:
    """Delete the schedule when there is one, and say whether there was."""
    if before is not None and not check_mode:
        delete_schedule(client, identity)
    return before is not None, None


def reconcile(module: AnsibleAWSModule, client: Any) -> dict[str, Any]:
    """Read, compare and act, and say what came of it."""
    params = module.params
    check_name("name", params["name"])
    check_name("group_name", params["group_name"])
    names = {"name": params["name"], "group_name": params["group_name"]}
    identity = {"Name": params["name"], "GroupName": params["group_name"]}
    now = datetime.now(UTC)
    described = get_schedule(client, identity)
    before = {**names, "arn": described["Arn"], **from_aws(described, now)} if described else None
    after: dict[str, Any] | None
    if params["state"] == "present":
        wanted = {**names, "arn": before and before["arn"], **merge(before, params, now)}
        changed, after = ensure_present(client, identity, before, wanted, check_mode=module.check_mode)
    else:
        changed, after = ensure_absent(client, identity, before, check_mode=module.check_mode)
    return {"changed": changed, "schedule": after, "diff": {"before": settings_of(before), "after": settings_of(after)}}


def settings_of(schedule: dict[str, Any] | None) -> dict[str, Any]:
    """What check mode can say of a schedule, too: all but the ARN that Scheduler gives it."""
    return {key: value for key, value in (schedule or {}).items() if key != "arn"}


def main() -> None:
    retry_policy = {
        "maximum_event_age_in_seconds": {"type": "int"},
        "maximum_retry_attempts": {"type": "int"},
    }
    target = {
        "arn": {"type": "str"},
        "role_arn": {"type": "str"},
        "input": {"type": "raw"},
        "retry_policy": {"type": "dict", "options": retry_policy},
        "dead_letter_arn": {"type": "str"},
    }
    argument_spec = {
        "name": {"type": "str", "required": True},
        "group_name": {"type": "str", "default": "default"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "schedule_expression": {"type": "str"},
        "schedule_expression_timezone": {"type": "str"},
        "flexible_time_window": {"type": "int"},
        "target": {"type": "dict", "options": target},
        "description": {"type": "str"},
        "enabled": {"type": "bool"},
        "start_date": {"type": "str"},
        "end_date": {"type": "str"},
        "kms_key_arn": {"type": "str", "no_log": False},
        "action_after_completion": {"type": "str", "choices": ["NONE", "DELETE"]},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    name = f"{module.params['group_name']}/{module.params['name']}"
    client = module.client("scheduler")
    try:
        result = reconcile(module, client)
    except ScheduleError as error:
        module.fail_json(msg=f"Cannot manage the schedule '{name}': {error}")
    except AnsibleAWSError as error:
        module.fail_json_aws(error.exception, msg=f"{error.message} '{name}'")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
