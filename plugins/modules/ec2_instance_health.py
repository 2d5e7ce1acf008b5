#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_instance_health
version_added: 0.1.0
short_description: Wait until EC2 instances are healthy, and repair those that are not
description:
  - Waits until instances run, both their EC2 status checks are passed, and their SSM agents are online.
  - It can start instances that are stopped, and it can stop and start those whose status checks fail, which moves them
    to other hardware.
  - Instances are treated independently of each other, and all of them at the same time.
  - It fails if one of them is not healthy in time. What can be done for the others is done nevertheless.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  instance_ids:
    description:
      - The instances, any number of them.
      - It may be empty in check mode, as the instances may not exist yet.
    type: list
    elements: str
    required: true
  agent:
    description: Whether a healthy instance also needs an SSM agent that is online.
    type: bool
    default: true
  start:
    description: Whether instances that are stopped are started. Otherwise they count as failed, and are not waited for.
    type: bool
    default: false
  repair_attempts:
    description:
      - How often an instance with an impaired status check is stopped and started.
      - An instance loses the content of its memory, of its instance store volumes, and its public address.
    type: int
    default: 0
  timeout:
    description:
      - How many seconds to wait in all. A repair takes some minutes of that.
      - An instance that is still being stopped for a repair then stays stopped, which the message says.
    type: int
    default: 600
extends_documentation_fragment:
  - algotrading.aws.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    details:
      - It looks once, says what it would do first, and does not fail for instances that are not healthy.
  diff_mode:
    support: full
    details:
      - It shows the instances that were started or repaired.
  idempotent:
    support: full
notes:
  - The caller needs C(ec2:DescribeInstances), C(ec2:DescribeInstanceStatus), with O(agent=true)
    C(ssm:DescribeInstanceInformation), with O(start=true) or O(repair_attempts) C(ec2:StartInstances), and with
    O(repair_attempts) C(ec2:StopInstances).
seealso:
  - module: algotrading.aws.ssm_command
  - module: amazon.aws.ec2_instance
"""

EXAMPLES = r"""
- name: Wait until new instances can be used
  algotrading.aws.ec2_instance_health:
    instance_ids: "{{ instances.instance_ids }}"

- name: Start instances, and move those to other hardware that do not come up well
  algotrading.aws.ec2_instance_health:
    instance_ids: [i-0123456789abcdef0, i-0fedcba9876543210]
    start: true
    repair_attempts: 2
    timeout: 1800

- name: Look at the health of instances, whatever it is
  algotrading.aws.ec2_instance_health:
    instance_ids: [i-0123456789abcdef0, i-0fedcba9876543210]
  check_mode: true
  register: health
"""

RETURN = r"""
instances:
  description: The health of each instance, in the order of O(instance_ids).
  returned: always
  type: list
  elements: dict
  contains:
    instance_id:
      description: The instance.
      type: str
      sample: i-0123456789abcdef0
    healthy:
      description: Whether it is all that was asked.
      type: bool
      sample: true
    state:
      description: Its state as EC2 names it, or V(missing).
      type: str
      sample: running
    instance_status:
      description: Its instance status check as EC2 names it, such as V(ok), V(impaired) or V(initializing).
      type: str
      sample: ok
    system_status:
      description: Its system status check as EC2 names it.
      type: str
      sample: ok
    agent:
      description:
        - The state of its SSM agent as SSM names it, V(Online), V(ConnectionLost) or V(Inactive).
        - V(NotRegistered) if SSM does not know it, and none if it was not asked.
      type: str
      sample: Online
    started:
      description: Whether it was started, or in check mode would be.
      type: bool
      sample: false
    repairs:
      description: How often it was repaired, or in check mode would be at once.
      type: int
      sample: 0
    reason:
      description: Why it is not healthy, in a few words. Empty if it is.
      type: str
      sample: its system status check is impaired after 2 of 2 repairs
