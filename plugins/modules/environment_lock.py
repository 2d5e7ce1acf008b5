#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: environment_lock
version_added: 0.1.0
short_description: Have a trading environment to one run at a time
description:
  - Takes the lock of an environment for this run of C(ansible-playbook), and fails when another run has it, so that no
    two runs change the environment at the same time, wherever they are.
  - The lock is a parameter of AWS Systems Manager, C(/algotrading/ENVIRONMENT/lock/NUMBER).
  - What a killed run left is taken over. On the same machine that is at once, as its process is looked for. On another
    one it is when O(lease_seconds) have passed.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  environment:
    description: The environment, one of V(dev), V(qa) and V(prod).
    type: str
    required: true
  state:
    description:
      - With V(present), this run has the lock. Where it has it already, it has it for another O(lease_seconds).
      - With V(released), this run does not have it. Another run's lock is left as it is. A parameter stays, which tells
        what was the last number.
      - With V(absent), there is no parameter of the lock. It fails when another run has the lock.
    type: str
    choices: [present, released, absent]
    default: present
  lease_seconds:
    description:
      - For how long runs on other machines leave the lock alone. It must be longer than the run, or than the time
        between two tasks of the run that take it.
    type: int
    default: 3600
  run:
    description: Which run this is. The action plugin of the same name tells it, and playbooks do not.
    type: dict
    suboptions:
      who:
        description: The user, in AWX the one who started the job.
        type: str
        required: true
      host:
        description: The name of the machine that C(ansible-playbook) runs on.
        type: str
        required: true
      machine:
        description: What tells this machine from others, and from itself after a restart.
        type: str
        required: true
      pid:
        description: The number of the process of C(ansible-playbook).
        type: int
        required: true
      started:
        description: When that process started, in the system's own words.
        type: str
        required: true
      job:
        description: The number of the job in AWX, empty elsewhere.
        type: str
        required: true
extends_documentation_fragment:
  - algotrading.aws.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    details: Where another run has the lock, check mode warns, and does not fail.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(state=present) it renews the lock each time.
notes:
  - Run it on the machine that C(ansible-playbook) runs on, which is C(localhost).
  - The lock is no part of an environment, so that playbooks set C(changed_when=false).
  - The caller needs C(ssm:GetParametersByPath), C(ssm:GetParameter), C(ssm:PutParameter) and C(ssm:DeleteParameters).
"""

EXAMPLES = r"""
- name: Have the environment to this run alone
  algotrading.aws.environment_lock:
    environment: qa
  changed_when: false

- name: Change it
  block:
    - name: Provide the fleet
      ansible.builtin.import_role:
        name: algotrading.aws.trading_fleet
  always:
    - name: Leave the environment to others
      algotrading.aws.environment_lock:
        environment: qa
        state: released
      changed_when: false
"""

RETURN = r"""
lock:
  description: The newest lock after the run, and none where there is none. In check mode it may be another run's.
  returned: success
  type: dict
  contains:
    name:
      description: The parameter's name.
      type: str
      sample: /algotrading/qa/lock/000042
    who:
      description: The user whose run took it.
      type: str
      sample: alice
    host:
      description: The machine on which that run is.
      type: str
      sample: build-1
    machine:
      description: What tells that machine from others.
      type: str
      sample: 6d7a5c39-3ffb-4c1b-a9a7-5b6f3a3d9b3e pid:[4026531836]
    pid:
      description: The number of its process.
      type: int
      sample: 4242
    started:
      description: When that process started, in the system's own words.
      type: str
      sample: "1048578"
    job:
      description: The number of the job in AWX, empty elsewhere.
      type: str
      sample: ""
    taken_at:
      description: When it was taken, or renewed.
      type: str
      sample: "2026-02-02T13:20:00+00:00"
    expires_at:
      description: Until when runs on other machines leave it alone.
      type: str
      sample: "2026-02-02T14:20:00+00:00"
    released:
      description: Whether that run has released it.
      type: bool
      sample: false
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._environment_lock import Lock, LockError, Run, why_free
from ansible_collections.algotrading.aws.plugins.module_utils._naming import environment_names
from ansible_collections.algotrading.aws.plugins.module_utils._process import has_ended
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

BUSY = ["ThrottlingException", "TooManyUpdates"]
NAMES_PER_CALL = 10


class ParameterErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls) -> type[Exception]:
        return is_boto3_error_code("ParameterNotFound")


