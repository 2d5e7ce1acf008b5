#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trading_fleet_retired
version_added: 0.1.0
short_description: List the retired servers of a trading environment, and terminate them when asked to
description:
  - Lists the environment's servers, of both roles, that M(algotrading.aws.trading_fleet) stopped and tagged C(Retired).
  - With O(terminate=true), those that have been retired for longer than O(older_than_days) are terminated, and their
    disks with them.
  - A server is terminated only while it is stopped and has a time in its tag C(Retired) that a run wrote. It is looked
    at again right before, and left if its state or its tags have changed. One whose tag was written by hand is listed,
    and never terminated.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  environment:
    description: The environment whose servers these are.
    type: str
    required: true
    choices: [dev, qa, prod]
  older_than_days:
    description:
      - For how many days a server must have been retired. One that has been so for exactly that long, to the second,
        stays.
    type: int
    default: 30
  terminate:
    description: Whether servers that have been retired for longer are terminated.
    type: bool
    default: false
  wait_timeout:
    description: How many seconds to wait for their end.
    type: int
    default: 300
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
  - "The caller needs C(ec2:DescribeInstances), C(ec2:DescribeVolumes), C(ec2:DescribeInstanceAttribute), and with
    O(terminate=true) also C(ec2:TerminateInstances) and C(ec2:ModifyInstanceAttribute)."
seealso:
  - module: algotrading.aws.trading_fleet
"""

EXAMPLES = r"""
- name: List what has been retired
  algotrading.aws.trading_fleet_retired:
    environment: qa
    region: us-east-1

- name: Terminate what has been retired for longer than 60 days
  algotrading.aws.trading_fleet_retired:
    environment: qa
    older_than_days: 60
    terminate: true
    region: us-east-1
"""

RETURN = r"""
retired:
  description: The retired servers that were found, those first that were retired first.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The server's name.
      type: str
      sample: trading-server-qa-SOXL-long-soxl_long-outer_11_inner_48
    instance_id:
      description: The instance.
      type: str
      sample: i-0123456789abcdef0
    role:
      description: Whether it is a trading server or an ingest node, V(trader) or V(ingest).
      type: str
      sample: trader
    state:
      description: The instance's state before the run.
      type: str
      sample: stopped
    since:
      description: What its tag C(Retired) says, a time in UTC if a run wrote it.
      type: str
      sample: "2026-02-02T21:05:00Z"
    days:
      description: For how many whole days it has been retired, none if its tag is no time that a run wrote.
      type: int
      sample: 41
    volume_size:
      description: The size of its root disk in GiB.
      type: int
      sample: 14
    due:
      description: Whether it may be terminated.
      type: bool
      sample: true
    reason:
      description: Why, or why not.
      type: str
      sample: has been retired for longer than 30 days
resources:
  description: What becomes of each of them, as M(algotrading.aws.trading_fleet) returns it.
  returned: always
  type: list
  elements: dict
failures:
  description: What EC2 refused, a sentence for each server. The module then fails, after it has done all else.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_apply import Fleet
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import RETIRED_TAG, Action, Instance, Plan
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_read import read_fleet
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_report import KIND
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_requests import describe_by_id
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_retired import Retired, judge, utc_now
from ansible_collections.algotrading.aws.plugins.module_utils._naming import ENVIRONMENTS
from ansible_collections.algotrading.aws.plugins.module_utils._resources import DELETE, KEEP, resource, result_of
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict


def find_retired(module: AnsibleAWSModule, client: Any) -> list[tuple[str, Retired]]:
    """Every retired server with its role, those first that were retired first."""
    environment, after_days = module.params["environment"], module.params["older_than_days"]
    now = utc_now()
    found = [
        (role, judge(environment, role, instance, now, after_days))
        for role in ("ingest", "trader")
        for instance in read_fleet(client, environment, role)
        if instance.live and instance.retired
    ]
    return sorted(found, key=lambda each: (each[1].instance.tags[RETIRED_TAG], each[1].instance.instance_id))


def terminate(module: AnsibleAWSModule, client: Any, due: list[Instance]) -> list[str]:
    """Terminate servers that are still as they were a moment ago, and say what failed."""
    now = describe_by_id(client, [each.instance_id for each in due])
    same = [each for each in due if _is_same(each, now.get(each.instance_id, {}))]
    fleet = Fleet(client, None, wait_timeout=module.params["wait_timeout"])
    for each in due:
        if each not in same:
            fleet.fail(f"{each.name} ({each.instance_id})", "has changed since it was listed, and is left")
    fleet.apply(Plan([Action("terminate", each.name, "", instance=each) for each in same]))
    return fleet.failures


def _is_same(instance: Instance, described: dict[str, Any]) -> bool:
    state = described.get("State", {}).get("Name")
    return (state, boto3_tag_list_to_ansible_dict(described.get("Tags", []))) == (instance.state, instance.tags)


def describe(role: str, retired: Retired) -> dict[str, Any]:
    instance = retired.instance
    return {
        "name": instance.name,
        "instance_id": instance.instance_id,
        "role": role,
        "state": instance.state,
        "since": instance.tags[RETIRED_TAG],
        "days": retired.days,
        "volume_size": instance.attributes["volume_size"],
        "due": retired.due,
        "reason": retired.reason,
    }


def becomes(retired: Retired, *, ends: bool) -> dict[str, Any]:
    instance = retired.instance
    name = f"{instance.name} ({instance.instance_id})"
    if not ends:
        return resource(KIND, name, KEEP)
    before = {"state": instance.state, RETIRED_TAG: instance.tags[RETIRED_TAG]}
    return resource(KIND, name, DELETE, [retired.reason], before)


def main() -> None:
    argument_spec = {
        "environment": {"type": "str", "required": True, "choices": list(ENVIRONMENTS)},
        "older_than_days": {"type": "int", "default": 30},
        "terminate": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 300},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    if module.params["older_than_days"] < 0:
        module.fail_json(msg=f"older_than_days is {module.params['older_than_days']}: name 0 or more")
    client = module.client("ec2")
    failures: list[str] = []
    try:
        found = find_retired(module, client)
        due = [each.instance for _role, each in found if each.due and module.params["terminate"]]
        if due and not module.check_mode:
            failures = terminate(module, client, due)
    except AnsibleEC2Error as error:
        module.fail_json_aws_error(error)
    result = {
        **result_of([becomes(each, ends=each.instance in due) for _role, each in found]),
        "retired": [describe(role, each) for role, each in found],
        "failures": failures,
    }
    if failures:
        module.fail_json(msg=f"Not all of them are terminated: {'; '.join(failures)}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
