# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether hosts are fit to be used: EC2's two status checks, and the SSM agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .aws import Aws, at_once, code_of, in_chunks, in_chunks_and_halves

_MOST_STATUS_IDS = 100
_MOST_INFORMATION_IDS = 50


@dataclass(frozen=True)
class Health:
    """What a running host's checks say."""

    instance_check: str = "unknown"
    system_check: str = "unknown"
    agent: str = "not registered"

    @property
    def passes(self) -> bool:
        """Both status checks are passed. A check that is not done yet is neither passed nor failed."""
        return self.instance_check == self.system_check == "ok"

    @property
    def fails(self) -> bool:
        """A status check failed."""
        return "impaired" in (self.instance_check, self.system_check)

    @property
    def is_ready(self) -> bool:
        """The host can be given a command."""
        return self.passes and self.agent == "Online"

    def __str__(self) -> str:
        return f"instance check {self.instance_check}, system check {self.system_check}, agent {self.agent}"


def read_health(aws: Aws, instance_ids: list[str]) -> dict[str, Health]:
    """Return the health of each instance."""
    if not instance_ids:
        return {}
    checks = _read_checks(aws, instance_ids)
    agents = read_agents(aws, instance_ids)
    return {
        each: Health(*checks.get(each, ("unknown", "unknown")), agents.get(each, "not registered"))
        for each in instance_ids
    }


def read_agents(aws: Aws, instance_ids: list[str]) -> dict[str, str]:
    """Return the state of each agent that is registered."""

    def read(chunk: list[str]) -> dict[str, str]:
        pages = aws.ssm.get_paginator("describe_instance_information").paginate(
            Filters=[{"Key": "InstanceIds", "Values": chunk}], MaxResults=_MOST_INFORMATION_IDS
        )
        return {each["InstanceId"]: each["PingStatus"] for page in pages for each in page["InstanceInformationList"]}

    found: dict[str, str] = {}
    for part in at_once(read, in_chunks(instance_ids, _MOST_INFORMATION_IDS)):
        found |= part
    return found


def _read_checks(aws: Aws, instance_ids: list[str]) -> dict[str, tuple[str, str]]:
    statuses: list[dict[str, Any]] = []

    def read(chunk: list[str]) -> None:
        statuses.extend(aws.ec2.describe_instance_status(InstanceIds=chunk)["InstanceStatuses"])

    # One instance that EC2 no longer knows must not hide the checks of all others.
    errors = in_chunks_and_halves(instance_ids, _MOST_STATUS_IDS, read, lambda error: not _is_unknown(error))
    for error in errors.values():
        if not _is_unknown(error):
            raise error
    return {each["InstanceId"]: (each["InstanceStatus"]["Status"], each["SystemStatus"]["Status"]) for each in statuses}


def _is_unknown(error: Exception) -> bool:
    return code_of(error).startswith("InvalidInstanceID")
