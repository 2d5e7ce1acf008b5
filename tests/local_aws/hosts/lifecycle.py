# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What launches, starts, stops, reboots and terminations do to hosts; moto has answered before."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.front import AskNext
from tests.local_aws.hosts.agents import Agents
from tests.local_aws.hosts.faults import Faults
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import Host
from tests.local_aws.hosts.power import Power
from tests.local_aws.hosts.profiles import role_of
from tests.local_aws.messages import AwsRequest, AwsResponse

_INSTANCE = re.compile(rb"<instanceId>([^<]+)</instanceId>")


class Lifecycle:
    """Every method is around one operation, under the fleet's lock."""

    def __init__(self, fleet: Fleet, faults: Faults, agents: Agents, power: Power) -> None:
        self._fleet = fleet
        self._faults = faults
        self._agents = agents
        self._power = power

    def run(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Make hosts of new instances, and boot them."""
        response = ask_next(request)
        if response.status == 200:
            made = {each.decode() for each in _INSTANCE.findall(response.body)}
            for instance in Account(request.region).instances(made):
                self._power.switch_on(self._fleet.add(instance, request.region))
        return response

    def start(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Boot those that were stopped."""
        hosts = self._named(request)
        response = ask_next(request)
        for host in hosts:
            self._fleet.show(host)
            if response.status == 200 and host.state == "stopped":
                self._power.switch_on(host)
        return response

    def stop(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """End the processes of those that run; one host that refuses makes the whole call fail."""
        hosts = self._named(request)
        for host in hosts:
            if host.id in self._faults.refusing or host.instance.disable_api_stop:
                change = "Modify its 'disableApiStop' instance attribute and try again."
                raise AwsError("OperationNotPermitted", f"The instance '{host.id}' may not be stopped. {change}")
        response = ask_next(request)
        for host in hosts:
            self._fleet.show(host)
            if response.status == 200 and host.state == "running":
                self._leave(host)
                self._power.switch_off(host, "stopping", "stopped")
        return response

    def terminate(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """End the processes of all, and then their disks."""
        hosts = self._named(request)
        for host in hosts:
            self._leave(host)
        response = ask_next(request)
        for host in hosts:
            self._fleet.show(host)
            if response.status == 200 and host.state not in ("shutting-down", "terminated"):
                self._power.switch_off(host, "shutting-down", "terminated")
        return response

    def reboot(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """End the processes, and boot again."""
        hosts = self._named(request)
        response = ask_next(request)
        for host in hosts:
            self._fleet.show(host)
            if response.status == 200:
                self._power.reboot(host)
        return response

    def _named(self, request: AwsRequest) -> list[Host]:
        ids: Iterable[str] = request.params.get("InstanceIds", [])
        return self._fleet.of(ids)

    def _leave(self, host: Host) -> None:
        """Systems Manager remembers an agent that it has heard of, and a dying host its role."""
        self._agents.is_online(host)
        role_of(host)
