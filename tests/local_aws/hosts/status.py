# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""DescribeInstanceStatus: both status checks, by pages."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

from tests.local_aws.errors import AwsError
from tests.local_aws.hosts.answers import page
from tests.local_aws.hosts.faults import Faults
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import Host
from tests.local_aws.hosts.settings import Settings
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.render import render

_REACHABILITY = {"ok": "passed", "impaired": "failed", "initializing": "initializing"}
_FILTERS = {
    "availability-zone": ("AvailabilityZone",),
    "instance-state-code": ("InstanceState", "Code"),
    "instance-state-name": ("InstanceState", "Name"),
    "instance-status.status": ("InstanceStatus", "Status"),
    "system-status.status": ("SystemStatus", "Status"),
}


class StatusChecks:
    """What EC2 thinks of the health of the hosts."""

    def __init__(self, fleet: Fleet, faults: Faults, settings: Settings) -> None:
        self._fleet = fleet
        self._faults = faults
        self._settings = settings

    def describe(self, request: AwsRequest) -> AwsResponse:
        """DescribeInstanceStatus."""
        params = request.params
        shown = [self._describe(host) for host in self._wanted(request)]
        if not params.get("IncludeAllInstances"):
            shown = [status for status in shown if status["InstanceState"]["Name"] == "running"]
        for each in params.get("Filters", []):
            shown = [status for status in shown if _passes(status, each)]
        # The strict rules know the sizes of EC2's pages.
        part, token = page(shown, params, 1, 1000, 1000)
        return render(request, {"InstanceStatuses": part, "NextToken": token or None})

    def _wanted(self, request: AwsRequest) -> list[Host]:
        hosts = [host for host in self._fleet if host.region == request.region]
        ids = request.params.get("InstanceIds")
        if not ids:
            return hosts
        known = {host.id for host in hosts}
        missing = [instance_id for instance_id in ids if instance_id not in known]
        if missing:
            some = f"ID '{missing[0]}' does" if len(missing) == 1 else f"IDs '{', '.join(missing)}' do"
            raise AwsError("InvalidInstanceID.NotFound", f"The instance {some} not exist")
        return [host for host in hosts if host.id in ids]

    def _describe(self, host: Host) -> dict[str, Any]:
        return {
            "AvailabilityZone": host.instance.availability_zone,
            "InstanceId": host.id,
            "InstanceState": {"Code": host.instance.state_code, "Name": host.instance.state},
            "InstanceStatus": self._check(host, "instance"),
            "SystemStatus": self._check(host, "system"),
            "Events": [],
        }

    def _check(self, host: Host, kind: str) -> dict[str, Any]:
        if host.instance.state != "running":
            return {"Status": "not-applicable"}
        if not self._settings.instant and host.up_for() < self._settings.initializing:
            status = "initializing"
        else:
            status = "impaired" if kind in self._faults.failing.get(host.id, ()) else "ok"
        return {"Status": status, "Details": [{"Name": "reachability", "Status": _REACHABILITY[status]}]}


def _passes(status: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    path = _FILTERS.get(given["Name"])
    if path is None:
        message = f"The local AWS does not filter instance statuses by {given['Name']}."
        raise AwsError("NotImplementedByLocalAws", message, 501)
    value: Any = status
    for name in path:
        value = value[name]
    return any(fnmatch.fnmatchcase(str(value), pattern) for pattern in given["Values"])
