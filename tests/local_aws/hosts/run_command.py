# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run Command: SendCommand and what is asked about commands afterwards."""

from __future__ import annotations

import json
import math
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from tests.local_aws.errors import AwsError
from tests.local_aws.hosts.agents import Agents
from tests.local_aws.hosts.answers import invalid, json_answer, page
from tests.local_aws.hosts.command_filters import command_tests
from tests.local_aws.hosts.commands import Command, Invocation
from tests.local_aws.hosts.dispatch import Dispatch
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import Host
from tests.local_aws.hosts.settings import Settings
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.targets import matches_targets

_DOCUMENT = "AWS-RunShellScript"
_DOCUMENT_BYTES = 64 * 1024
_HOUR = 3600
_NUMBER = re.compile(r"[1-9]\d*|0")
_PERCENT = re.compile(r"([1-9]\d?|100|0)%")
_PARAMETERS = {"commands", "workingDirectory", "executionTimeout"}
_NOT_MODELLED = (
    "OutputS3BucketName",
    "NotificationConfig",
    "CloudWatchOutputConfig",
    "AlarmConfiguration",
    "DocumentHash",
)


class RunCommand:
    """Every method answers one operation, under the fleet's lock."""

    def __init__(self, fleet: Fleet, agents: Agents, dispatch: Dispatch, settings: Settings) -> None:
        self._fleet = fleet
        self._agents = agents
        self._dispatch = dispatch
        self._settings = settings
        self._commands: dict[str, Command] = {}

    def forget(self) -> None:
        """Have an empty history."""
        self._commands.clear()

    def send(self, request: AwsRequest) -> AwsResponse:
        """SendCommand."""
        params = request.params
        execution = _check_document(params)
        delivery = _check_numbers(params)
        hosts = self._named(request) if params.get("InstanceIds") else self._targeted(request)
        command = Command(
            id=str(uuid.uuid4()),
            region=request.region,
            params=params,
            delivery=delivery if self._settings.delivery is None else self._settings.delivery,
            execution=execution,
            concurrency=max(1, _share(params.get("MaxConcurrency", "50"), len(hosts))),
            max_errors=_share(params.get("MaxErrors", "0"), len(hosts)),
            invocations={host.id: Invocation(host.id) for host in hosts},
        )
        answer = json_answer({"Command": command.describe()})
        self._commands[command.id] = command
        self._dispatch.advance(command)
        return answer

    def _named(self, request: AwsRequest) -> list[Host]:
        ids: list[str] = request.params["InstanceIds"]
        if len(set(ids)) != len(ids):
            raise AwsError("DuplicateInstanceId", "Instance ids must be unique.")
        hosts = self._fleet.of(ids)
        ready = {host.id for host in hosts if host.region == request.region and self._agents.is_online(host)}
        missing = [instance_id for instance_id in ids if instance_id not in ready]
        if missing:
            raise AwsError("InvalidInstanceId", f"Instances [[{', '.join(missing)}]] not in a valid state for account")
        return hosts

    def _targeted(self, request: AwsRequest) -> list[Host]:
        targets = request.params.get("Targets", [])
        if not targets:
            raise AwsError("InvalidParameters", "Either InstanceIds or Targets must be given.")
        known = [host for host in self._fleet if host.region == request.region and self._agents.is_registered(host)]
        return [host for host in known if matches_targets(targets, host.id, self._fleet.tags(host))]

    def get_invocation(self, request: AwsRequest) -> AwsResponse:
        """GetCommandInvocation."""
        command = self._commands.get(request.params["CommandId"])
        invocation = command.invocations.get(request.params["InstanceId"]) if command else None
        if command is None or invocation is None or time.time() < command.sent + self._settings.invocation_delay:
            raise AwsError("InvocationDoesNotExist", "")
        return json_answer(command.describe_result(invocation))

    def list_commands(self, request: AwsRequest) -> AwsResponse:
        """ListCommands, the newest first."""
        wanted = request.params.get("InstanceId")
        tests = command_tests(request.params)
        commands = [
            command
            for command in self._found(request)
            if wanted in (None, *command.invocations) and all(test(command) for test in tests)
        ]
        part, token = page([command.describe() for command in commands], request.params, 1, 50, 50)
        return json_answer({"Commands": part} | ({"NextToken": token} if token else {}))

    def list_invocations(self, request: AwsRequest) -> AwsResponse:
        """ListCommandInvocations; a new command is unknown here as long as in GetCommandInvocation."""
        params = request.params
        if params.get("Filters"):
            raise AwsError("NotImplementedByLocalAws", "The local AWS does not filter invocations.", 501)
        now = time.time() - self._settings.invocation_delay
        found = [
            (command, invocation)
            for command in self._found(request)
            for invocation in command.invocations.values()
            if command.sent <= now and params.get("InstanceId") in (None, invocation.instance_id)
        ]
        part, token = page(found, params, 1, 50, 50)
        shown = [self._show(command, invocation, bool(params.get("Details"))) for command, invocation in part]
        return json_answer({"CommandInvocations": shown} | ({"NextToken": token} if token else {}))

    def cancel(self, request: AwsRequest) -> AwsResponse:
        """CancelCommand."""
        command = self._commands.get(request.params["CommandId"])
        if command is None:
            raise AwsError("InvalidCommandId", "The specified command ID isn't valid.")
        ids = request.params.get("InstanceIds", [])
        if any(instance_id not in command.invocations for instance_id in ids):
            raise AwsError("InvalidInstanceId", "The command was not sent to all of these instances.")
        command.cancelling = not command.has_ended
        self._dispatch.cancel(command, ids)
        return json_answer({})

    def _found(self, request: AwsRequest) -> list[Command]:
        wanted = request.params.get("CommandId")
        commands = [command for command in reversed(self._commands.values()) if command.region == request.region]
        if wanted and all(command.id != wanted for command in commands):
            raise AwsError("InvalidCommandId", "The specified command ID isn't valid.")
        return [command for command in commands if wanted in (None, command.id)]

    def _show(self, command: Command, invocation: Invocation, with_plugins: bool) -> dict[str, Any]:
        host = self._fleet.find(invocation.instance_id)
        name = self._fleet.tags(host).get("Name", "") if host else ""
        return command.describe_invocation(invocation, name, with_plugins)


