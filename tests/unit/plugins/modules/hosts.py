# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instances and their SSM agents behind the wire, on a clock that only sleeping moves.

The local AWS has hosts that really run, and take their time. Here an hour passes at once, and everything can go wrong.
"""

from __future__ import annotations

import heapq
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError

from tests.unit.plugins.support import Disturbance


class Clock:
    """Takes the place of time.sleep and time.monotonic."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.sleep", self.sleep)
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class AwsError(Exception):
    """An error as AWS answers it."""

    def __init__(self, code: str, message: str = "made up") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Host:
    """An instance that boots in ten seconds, passes its checks after a minute, and stops in twenty seconds."""

    instance_id: str
    state: str = "running"
    # How many more moves to other hardware it takes until its checks pass.
    impaired: int = 0
    check: str = "instance"
    # Seconds from a boot until the agent is online; None for never.
    agent: float | None = 5
    # Errors that starting it meets first.
    refusals: list[str] = field(default_factory=list)
    # When the state, a passing one, began.
    since: float = 0
    # How the script ends, and after how many seconds.
    ends: tuple[str, int, str, str] = ("Success", 0, "done\n", "")
    runs_for: float = 1
    boots: int = 0

    def pass_time(self, now: float) -> None:
        if self.state == "pending" and now >= self.since + 10:
            self.state = "running"
        if self.state == "stopping" and now >= self.since + 20:
            self.state = "stopped"

    def statuses(self, now: float) -> tuple[str, str]:
        if self.state != "running":
            return "not-applicable", "not-applicable"
        if now < self.since + 60:
            return "initializing", "initializing"
        if not self.impaired:
            return "ok", "ok"
        return ("impaired", "ok") if self.check == "instance" else ("ok", "impaired")

    def ping(self, now: float) -> str | None:
        if self.agent is None:
            return None
        if self.state == "running" and now >= self.since + self.agent:
            return "Online"
        return "ConnectionLost" if self.boots else None


@dataclass
class Run:
    """A script on one instance."""

    host: Host
    begins: float
    ends: float
    status: str


