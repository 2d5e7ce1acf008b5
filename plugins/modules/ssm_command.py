#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssm_command
version_added: 0.1.0
short_description: Run a shell script on EC2 instances by SSM Run Command
description:
  - Sends a shell script to any number of instances by AWS Systems Manager (SSM) Run Command, waits until it has ended
    on all of them, and returns its exit status and output on each.
  - It fails if the script failed on one of them, or could not be run there.
  - Neither SSH, nor a bucket, nor Python on the instances is needed.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  instance_ids:
    description:
      - The instances. SSM takes 50 of them at a time, and the module as many as there are.
      - It may be empty in check mode, as the instances may not exist yet.
    type: list
    elements: str
    required: true
  script:
    description:
      - The script, at most 64 KB. It is run as root by C(sh), or by what its first line names as in C(#!/bin/bash).
      - SSM keeps it, and what it prints, in its history of commands. So it must not hold a secret.
      - SSM itself replaces what looks like C({{ ssm:NAME }}) by a parameter of its Parameter Store.
    type: str
    required: true
  working_directory:
    description: The folder on the instances in which the script runs.
    type: str
  execution_timeout:
    description: How many seconds the script may run on an instance, V(1) to V(172800).
    type: int
    default: 3600
  timeout_seconds:
    description: How many seconds the script may take to begin on an instance, V(30) to V(2592000).
    type: int
    default: 600
  max_concurrency:
    description: How many instances run the script at the same time, as a number or a percentage of all.
    type: str
    default: 100%
  max_errors:
    description:
      - After how many failures the script is not sent to further instances, as a number or a percentage of all.
      - With V(0), the first failure ends it. By default, all instances are tried.
      - Instances that run it already are not stopped.
    type: str
    default: 100%
  wait_for_agent:
    description:
      - How many seconds to wait until the SSM agents of all instances are online.
      - If one is not online then, nothing is sent to any of them.
    type: int
    default: 0
  comment:
    description: A remark for SSM's history of commands, at most 100 characters.
    type: str
extends_documentation_fragment:
  - algotrading.aws.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: partial
    details:
      - It checks that the agents are online, reports a change and sends nothing. What the script would do is not known.
      - It does not wait. With O(wait_for_agent), agents that are not online are a warning.
  diff_mode:
    support: none
    details:
      - What the script changes is not known.
  idempotent:
    support: none
    details:
      - The script is run each time. Whether that changes something again is up to the script.
notes:
  - A script that was sent is never sent again by itself, also not when AWS's answer is lost. It may then run although
    the module fails, so that it should do no harm when it is run twice.
  - SSM cuts off the standard output after 24,000 characters, and the standard error after 8,000.
  - The caller needs C(ssm:DescribeInstanceInformation), C(ssm:SendCommand) on the instances and on the document
    C(AWS-RunShellScript), C(ssm:ListCommandInvocations) and C(ssm:GetCommandInvocation).
  - The instances need the SSM agent and a role with the policy C(AmazonSSMManagedInstanceCore).
seealso:
  - module: algotrading.aws.ec2_instance_health
  - plugin: amazon.aws.aws_ssm
    plugin_type: connection
"""

EXAMPLES = r"""
- name: Ask instances for their load
  algotrading.aws.ssm_command:
    instance_ids: [i-0123456789abcdef0, i-0fedcba9876543210]
    script: cat /proc/loadavg
  register: load
  changed_when: false

- name: Run a script on a tenth of the instances at a time, and stop at the first failure
  algotrading.aws.ssm_command:
    instance_ids: "{{ instances.instance_ids }}"
    script: "{{ lookup('ansible.builtin.file', 'update.sh') }}"
    max_concurrency: 10%
    max_errors: "0"
    wait_for_agent: 300
    comment: Update of the web servers
"""

RETURN = r"""
instances:
  description: What became of the script on each instance, in the order of O(instance_ids). Empty in check mode.
  returned: when the script was sent, and in check mode
  type: list
  elements: dict
  contains:
    instance_id:
      description: The instance.
      type: str
      sample: i-0123456789abcdef0
    status:
      description:
        - The status in detail as SSM names it, such as V(Success), V(Failed), V(ExecutionTimedOut),
          V(DeliveryTimedOut), V(Undeliverable) or V(Terminated).
        - V(NotSent) if SSM refused the script or its answer was lost.
      type: str
      sample: Success
    rc:
      description: The script's exit status, or none if it did not end by itself.
      type: int
      sample: 0
    stdout:
      description: The script's standard output.
      type: str
      sample: 0.00 0.01 0.05 1/123 4567
    stderr:
      description: The script's standard error.
      type: str
    reason:
      description: Why it failed, in a few words. Empty if it did not.
      type: str
      sample: "exit status 2: cat: /etc/shadow: Permission denied"
command_ids:
  description: The ids of the commands in SSM's history.
  returned: when the script was sent, and in check mode
  type: list
  elements: str
  sample: [0831e1a8-a1ac-4257-a1fd-c831bEXAMPLE]
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._just_made import retry_while
from ansible_collections.algotrading.aws.plugins.module_utils._ssm_agent import ONLINE, THROTTLED, read_agents
from ansible_collections.algotrading.aws.plugins.module_utils._ssm_command import (
    ENDED,
    Command,
    CommandError,
    Result,
    check_options,
    describe_failures,
    describe_offline,
    plan_waves,
    resolve,
    result_of,
)
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

POLL_SECONDS = 2
WORKERS = 10
# A command whose answer is lost must not be sent again: the scripts of two would run.
SEND_ONCE = {"retries": {"total_max_attempts": 1, "mode": "standard"}}


@AWSErrorHandler.common_error_handler("send the command")
def send_command(client: Any, instance_ids: list[str], **parameters: Any) -> str:
    sent = retry_while(tuple(THROTTLED), lambda: client.send_command(InstanceIds=instance_ids, **parameters))
    return sent["Command"]["CommandId"]


@AWSErrorHandler.common_error_handler("list the invocations of the command")
@AWSRetry.jittered_backoff(catch_extra_error_codes=THROTTLED)
def list_invocations(client: Any, command_id: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_command_invocations").paginate(CommandId=command_id)
    return pages.build_full_result()["CommandInvocations"]


# SSM may not know an invocation yet that it has listed already.
@AWSErrorHandler.common_error_handler("get the invocation of the command")
@AWSRetry.jittered_backoff(catch_extra_error_codes=[*THROTTLED, "InvocationDoesNotExist"])
def get_invocation(client: Any, command_id: str, instance_id: str) -> dict[str, Any]:
    return client.get_command_invocation(CommandId=command_id, InstanceId=instance_id)


class Sending:
    """A script on its way to instances."""

    def __init__(self, client: Any, sender: Any, command: Command, *, concurrency: int, max_errors: int) -> None:
        self.client = client
        self.sender = sender
        self.command = command
        self.concurrency = concurrency
        self.max_errors = max_errors
        self.command_ids: list[str] = []
        self.results: dict[str, Result] = {}

    def run(self, instance_ids: list[str]) -> list[Result]:
        """Send the script wave by wave, and return what became of it everywhere."""
        for wave in plan_waves(instance_ids, self.concurrency):
            errors = self.errors_left()
            if errors < 0:
                self.note([each for chunk in wave for each in chunk], "Terminated", "not sent after too many failures")
                continue
            sent = {command_id: chunk for chunk in wave if (command_id := self.send(chunk, errors))}
            self.wait(sent, errors)
        return [self.results[instance_id] for instance_id in instance_ids]

    def errors_left(self) -> int:
        """How many more instances may fail before no other gets the script."""
        return self.max_errors - sum(result.failed for result in self.results.values())

    def note(self, instance_ids: list[str], status: str, reason: str) -> None:
        for instance_id in instance_ids:
            self.results[instance_id] = Result(instance_id, status, reason=reason)

    def send(self, chunk: list[str], errors: int) -> str | None:
        """Send the script once. What fails is noted, for other instances may have got it already."""
        parameters = {
            **self.command.parameters(),
            "MaxConcurrency": str(min(self.concurrency, len(chunk))),
            "MaxErrors": str(errors),
        }
        try:
            command_id: str = send_command(self.sender, chunk, **parameters)
        except AnsibleAWSError as error:
            self.note(chunk, "NotSent", str(error))
            return None
        self.command_ids.append(command_id)
        return command_id

    def wait(self, sent: dict[str, list[str]], errors: int) -> None:
        """Wait until some commands have ended everywhere, and read their output."""
        largest = max(map(len, sent.values()), default=0)
        deadline = time.monotonic() + self.command.longest(largest, min(self.concurrency, largest or 1))
        while sent:
            late = time.monotonic() > deadline
            for command_id, chunk in list(sent.items()):
                statuses = {each["InstanceId"]: each["Status"] for each in list_invocations(self.client, command_id)}
                if late or has_ended(chunk, statuses, errors):
                    self.read(command_id, sent.pop(command_id), statuses)
            if sent:
                time.sleep(POLL_SECONDS)

    def read(self, command_id: str, chunk: list[str], statuses: dict[str, str]) -> None:
        for instance_id in chunk:
            if instance_id not in statuses:
                self.note([instance_id], "Terminated", "not run there")
        known = [instance_id for instance_id in chunk if instance_id in statuses]
        with ThreadPoolExecutor(WORKERS) as pool:
            for result in pool.map(lambda instance_id: self.read_one(command_id, instance_id), known):
                self.results[result.instance_id] = result

    def read_one(self, command_id: str, instance_id: str) -> Result:
        try:
            return result_of(instance_id, get_invocation(self.client, command_id, instance_id))
        except AnsibleAWSError as error:
            return Result(instance_id, "Unknown", reason=str(error))


def has_ended(chunk: list[str], statuses: dict[str, str], errors: int) -> bool:
    """Whether a command has ended on all its instances, or on some of them after too many failures."""
    if not all(status in ENDED for status in statuses.values()):
        return False
    failed = sum(status != "Success" for status in statuses.values())
    return statuses.keys() >= set(chunk) or failed > errors


def wait_for_agents(client: Any, instance_ids: list[str], seconds: int) -> dict[str, str]:
    """Wait until all agents are online, and return the state of those that are not."""
    deadline = time.monotonic() + seconds
    while True:
        agents = read_agents(client, instance_ids)
        offline = {instance_id: state for instance_id, state in agents.items() if state != ONLINE}
        if not offline or time.monotonic() >= deadline:
            return offline
        time.sleep(POLL_SECONDS)


def check_agents(module: AnsibleAWSModule, client: Any, instance_ids: list[str]) -> None:
    """Refuse instances whose agent is not online, or in check mode those that would be refused at once."""
    wait = module.params["wait_for_agent"]
    offline = wait_for_agents(client, instance_ids, 0 if module.check_mode else wait)
    if offline and module.check_mode and wait:
        module.warn(f"The module would wait for the SSM agents of {', '.join(offline)}, which are not online")
    elif offline:
        raise CommandError(describe_offline(offline, len(instance_ids), wait))


def make_sending(module: AnsibleAWSModule, client: Any, instances: int) -> Sending:
    params = module.params
    check_options(params)
    concurrency = max(1, resolve("max_concurrency", params["max_concurrency"], instances))
    names = ("script", "execution_timeout", "timeout_seconds", "working_directory", "comment")
    return Sending(
        client,
        module.client("ssm", config=SEND_ONCE),
        Command(**{name: params[name] for name in names}),
        concurrency=concurrency,
        max_errors=resolve("max_errors", params["max_errors"], instances),
    )


def main() -> None:
    argument_spec = {
        "instance_ids": {"type": "list", "elements": "str", "required": True},
        "script": {"type": "str", "required": True},
        "working_directory": {"type": "str"},
        "execution_timeout": {"type": "int", "default": 3600},
        "timeout_seconds": {"type": "int", "default": 600},
        "max_concurrency": {"type": "str", "default": "100%"},
        "max_errors": {"type": "str", "default": "100%"},
        "wait_for_agent": {"type": "int", "default": 0},
        "comment": {"type": "str"},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    instance_ids = list(dict.fromkeys(module.params["instance_ids"]))
    if not instance_ids and not module.check_mode:
        module.fail_json(msg="No instance is named: instance_ids is empty")
    client = module.client("ssm")
    command_ids: list[str] = []
    try:
        sending = make_sending(module, client, len(instance_ids))
        command_ids = sending.command_ids
        check_agents(module, client, instance_ids)
        results = [] if module.check_mode else sending.run(instance_ids)
    except CommandError as error:
        module.fail_json(msg=str(error))
    except AnsibleAWSError as error:
        module.fail_json_aws(error.exception, msg=error.message, changed=bool(command_ids), command_ids=command_ids)
    outcome = {"instances": [result.as_dict() for result in results], "command_ids": command_ids}
    if any(result.failed for result in results):
        module.fail_json(msg=describe_failures(results), changed=bool(command_ids), **outcome)
    module.exit_json(changed=True, **outcome)


if __name__ == "__main__":
    main()
