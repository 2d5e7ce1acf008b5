# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands and their invocations, and how Systems Manager shows them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PLUGIN = "aws:runShellScript"
_STDOUT, _STDERR, _OUTPUT = 24_000, 8_000, 2_500
_CUT = "--output truncated--"
# What the counts of a command and its end depend on.
_TIMEOUTS = ("DeliveryTimedOut", "ExecutionTimedOut")
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")


@dataclass
class Invocation:
    """A command on one host."""

    instance_id: str
    status: str = "Pending"
    details: str = "Pending"
    exit_code: int = -1
    stdout: str = ""
    stderr: str = ""
    started: float = 0.0
    ended: float = 0.0

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED

    def begin(self) -> None:
        """The agent has it."""
        self.status, self.details, self.started = "InProgress", "InProgress", time.time()

    def end(self, status: str, details: str = "", exit_code: int = -1, stdout: str = "", stderr: str = "") -> None:
        """It has come to an end."""
        self.status, self.details, self.exit_code = status, details or status, exit_code
        self.stdout, self.stderr = _cut(stdout, _STDOUT), _cut(stderr, _STDERR)
        self.ended = time.time()

    @property
    def output(self) -> str:
        """Both outputs in one, as ListCommandInvocations shows them."""
        return _cut(self.stdout + (f"\n----------ERROR-------\n{self.stderr}" if self.stderr else ""), _OUTPUT)


@dataclass
class Command:
    """What SendCommand made."""

    id: str
    region: str
    params: dict[str, Any]
    delivery: float
    execution: float
    concurrency: int
    max_errors: int
    invocations: dict[str, Invocation]
    sent: float = field(default_factory=time.time)
    cancelling: bool = False

    @property
    def errors(self) -> int:
        """How many invocations count against MaxErrors."""
        return sum(each.details in ("Failed", "ExecutionTimedOut") for each in self.invocations.values())

    @property
    def has_ended(self) -> bool:
        """Whether every invocation has ended."""
        return all(each.has_ended for each in self.invocations.values())

    def status(self) -> tuple[str, str]:
        """Return Status and StatusDetails of the whole."""
        every = list(self.invocations.values())
        if not every:
            return "Success", "NoInstancesInTag"
        if not self.has_ended:
            begun = any(each.status != "Pending" for each in every)
            status = ("Cancelling" if self.cancelling else "InProgress") if begun else "Pending"
            return status, status
        if self.cancelling:
            return "Cancelled", "Cancelled"
        if all(each.status == "Success" for each in every):
            return "Success", "Success"
        timeouts = [each.details for each in every if each.details in _TIMEOUTS]
        if len(timeouts) > self.max_errors and "Failed" not in {each.details for each in every}:
            return "TimedOut", timeouts[0]
        return "Failed", "Failed" if self.errors > self.max_errors else "Incomplete"

    def describe(self) -> dict[str, Any]:
        """Show the command, its parameters as they were given."""
        every = list(self.invocations.values())
        status, details = self.status()
        return self._common() | {
            "ExpiresAfter": self.sent + self.delivery + self.execution,
            "Parameters": self.params.get("Parameters", {}),
            "InstanceIds": self.params.get("InstanceIds", []),
            "Targets": self.params.get("Targets", []),
            "RequestedDateTime": self.sent,
            "Status": status,
            "StatusDetails": details,
            "MaxConcurrency": self.params.get("MaxConcurrency", "50"),
            "MaxErrors": self.params.get("MaxErrors", "0"),
            "TargetCount": len(every),
            "CompletedCount": sum(each.has_ended for each in every),
            "ErrorCount": sum(each.status in ("Failed", "TimedOut") for each in every),
            "DeliveryTimedOutCount": sum(each.details == "DeliveryTimedOut" for each in every),
            "TimeoutSeconds": self.params.get("TimeoutSeconds", 3600),
            "OutputS3BucketName": "",
            "OutputS3KeyPrefix": "",
        }

    def describe_result(self, invocation: Invocation) -> dict[str, Any]:
        """Show one invocation as GetCommandInvocation does."""
        ended = invocation.ended if invocation.started else 0.0
        return self._common() | {
            "InstanceId": invocation.instance_id,
            "PluginName": PLUGIN,
            "ResponseCode": invocation.exit_code,
            "ExecutionStartDateTime": _written(invocation.started),
            "ExecutionElapsedTime": f"PT{ended - invocation.started:.3f}S" if ended else "",
            "ExecutionEndDateTime": _written(ended),
            "Status": invocation.status,
            "StatusDetails": invocation.details,
            "StandardOutputContent": invocation.stdout,
            "StandardOutputUrl": "",
            "StandardErrorContent": invocation.stderr,
            "StandardErrorUrl": "",
        }

    def describe_invocation(self, invocation: Invocation, instance_name: str, with_plugins: bool) -> dict[str, Any]:
        """Show one invocation as ListCommandInvocations does."""
        shown = self._common() | {
            "InstanceId": invocation.instance_id,
            "InstanceName": instance_name,
            "RequestedDateTime": self.sent,
            "Status": invocation.status,
            "StatusDetails": invocation.details,
            "StandardOutputUrl": "",
            "StandardErrorUrl": "",
            "CommandPlugins": [],
        }
        if with_plugins:
            shown["CommandPlugins"] = [_plugin(invocation)]
        return shown

    def _common(self) -> dict[str, Any]:
        return {
            "CommandId": self.id,
            "DocumentName": self.params["DocumentName"],
            "DocumentVersion": self.params.get("DocumentVersion", "$DEFAULT"),
            "Comment": self.params.get("Comment", ""),
        }


def _plugin(invocation: Invocation) -> dict[str, Any]:
    plugin: dict[str, Any] = {
        "Name": PLUGIN,
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "ResponseCode": invocation.exit_code,
        "Output": invocation.output,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "OutputS3Region": "",
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
    }
    if invocation.started:
        plugin["ResponseStartDateTime"] = invocation.started
    if invocation.ended:
        plugin["ResponseFinishDateTime"] = invocation.ended
    return plugin


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - len(_CUT)] + _CUT


def _written(moment: float) -> str:
    if not moment:
        return ""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