def _check_document(params: Mapping[str, Any]) -> float:
    """Check what is to be run, and return how long it may run."""
    name = params["DocumentName"]
    if name != _DOCUMENT:
        if name.startswith("AWS-"):
            raise AwsError("NotImplementedByLocalAws", f"The local AWS does not model the document {name}.", 501)
        raise AwsError("InvalidDocument", f"Document with name {name} does not exist.")
    for parameter in _NOT_MODELLED:
        if params.get(parameter):
            raise AwsError("NotImplementedByLocalAws", f"The local AWS does not model SendCommand's {parameter}.", 501)
    given = params.get("Parameters", {})
    unknown = set(given) - _PARAMETERS
    if unknown:
        raise AwsError("InvalidParameters", f"Unknown parameters: {', '.join(sorted(unknown))}")
    if not given.get("commands"):
        raise AwsError("InvalidParameters", "Parameter commands is required.")
    if len(json.dumps(given)) > _DOCUMENT_BYTES:
        raise AwsError("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")
    seconds = given.get("executionTimeout", [str(_HOUR)])[0]
    if not _NUMBER.fullmatch(seconds) or not 1 <= int(seconds) <= 172_800:
        raise AwsError("InvalidParameters", f"executionTimeout must be between 1 and 172800 seconds, not {seconds}.")
    return float(seconds)


def _check_numbers(params: Mapping[str, Any]) -> float:
    """Check the limits of a sending, and return how long it may take to deliver it."""
    seconds = params.get("TimeoutSeconds", _HOUR)
    if not 30 <= seconds <= 2_592_000:
        raise invalid(f"Value '{seconds}' at 'timeoutSeconds' failed to satisfy constraint: 30 to 2592000")
    for name, parameter in (("maxConcurrency", "MaxConcurrency"), ("maxErrors", "MaxErrors")):
        text = params.get(parameter, "1")
        if not (_NUMBER.fullmatch(text) or _PERCENT.fullmatch(text)) or (text == "0" and name == "maxConcurrency"):
            raise invalid(f"Value '{text}' at '{name}' failed to satisfy constraint: a number or a percentage")
    if len(params.get("Comment", "")) > 100:
        raise invalid("Value at 'comment' failed to satisfy constraint: at most 100 characters")
    return float(seconds)


def _share(text: str, count: int) -> int:
    """Read a number, or a percentage of the hosts."""
    return math.floor(int(text[:-1]) * count / 100) if text.endswith("%") else int(text)
