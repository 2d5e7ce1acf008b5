# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The few calls of EC2 and SSM that the controllers make, answered out of memory, with AWS's limits and errors.

It stands in for botocore's transport, so that boto3's clients, paginators and parameters are the real ones.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.validate import ParamValidator

from tests.unit.files.fake_hosts import FakeHost
from tests.unit.files.fake_time import VirtualClock

# So long SSM does not know what it has just accepted.
UNKNOWN_FOR = 2.0
# So long it takes until a new command is listed: longer than the controllers wait between two looks.
UNLISTED_FOR = 8.0


@dataclass
class FakeCommand:
    command_id: str
    comment: str
    requested: float
    instance_ids: list[str]
    results: dict[str, dict[str, Any]]


@dataclass
class FakeAws:
    """An account's hosts and commands."""

    clock: VirtualClock
    hosts: dict[str, FakeHost] = field(default_factory=dict)
    commands: list[FakeCommand] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    # How many answers to SendCommand are still to be lost.
    lost_answers: int = 0
    # Asked before each call; it may raise.
    before: Callable[[str, dict[str, Any]], None] = lambda operation, parameters: None
    page: int = 1000
    _lock: Any = field(default_factory=threading.RLock)

    def add(self, host: FakeHost) -> FakeHost:
        self.hosts[host.instance_id] = host
        return host

    def call(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Stand in for botocore's BaseClient._make_api_call."""
        report = ParamValidator().validate(parameters, client.meta.service_model.operation_model(operation).input_shape)
        assert not report.has_errors(), f"{operation}: {report.generate_report()}"
        with self._lock:
            for host in self.hosts.values():
                host.live(self.clock.now())
            self.calls[operation] += 1
            self.before(operation, parameters)
            answer: dict[str, Any] = getattr(self, f"_{xform_name(operation)}")(parameters)
            return answer

    # EC2

    def _describe_instances(self, told: dict[str, Any]) -> dict[str, Any]:
        wanted = {each["Name"].removeprefix("tag:"): each["Values"] for each in told["Filters"]}
        shown = [
            each.describe()
            for each in self.hosts.values()
            if each.role in wanted["Role"] and "dev" in wanted["Environment"]
        ]
        first, size = int(told.get("NextToken", 0)), min(told["MaxResults"], self.page)
        more = {"NextToken": str(first + size)} if first + size < len(shown) else {}
        return {"Reservations": [{"Instances": shown[first : first + size]}]} | more

    def _describe_instance_status(self, told: dict[str, Any]) -> dict[str, Any]:
        _limit(told["InstanceIds"], 100)
        now = self.clock.now()
        return {
            "InstanceStatuses": [
                {
                    "InstanceId": each.instance_id,
                    "InstanceStatus": {"Status": each.check(now)},
                    "SystemStatus": {"Status": "initializing" if each.check(now) == "initializing" else "ok"},
                }
                for each in self._known(told["InstanceIds"])
                if each.state == "running"
            ]
        }

    def _start_instances(self, told: dict[str, Any]) -> dict[str, Any]:
        hosts = self._known(told["InstanceIds"])
        _refuse([each for each in hosts if each.state not in ("stopped", "running", "pending")])
        for host in hosts:
            if host.state == "stopped":
                host.start(self.clock.now())
        return {}

    def _stop_instances(self, told: dict[str, Any]) -> dict[str, Any]:
        hosts = self._known(told["InstanceIds"])
        _refuse([each for each in hosts if each.state not in ("running", "stopping", "stopped")])
        for host in hosts:
            if "Protected" in host.tags:
                message = f"The instance '{host.instance_id}' may not be stopped."
                raise error("OperationNotPermitted", message)
        for host in hosts:
            if host.state == "running":
                host.stop(self.clock.now())
        return {}

    def _create_tags(self, told: dict[str, Any]) -> dict[str, Any]:
        _limit(told["Resources"], 1000)
        for host in self._known(told["Resources"]):
            host.tags |= {each["Key"]: each["Value"] for each in told["Tags"]}
        return {}

    def _known(self, instance_ids: list[str]) -> list[FakeHost]:
        for each in instance_ids:
            if each not in self.hosts:
                raise error("InvalidInstanceID.NotFound", f"The instance ID '{each}' does not exist")
        return [self.hosts[each] for each in instance_ids]

    # SSM

    def _describe_instance_information(self, told: dict[str, Any]) -> dict[str, Any]:
        assert 5 <= told["MaxResults"] <= 50
        _limit(told["Filters"][0]["Values"], 50)
        hosts = [self.hosts[each] for each in told["Filters"][0]["Values"]]
        online = [each for each in hosts if each.is_online(self.clock.now())]
        return {"InstanceInformationList": [{"InstanceId": e.instance_id, "PingStatus": "Online"} for e in online]}

    def _send_command(self, told: dict[str, Any]) -> dict[str, Any]:
        _limit(told["InstanceIds"], 50)
        now = self.clock.now()
        if not all(self.hosts[each].is_online(now) for each in told["InstanceIds"]):
            raise error("InvalidInstanceId", "Instances not in a valid state for account")
        (script,) = told["Parameters"]["commands"]
        results: dict[str, dict[str, Any]] = {}
        for each in told["InstanceIds"]:
            results[each] = self.hosts[each].run(script, now)
            if results[each]["Status"] == "Failed" and told.get("MaxErrors") != "100%":
                # No other host begins; the controllers would have to name them all.
                never = {"Status": "Failed", "StatusDetails": "Terminated", "ResponseCode": -1, "over": now}
                results |= {other: never for other in told["InstanceIds"] if other not in results}
                break
        command = FakeCommand(
            f"{len(self.commands):08d}-0000-0000-0000-000000000000", told["Comment"], now, told["InstanceIds"], results
        )
        self.commands.append(command)
        if self.lost_answers:
            self.lost_answers -= 1
            raise ReadTimeoutError(endpoint_url="https://ssm")
        return {"Command": {"CommandId": command.command_id}}

    def _list_commands(self, told: dict[str, Any]) -> dict[str, Any]:
        assert 1 <= told["MaxResults"] <= 50
        assert [each["key"] for each in told["Filters"]] == ["InvokedAfter"]
        after = datetime.fromisoformat(told["Filters"][0]["value"]).timestamp()
        shown = [
            {
                "CommandId": each.command_id,
                "Comment": each.comment,
                "RequestedDateTime": datetime.fromtimestamp(each.requested, UTC),
                "InstanceIds": each.instance_ids,
            }
            for each in reversed(self.commands)
            if after <= each.requested <= self.clock.now() - UNLISTED_FOR
            and told.get("InstanceId", each.instance_ids[0]) in each.instance_ids
        ]
        first = int(told.get("NextToken", 0))
        more = {"NextToken": str(first + told["MaxResults"])} if first + told["MaxResults"] < len(shown) else {}
        return {"Commands": shown[first : first + told["MaxResults"]]} | more

    def _list_command_invocations(self, told: dict[str, Any]) -> dict[str, Any]:
        assert 1 <= told["MaxResults"] <= 50
        command = self._command(told["CommandId"])
        if self.clock.now() < command.requested + UNKNOWN_FOR:
            return {"CommandInvocations": []}
        return {
            "CommandInvocations": [
                {"CommandId": told["CommandId"], "InstanceId": each, "Status": self._result(command, each)["Status"]}
                for each in command.instance_ids
            ]
        }

    def _get_command_invocation(self, told: dict[str, Any]) -> dict[str, Any]:
        command = self._command(told["CommandId"])
        if self.clock.now() < command.requested + UNKNOWN_FOR:
            raise error("InvocationDoesNotExist", "")
        return self._result(command, told["InstanceId"])

    def _command(self, command_id: str) -> FakeCommand:
        return next(each for each in self.commands if each.command_id == command_id)

    def _result(self, command: FakeCommand, instance_id: str) -> dict[str, Any]:
        result = command.results[instance_id]
        return result if self.clock.now() >= result["over"] else {"Status": "InProgress"}


def error(code: str, message: str, status: int = 400) -> ClientError:
    """Return an error as botocore raises it."""
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, ""
    )


def _limit(ids: list[str], most: int) -> None:
    if not 1 <= len(ids) <= most:
        raise error("ValidationException", f"{len(ids)} ids are not between 1 and {most}")


def _refuse(hosts: list[FakeHost]) -> None:
    if hosts:
        message = f"The instance '{hosts[0].instance_id}' is not in a state from which it can be started or stopped."
        raise error("IncorrectInstanceState", message)