class Hosts:
    """Answers what two services are asked about hosts, and passes everything else on."""

    def __init__(self, disturbance: Disturbance, clock: Clock) -> None:
        self.clock = clock
        self.hosts: dict[str, Host] = {}
        self.commands: dict[str, dict[str, Run]] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        # How often GetCommandInvocation does not know an invocation yet.
        self.unknown = 0
        self.lost_answers = 0
        self.throttled = 0
        # Agents that go offline when a command is sent.
        self.lost_agents: set[str] = set()
        self._passed_on = disturbance.passed_on
        disturbance.passed_on = self.send

    def add(self, number: int, **how: Any) -> Host:
        instance_id = f"i-{number:017x}"
        self.hosts[instance_id] = Host(instance_id, **how)
        return self.hosts[instance_id]

    def ids(self) -> list[str]:
        return list(self.hosts)

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [params for name, params in self.requests if name == operation]

    def operations(self) -> list[str]:
        return [name for name, _params in self.requests]

    def most_at_once(self) -> int:
        """How many scripts ran at the same time at most."""
        runs = [run for command in self.commands.values() for run in command.values() if run.ends > run.begins]
        return max(sum(other.begins <= run.begins < other.ends for other in runs) for run in runs)

    # The wire

    def send(self, session: Any, request: AWSPreparedRequest) -> AWSResponse:
        body = request.body or b""
        text = body.decode() if isinstance(body, bytes) else str(body)
        target = request.headers.get("X-Amz-Target", b"")
        target = target.decode() if isinstance(target, bytes) else target
        if target.startswith("AmazonSSM."):
            return self._answer(request, target.partition(".")[2], json.loads(text), _json, _json_fault)
        params = dict(parse_qsl(text))
        if params.get("Version") == "2016-11-15" and urlsplit(request.url).path == "/":
            return self._answer(request, params["Action"], params, _xml, _xml_fault)
        return self._passed_on(session, request)

    def _answer(
        self,
        request: AWSPreparedRequest,
        operation: str,
        params: dict[str, Any],
        write: Callable[[str, Any], bytes],
        write_fault: Callable[[AwsError], bytes],
    ) -> AWSResponse:
        self.requests.append((operation, params))
        for host in self.hosts.values():
            host.pass_time(self.clock.now)
        try:
            document = getattr(self, xform_name(operation))(params)
        except AwsError as fault:
            return _response(request, 400, write_fault(fault))
        return _response(request, 200, write(operation, document))

    # EC2

    def _named(self, params: dict[str, Any], prefix: str, most: int) -> list[str]:
        ids = [value for key, value in params.items() if key.startswith(prefix)]
        if len(ids) > most:
            raise AwsError("InvalidParameterValue", f"{len(ids)} ids are too many")
        return ids

    def _known(self, params: dict[str, Any], most: int) -> list[Host]:
        ids = self._named(params, "InstanceId.", most)
        missing = [instance_id for instance_id in ids if instance_id not in self.hosts]
        if missing:
            raise AwsError("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(missing)}' do not exist")
        return [self.hosts[instance_id] for instance_id in ids]

    def describe_instances(self, params: dict[str, Any]) -> str:
        found = [each for each in self._named(params, "Filter.1.Value.", 200) if each in self.hosts]
        items = "".join(f"<item><instanceId>{instance_id}</instanceId></item>" for instance_id in found)
        return f"<reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>"

    def describe_instance_status(self, params: dict[str, Any]) -> str:
        items = []
        for host in self._known(params, 100):
            instance, system = host.statuses(self.clock.now)
            items.append(
                f"<item><instanceId>{host.instance_id}</instanceId>"
                f"<instanceState><name>{host.state}</name></instanceState>"
                f"<instanceStatus><status>{instance}</status></instanceStatus>"
                f"<systemStatus><status>{system}</status></systemStatus></item>"
            )
        return f"<instanceStatusSet>{''.join(items)}</instanceStatusSet>"

    def start_instances(self, params: dict[str, Any]) -> str:
        hosts = self._known(params, 1000)
        for host in hosts:
            if host.refusals:
                raise AwsError(host.refusals.pop(0) if len(hosts) == 1 else host.refusals[0])
            if host.state not in ("stopped", "pending", "running"):
                raise AwsError("IncorrectInstanceState", f"{host.instance_id} is {host.state}")
        for host in hosts:
            if host.state == "stopped":
                host.state, host.since, host.boots = "pending", self.clock.now, host.boots + 1
                host.impaired = max(0, host.impaired - 1)
        return "<instancesSet/>"

    def stop_instances(self, params: dict[str, Any]) -> str:
        for host in self._known(params, 1000):
            host.state, host.since = "stopping", self.clock.now
        return "<instancesSet/>"

    # SSM

    def describe_instance_information(self, params: dict[str, Any]) -> dict[str, Any]:
        (wanted,) = params["Filters"]
        if len(wanted["Values"]) > 100:
            raise AwsError("InvalidInstanceInformationFilterValue")
        pings = {each: self.hosts[each].ping(self.clock.now) for each in wanted["Values"] if each in self.hosts}
        known = [{"InstanceId": each, "PingStatus": ping} for each, ping in pings.items() if ping]
        begin = int(params.get("NextToken", 0))
        # Pages are smaller than the largest, so that there are several.
        token = {"NextToken": str(begin + 20)} if len(known) > begin + 20 else {}
        return {"InstanceInformationList": known[begin : begin + 20], **token}

    def send_command(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.throttled:
            self.throttled -= 1
            raise AwsError("ThrottlingException", "Rate exceeded")
        ids = params["InstanceIds"]
        if len(ids) > 50:
            raise AwsError("ValidationException", "Member must have length less than or equal to 50")
        offline = [
            each for each in ids if each in self.lost_agents or self.hosts[each].ping(self.clock.now) != "Online"
        ]
        if offline:
            raise AwsError("InvalidInstanceId", f"Instances [[{', '.join(offline)}]] not in a valid state")
        command_id = f"{len(self.commands):08d}-0000-0000-0000-000000000000"
        self.commands[command_id] = self._run(ids, int(params["MaxConcurrency"]), int(params["MaxErrors"]))
        if self.lost_answers:
            self.lost_answers -= 1
            raise ReadTimeoutError(endpoint_url="https://ssm.us-east-1.amazonaws.com/")
        return {"Command": {"CommandId": command_id}}

    def _run(self, ids: list[str], concurrency: int, max_errors: int) -> dict[str, Run]:
        """Plan when the script begins and ends on each host, as Run Command's rate control would have it."""
        slots = [self.clock.now] * concurrency
        runs: dict[str, Run] = {}
        for instance_id in ids:
            host, begins = self.hosts[instance_id], heapq.heappop(slots)
            failed = sum(run.status != "Success" and run.ends <= begins for run in runs.values())
            if failed > max_errors:
                runs[instance_id] = Run(host, begins, begins, "Terminated")
                heapq.heappush(slots, begins)
            else:
                runs[instance_id] = Run(host, begins, begins + host.runs_for, host.ends[0])
                heapq.heappush(slots, begins + host.runs_for)
        return runs

    def list_command_invocations(self, params: dict[str, Any]) -> dict[str, Any]:
        runs = self.commands[params["CommandId"]]
        shown = [
            {"CommandId": params["CommandId"], "InstanceId": each, "Status": _short(self._status(run))}
            for each, run in runs.items()
            # What was never sent is not listed before the first has ended.
            if run.status != "Terminated" or self.clock.now >= run.ends
        ]
        return {"CommandInvocations": shown}

    def _status(self, run: Run) -> str:
        if self.clock.now < run.begins:
            return "Pending"
        return "InProgress" if self.clock.now < run.ends else run.status

    def get_command_invocation(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.unknown:
            self.unknown -= 1
            raise AwsError("InvocationDoesNotExist", "")
        run = self.commands[params["CommandId"]][params["InstanceId"]]
        status = self._status(run)
        _status, rc, stdout, stderr = run.host.ends if status == run.host.ends[0] else ("", -1, "", "")
        return {
            "Status": _short(status),
            "StatusDetails": status,
            "ResponseCode": rc,
            "StandardOutputContent": stdout,
            "StandardErrorContent": stderr,
        }


def _short(details: str) -> str:
    """The status that belongs to a status in detail."""
    if details.endswith("TimedOut"):
        return "TimedOut"
    return {"Terminated": "Cancelled", "Undeliverable": "Failed"}.get(details, details)


class _Body(io.BytesIO):
    def stream(self, **_how: Any) -> Iterator[bytes]:
        yield self.read()


def _response(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    return AWSResponse(request.url, status, {}, _Body(body))


def _json(_operation: str, document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _json_fault(fault: AwsError) -> bytes:
    return json.dumps({"__type": fault.code, "message": str(fault)}).encode()


def _xml(operation: str, document: str) -> bytes:
    return f"<{operation}Response>{document}</{operation}Response>".encode()


def _xml_fault(fault: AwsError) -> bytes:
    error = f"<Code>{fault.code}</Code><Message>{fault}</Message>"
    return f"<Response><Errors><Error>{error}</Error></Errors></Response>".encode()
