# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part: which calls hosts and their agents answer, and when they end."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from tests.local_aws.front import AskNext, Front
from tests.local_aws.hosts.agents import Agents
from tests.local_aws.hosts.desk import Desk
from tests.local_aws.hosts.dispatch import Dispatch
from tests.local_aws.hosts.faults import Faults
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import METADATA
from tests.local_aws.hosts.lifecycle import Lifecycle
from tests.local_aws.hosts.metadata import Metadata
from tests.local_aws.hosts.power import Power
from tests.local_aws.hosts.processes import end_processes
from tests.local_aws.hosts.run_command import RunCommand
from tests.local_aws.hosts.settings import Settings
from tests.local_aws.hosts.status import StatusChecks
from tests.local_aws.messages import AwsRequest, AwsResponse


class Hosts:
    """Lets instances live: a folder, a boot, metadata, an agent, and an end of all their processes."""

    folder = METADATA

    def __init__(self) -> None:
        self.fleet = Fleet()
        self._settings = Settings()
        self._faults = Faults()
        self._power = Power(self.fleet, self._settings, lambda host: self._faults.begin_boot(host.id))
        self._metadata = Metadata(self.fleet)
        self.agents = Agents(self.fleet, self._faults, self._settings)
        self._dispatch = Dispatch(self.fleet, self.agents, self._faults, self._settings)
        self._commands = RunCommand(self.fleet, self.agents, self._dispatch, self._settings)
        self._desk = Desk(self.fleet, self._faults, self._settings)
        lifecycle = Lifecycle(self.fleet, self._faults, self.agents, self._power)
        self._around: dict[tuple[str, str], Callable[[AwsRequest, AskNext], AwsResponse]] = {
            ("ec2", "RunInstances"): lifecycle.run,
            ("ec2", "StartInstances"): lifecycle.start,
            ("ec2", "StopInstances"): lifecycle.stop,
            ("ec2", "TerminateInstances"): lifecycle.terminate,
            ("ec2", "RebootInstances"): lifecycle.reboot,
        }
        self._instead: dict[tuple[str, str], Callable[[AwsRequest], AwsResponse]] = {
            ("ec2", "DescribeInstanceStatus"): StatusChecks(self.fleet, self._faults, self._settings).describe,
            ("ssm", "DescribeInstanceInformation"): self.agents.describe,
            ("ssm", "SendCommand"): self._commands.send,
            ("ssm", "GetCommandInvocation"): self._commands.get_invocation,
            ("ssm", "ListCommands"): self._commands.list_commands,
            ("ssm", "ListCommandInvocations"): self._commands.list_invocations,
            ("ssm", "CancelCommand"): self._commands.cancel,
        }

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Answer for the agents; let moto do what it can for the hosts, and do the rest around it."""
        call = (request.service, request.operation)
        if call in self._instead:
            return self._instead[call](request)
        if call in self._around:
            return self._around[call](request, ask_next)
        return ask_next(request)

    def visit(self, request: AwsRequest, path: str) -> AwsResponse:
        """Answer a host's question about itself."""
        return self._metadata.answer(request, path)

    def start(self, front: Front) -> None:
        """Take the front's lock for ours: what we show is moto's."""
        self.fleet.lock = front.lock
        self.fleet.endpoint_url = front.endpoint_url
        self.fleet.folder = front.state / "hosts"

    def stop(self) -> None:
        """End every process of every host."""
        with self.fleet.lock:
            ids = self._switch_all_off()
        end_processes(ids, self._settings.last_grace)

    def reset(self) -> None:
        """Have no hosts, and no process of theirs."""
        end_processes(self._switch_all_off(), grace=0.0)
        shutil.rmtree(self.fleet.folder, ignore_errors=True)
        self.fleet.forget()
        self._metadata.forget()
        self._commands.forget()
        self._faults.forget()
        vars(self._settings).update(vars(Settings()))

    def controls(self) -> dict[tuple[str, str], Callable[..., object]]:
        """Return what tests may ask."""
        return self._desk.controls()

    def _switch_all_off(self) -> list[str]:
        self._power.ends.forget()
        self._dispatch.forget()
        hosts = list(self.fleet)
        for host in hosts:
            host.switch(on=False)
        # A host that was never up has no process to look for.
        return [host.id for host in hosts if host.folder.exists()]
