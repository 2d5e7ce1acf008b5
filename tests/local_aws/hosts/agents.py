# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts' agents Systems Manager hears of: DescribeInstanceInformation."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.local_aws.errors import AwsError
from tests.local_aws.hosts.answers import json_answer, page
from tests.local_aws.hosts.faults import Faults
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import Host
from tests.local_aws.hosts.profiles import role_of
from tests.local_aws.hosts.settings import Settings
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.permissions import Access
from tests.local_aws.roles import role_may
from tests.local_aws.wanted_access import instance_arn

VERSION = "3.3.3050.0"
_INSTANCE_ID = re.compile(r"i-(\w{8}|\w{17})")
_GONE = ("shutting-down", "terminated")


class Agents:
    """An agent is online when its host is up, its role lets it report, and no test keeps it away."""

    def __init__(self, fleet: Fleet, faults: Faults, settings: Settings) -> None:
        self._fleet = fleet
        self._faults = faults
        self._settings = settings

    def is_online(self, host: Host) -> bool:
        """Say whether the agent of a host can be sent a command now."""
        delay = self._faults.late.get(host.id, 0.0)
        if host.state != "running" or not host.has_power or delay is None or host.up_for() < delay:
            return False
        if not host.first_seen and not self._may_report(host):
            return False
        host.last_seen = time.time()
        host.first_seen = host.first_seen or host.last_seen
        return True

    def is_registered(self, host: Host) -> bool:
        """Say whether Systems Manager has ever heard of a host that still exists."""
        return host.state not in _GONE and (self.is_online(host) or bool(host.first_seen))

    def _may_report(self, host: Host) -> bool:
        """A host that no test looks closely at needs no role."""
        if self._settings.instant:
            return True
        role = role_of(host)
        access = Access("ssm:UpdateInstanceInformation", instance_arn(host.region, host.id))
        return bool(role) and role_may(role, access)

    def describe(self, request: AwsRequest) -> AwsResponse:
        """DescribeInstanceInformation."""
        params = request.params
        tests = _tests(params)
        known = [host for host in self._fleet if host.region == request.region and self.is_registered(host)]
        shown = [self._describe(host) for host in known]
        tagged = [info | {"tags": self._fleet.tags(host)} for host, info in zip(known, shown, strict=True)]
        found = [info for info, full in zip(shown, tagged, strict=True) if all(test(full) for test in tests)]
        part, token = page(found, params, 5, 50, 50)
        return json_answer({"InstanceInformationList": part} | ({"NextToken": token} if token else {}))

    def _describe(self, host: Host) -> dict[str, Any]:
        return {
            "InstanceId": host.id,
            "PingStatus": "Online" if self.is_online(host) else "ConnectionLost",
            "LastPingDateTime": host.last_seen,
            "AgentVersion": VERSION,
            "IsLatestVersion": True,
            "PlatformType": "Linux",
            "PlatformName": "Amazon Linux",
            "PlatformVersion": "2023",
            "ResourceType": "EC2Instance",
            "IPAddress": host.instance.private_ip,
            "ComputerName": host.instance.private_dns_name,
            "SourceId": host.id,
            "SourceType": "AWS::EC2::Instance",
        }


_KEYS = {
    "InstanceIds": "InstanceId",
    "PingStatus": "PingStatus",
    "PlatformTypes": "PlatformType",
    "AgentVersion": "AgentVersion",
    "ResourceType": "ResourceType",
}


def _tests(params: Mapping[str, Any]) -> list[Callable[[Mapping[str, Any]], bool]]:
    filters = [(each["Key"], each["Values"]) for each in params.get("Filters", [])]
    filters += [(each["key"], each["valueSet"]) for each in params.get("InstanceInformationFilterList", [])]
    return [_test(key, values) for key, values in filters]


def _test(key: str, values: list[str]) -> Callable[[Mapping[str, Any]], bool]:
    if key.startswith("tag:"):
        name = key.removeprefix("tag:")
        return lambda info: info["tags"].get(name) in values
    if key == "tag-key":
        return lambda info: not set(values).isdisjoint(info["tags"])
    if key not in _KEYS:
        raise AwsError("InvalidFilterKey", f"Invalid filter key: {key}")
    wrong = [value for value in values if key == "InstanceIds" and not _INSTANCE_ID.fullmatch(value)]
    if wrong:
        raise AwsError("InvalidInstanceId", f"Instance Id must be in the form i-xxxxxxxx: {', '.join(wrong)}")
    return lambda info: info[_KEYS[key]] in values