"""

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._instance_health import (
    MISSING,
    Health,
    Policy,
    describe_failures,
    next_step,
)
from ansible_collections.algotrading.aws.plugins.module_utils._ssm_agent import read_agents
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import (
    describe_instance_status,
    describe_instances,
    start_instances,
    stop_instances,
)
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError, is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list

POLL_SECONDS = 5
# What DescribeInstanceStatus takes as InstanceIds.
IDS_PER_REQUEST = 100
# Seconds after which an instance that was just launched is visible at the latest.
VISIBLE_AFTER = (1, 2, 4, 8, 0)
# What is wrong with one instance, and lets a request for several fail for all.
OF_ONE_INSTANCE = (
    "IncorrectInstanceState",
    "IncorrectState",
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "UnsupportedOperation",
    "OperationNotPermitted",
)


def chunks_of(instance_ids: list[str]) -> list[list[str]]:
    return [instance_ids[start : start + IDS_PER_REQUEST] for start in range(0, len(instance_ids), IDS_PER_REQUEST)]


class Watch:
    """Instances that are looked at until they are healthy."""

    def __init__(self, ec2: Any, ssm: Any, instance_ids: list[str], policy: Policy) -> None:
        self.ec2 = ec2
        self.ssm = ssm
        self.policy = policy
        self.instances = {instance_id: Health(instance_id) for instance_id in instance_ids}
        self.visible: list[str] = []

    def find(self, pauses: tuple[int, ...]) -> None:
        """Find out which instances exist. A status is only told of those, and an unknown id is an error."""
        for pause in pauses:
            self.visible = [each for chunk in chunks_of(list(self.instances)) for each in self.existing(chunk)]
            if len(self.visible) == len(self.instances):
                break
            time.sleep(pause)

    def existing(self, instance_ids: list[str]) -> list[str]:
        # By filter, as an id that does not exist is an error where it is asked for as such.
        filters = ansible_dict_to_boto3_filter_list({"instance-id": instance_ids})
        reservations = describe_instances(self.ec2, Filters=filters)
        found = {each["InstanceId"] for reservation in reservations for each in reservation["Instances"]}
        return [instance_id for instance_id in instance_ids if instance_id in found]

    def look(self) -> None:
        """See how all instances are now."""
        statuses: dict[str, dict[str, Any]] = {}
        for chunk in chunks_of(self.visible):
            for status in describe_instance_status(self.ec2, InstanceIds=chunk, IncludeAllInstances=True):
                statuses[status["InstanceId"]] = status
        running = [each for each, status in statuses.items() if status["InstanceState"]["Name"] == "running"]
        agents = read_agents(self.ssm, running) if self.policy.agent else {}
        for instance_id, instance in self.instances.items():
            status = statuses.get(instance_id, {})
            instance.see(
                status.get("InstanceState", {}).get("Name", "pending" if instance_id in self.visible else MISSING),
                status.get("InstanceStatus", {}).get("Status"),
                status.get("SystemStatus", {}).get("Status"),
                agents.get(instance_id),
            )

    def act(self, *, check_mode: bool = False, repair: bool = True) -> bool:
        """Do what is to be done now, and say whether that leaves something to wait for."""
        steps = {instance.instance_id: next_step(instance, self.policy) for instance in self.instances.values()}
        to_start = [instance_id for instance_id, step in steps.items() if step == "start"]
        to_stop = [instance_id for instance_id, step in steps.items() if step == "stop" and repair]
        for instance_id in to_start if check_mode else self.try_each(start_instances, to_start):
            instance = self.instances[instance_id]
            # The start that ends a repair is part of it.
            instance.started = instance.started or not instance.phase
            instance.phase = "starting"
        for instance_id in to_stop if check_mode else self.try_each(stop_instances, to_stop):
            instance = self.instances[instance_id]
            instance.repairs += 1
            instance.phase = "stopping"
        return any(step not in ("none", "give up") for step in steps.values())

    def try_each(self, call: Callable[[Any, list[str]], Any], instance_ids: list[str]) -> list[str]:
        """Make a call for many instances, and return those for which it worked. For the others it is made again."""
        return [each for chunk in chunks_of(instance_ids) for each in self.try_chunk(call, chunk)]

    def try_chunk(self, call: Callable[[Any, list[str]], Any], instance_ids: list[str]) -> list[str]:
        try:
            call(self.ec2, instance_ids)
        except is_ansible_aws_error_code(OF_ONE_INSTANCE) as error:
            if len(instance_ids) > 1:
                return [each for instance_id in instance_ids for each in self.try_chunk(call, [instance_id])]
            self.instances[instance_ids[0]].error = str(error)
            return []
        for instance_id in instance_ids:
            self.instances[instance_id].error = ""
        return instance_ids

    def wait(self, seconds: int) -> None:
        """Look and act until all instances are healthy, or nothing helps, or time is up."""
        deadline = time.monotonic() + seconds
        while self.act(repair=time.monotonic() < deadline) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            self.look()

    def touched(self) -> list[Health]:
        return [instance for instance in self.instances.values() if instance.started or instance.repairs]

    def outcome(self) -> dict[str, Any]:
        return {
            "changed": bool(self.touched()),
            "instances": [instance.as_dict(self.policy) for instance in self.instances.values()],
            "diff": {
                "before": {instance.instance_id: instance.first for instance in self.touched()},
                "after": {instance.instance_id: self.vitals_after(instance) for instance in self.touched()},
            },
        }

    def vitals_after(self, instance: Health) -> dict[str, Any]:
        """How an instance is, or is to become after what was done to it."""
        if not instance.phase:
            return instance.vitals()
        agent = "Online" if self.policy.agent else None
        return {"state": "running", "instance_status": "ok", "system_status": "ok", "agent": agent}


def main() -> None:
    argument_spec = {
        "instance_ids": {"type": "list", "elements": "str", "required": True},
        "agent": {"type": "bool", "default": True},
        "start": {"type": "bool", "default": False},
        "repair_attempts": {"type": "int", "default": 0},
        "timeout": {"type": "int", "default": 600},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    params = module.params
    instance_ids = list(dict.fromkeys(params["instance_ids"]))
    if not instance_ids and not module.check_mode:
        module.fail_json(msg="No instance is named: instance_ids is empty")
    policy = Policy(agent=params["agent"], start=params["start"], repair_attempts=params["repair_attempts"])
    begun = time.monotonic()
    watch = Watch(module.client("ec2"), module.client("ssm"), instance_ids, policy)
    try:
        watch.find((0,) if module.check_mode else VISIBLE_AFTER)
        watch.look()
        if module.check_mode:
            watch.act(check_mode=True)
        else:
            watch.wait(params["timeout"])
    except AnsibleAWSError as error:
        module.fail_json_aws(error.exception, msg=error.message, changed=bool(watch.touched()))
    instances = list(watch.instances.values())
    if not module.check_mode and not all(instance.healthy(policy) for instance in instances):
        module.fail_json(msg=describe_failures(instances, policy, round(time.monotonic() - begun)), **watch.outcome())
    module.exit_json(**watch.outcome())


if __name__ == "__main__":
    main()