class Parameters:
    """The parameters of one environment's lock, one for each generation.

    Every taking, a renewal too, creates the parameter of the next number, which SSM lets only one of several callers
    do: that, and no reading, decides who has the lock. So it does no harm that SSM may show a moment later what was
    written. The highest number counts. Numbers are not used twice: a parameter that was deleted may not be created
    again for 30 seconds, and who read the list, and then slept for an hour, could take a number that is over. So a
    release marks its own number, and deletes only those below it, which were over before that run began.
    """

    def __init__(self, client: Any, path: str, *, check_mode: bool) -> None:
        self._client, self._path, self._check_mode = client, path, check_mode

    def name(self, generation: int) -> str:
        return f"{self._path}/{generation:06}"

    @AWSErrorHandler.common_error_handler("look for the lock")
    @AWSRetry.jittered_backoff(catch_extra_error_codes=BUSY)
    def read(self) -> list[Lock]:
        """All generations that there are, the newest last."""
        pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=self._path)
        found = [(each["Name"], each["Value"]) for page in pages for each in page["Parameters"]]
        return sorted((_parse(name, value) for name, value in found), key=lambda lock: lock.generation)

    def create(self, lock: Lock) -> Lock:
        """Create a generation, and say what it is then: this one, or that of a run that was faster.

        After an answer that was lost, this run itself was faster.
        """
        if self._put(lock, overwrite=False):
            return lock
        found = self._read_one(self.name(lock.generation))
        if found is None:
            raise LockError("has a lock that comes and goes: try again")
        return found

    @ParameterErrorHandler.list_error_handler("read the lock", None)
    @AWSRetry.jittered_backoff(catch_extra_error_codes=[*BUSY, "ParameterNotFound"], retries=5)
    def _read_one(self, name: str) -> Lock | None:
        return _parse(name, self._client.get_parameter(Name=name)["Parameter"]["Value"])

    def mark(self, lock: Lock) -> None:
        """Write a generation anew."""
        self._put(lock, overwrite=True)

    @AWSErrorHandler.common_error_handler("write the lock")
    @AWSRetry.jittered_backoff(catch_extra_error_codes=BUSY)
    def _put(self, lock: Lock, *, overwrite: bool) -> bool:
        if self._check_mode:
            return True
        name, value = self.name(lock.generation), json.dumps(lock.described())
        try:
            self._client.put_parameter(Name=name, Value=value, Type="String", Overwrite=overwrite)
        except is_boto3_error_code("ParameterAlreadyExists"):
            return False
        return True

    @AWSErrorHandler.common_error_handler("delete the lock")
    @AWSRetry.jittered_backoff(catch_extra_error_codes=BUSY)
    def delete(self, locks: list[Lock]) -> None:
        """Delete generations in their order."""
        names = [] if self._check_mode else [self.name(lock.generation) for lock in locks]
        for start in range(0, len(names), NAMES_PER_CALL):
            self._client.delete_parameters(Names=names[start : start + NAMES_PER_CALL])


def _parse(name: str, value: str) -> Lock:
    try:
        return Lock.parse(int(name.rpartition("/")[2]), value)
    except ValueError as error:
        raise LockError(f"has a lock that says nothing ({error}): delete the parameter {name}") from error


class EnvironmentLock:
    """What a run does with its environment's lock. Each state returns the newest lock there is then."""

    def __init__(self, parameters: Parameters, module: AnsibleAWSModule) -> None:
        self._parameters, self._warn = parameters, module.warn
        self._me = Run(**module.params["run"])
        self._lease = timedelta(seconds=module.params["lease_seconds"])

    def _check(self, newest: Lock | None) -> None:
        """Raise where another run has the lock, and warn where one has left it behind."""
        try:
            reason = why_free(newest, self._me, datetime.now(UTC), has_ended)
        except LockError as error:
            name = self._parameters.name(newest.generation if newest else 0)
            raise LockError(f"{error}, or delete the parameter {name} if you know that it is gone") from None
        if reason:
            self._warn(f"This run takes the lock over, as {reason}")

    def present(self, locks: list[Lock]) -> Lock:
        newest = locks[-1] if locks else None
        while True:
            self._check(newest)
            now = datetime.now(UTC)
            mine = Lock(newest.generation + 1 if newest else 1, self._me, now, now + self._lease)
            found = self._parameters.create(mine)
            if not found.run.is_same(self._me):
                newest = found
                continue
            newest = (self._parameters.read() or [mine])[-1]
            if newest.generation <= mine.generation:
                return mine
            # This run read the list so long ago that others have come since, and its number was over.
            self._parameters.delete([mine])

    def released(self, locks: list[Lock]) -> Lock | None:
        mine = [lock for lock in locks if lock.run.is_same(self._me) and not lock.released]
        newest = locks[-1] if locks else None
        if not mine or newest is None:
            return newest
        if newest != mine[-1]:
            self._warn(f"The lock is that of {newest.run}, who took it over when this run's had expired")
            return newest
        released = replace(newest, released=True)
        self._parameters.mark(released)
        self._parameters.delete(locks[:-1])
        return released

    def absent(self, locks: list[Lock]) -> None:
        if locks:
            self._check(locks[-1])
        self._parameters.delete(locks)


def reconcile(module: AnsibleAWSModule, parameters: Parameters) -> dict[str, Any]:
    """Read and act, and say what came of it."""
    locks = parameters.read()
    before: Lock | None = locks[-1] if locks else None
    try:
        after: Lock | None = getattr(EnvironmentLock(parameters, module), module.params["state"])(locks)
    except LockError as error:
        if not module.check_mode:
            raise
        module.warn(f"{module.params['environment']} {error}")
        after = before

    def told(lock: Lock | None) -> dict[str, Any]:
        return {"name": parameters.name(lock.generation), **lock.described()} if lock else {}

    diff = {"before": told(before), "after": told(after)}
    return {"changed": before != after, "lock": told(after) or None, "diff": diff}


def main() -> None:
    run = {name: {"type": "str", "required": True} for name in ("who", "host", "machine", "started", "job")}
    argument_spec = {
        "environment": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "released", "absent"], "default": "present"},
        "lease_seconds": {"type": "int", "default": 3600},
        "run": {"type": "dict", "options": {**run, "pid": {"type": "int", "required": True}}},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    environment = module.params["environment"]
    if module.params["run"] is None:
        module.fail_json(
            msg="The action plugin algotrading.aws.environment_lock is missing, which says whose run this is"
        )
    try:
        # A playbook asks for the lock first, so that this is where a wrong name is told.
        path = environment_names(environment)["lock_path"]
        result = reconcile(module, Parameters(module.client("ssm"), path, check_mode=module.check_mode))
    except ValueError as error:
        module.fail_json(msg=str(error))
    except LockError as error:
        module.fail_json(msg=f"{environment} {error}")
    except AnsibleAWSError as error:
        module.fail_json_aws_error(error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
