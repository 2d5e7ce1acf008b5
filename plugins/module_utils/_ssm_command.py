# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Plans the sending of a script to many instances, and puts the outcome into words.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

# What SendCommand takes as InstanceIds.
IDS_PER_COMMAND = 50
# What SSM takes as a document, of which the script is nearly all.
MAX_SCRIPT = 64 * 1024
# What the agent itself adds to the standard error of a script that fails.
REMARK = "failed to run commands: "
# How much later than it says SSM may end an invocation.
GRACE_SECONDS = 60
# A message names as many instances, the result all of them.
NAMED = 20
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")
RUNNING = ("Pending", "InProgress", "Delayed", "Cancelling")
LIMITS = {
    "execution_timeout": range(1, 172801),
    "timeout_seconds": range(30, 2592001),
    "wait_for_agent": range(86401),
}


class CommandError(Exception):
    """Options that SSM would not take."""


@dataclass(frozen=True)
class Result:
    """What became of the script on one instance."""

    instance_id: str
    status: str
    rc: int | None = None
    stdout: str = ""
    stderr: str = ""
    reason: str = ""

    @property
    def failed(self) -> bool:
        return self.status != "Success"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Command:
    """What is sent, and how long it may take."""

    script: str
    execution_timeout: int
    timeout_seconds: int
    working_directory: str | None = None
    comment: str | None = None

    def parameters(self) -> dict[str, Any]:
        """The parameters of SendCommand that are the same for all instances."""
        parameters = {"commands": [self.script], "executionTimeout": [str(self.execution_timeout)]}
        if self.working_directory:
            parameters["workingDirectory"] = [self.working_directory]
        return {
            "DocumentName": "AWS-RunShellScript",
            "Parameters": parameters,
            "TimeoutSeconds": self.timeout_seconds,
            **({"Comment": self.comment} if self.comment else {}),
        }

    def longest(self, instances: int, concurrency: int) -> int:
        """After how many seconds SSM has given up, if so many instances run it at a time."""
        turns = math.ceil(instances / concurrency)
        return self.timeout_seconds + self.execution_timeout * turns + GRACE_SECONDS


def check_options(params: dict[str, Any]) -> None:
    """Refuse what SSM refuses."""
    for name, limits in LIMITS.items():
        if params[name] not in limits:
            raise CommandError(f"{name} is {params[name]}: {limits[0]} to {limits[-1]} are allowed")
    size = len(params["script"].encode())
    if size > MAX_SCRIPT:
        raise CommandError(f"the script has {size} bytes, and SSM takes {MAX_SCRIPT}: let it fetch what it needs")
    if len(params["comment"] or "") > 100:
        raise CommandError("the comment is longer than SSM's 100 characters: shorten it")


def resolve(name: str, limit: str, instances: int) -> int:
    """How many instances a limit means that is a number or a percentage of all.

    Raises:
        CommandError: It is neither.
    """
    match = re.fullmatch(r"([0-9]{1,6})(%?)", limit)
    if not match or (match[2] and int(match[1]) > 100):
        raise CommandError(f"{name} is {limit}: give a number such as 10, or a percentage such as 25%")
    return int(match[1]) * instances // 100 if match[2] else int(match[1])


def plan_waves(instance_ids: list[str], concurrency: int) -> list[list[list[str]]]:
    """Share instances out to waves, one after the other, each of commands that run at the same time.

    A command that has more instances than may run at a time keeps to that by itself.
    """
    chunks = [instance_ids[start : start + IDS_PER_COMMAND] for start in range(0, len(instance_ids), IDS_PER_COMMAND)]
    at_once = max(1, len(chunks) if concurrency >= len(instance_ids) else concurrency // IDS_PER_COMMAND)
    return [chunks[start : start + at_once] for start in range(0, len(chunks), at_once)]


def result_of(instance_id: str, invocation: dict[str, Any]) -> Result:
    """Read what GetCommandInvocation returns."""
    status = invocation.get("StatusDetails") or invocation["Status"]
    rc = invocation.get("ResponseCode", -1)
    stdout, stderr = invocation.get("StandardOutputContent", ""), invocation.get("StandardErrorContent", "")
    return Result(
        instance_id=instance_id,
        status=status,
        rc=rc if rc >= 0 else None,
        stdout=stdout,
        stderr=stderr,
        reason="" if status == "Success" else _reason(status, rc, _last_line(stderr) or _last_line(stdout)),
    )


def _last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith(REMARK)]
    return lines[-1][:200] if lines else ""


def _reason(status: str, rc: int, last_line: str) -> str:
    if status in RUNNING:
        return f"{status}: it had not ended when it had to, and may still run"
    return ": ".join(filter(None, (f"exit status {rc}" if rc > 0 else status, last_line)))


def describe_failures(results: list[Result]) -> str:
    """Say on which instances the script failed, and why."""
    failed = [result for result in results if result.failed]
    named = [f"{result.instance_id} ({result.reason or result.status})" for result in failed[:NAMED]]
    if len(failed) > NAMED:
        named.append(f"and {len(failed) - NAMED} more")
    return f"The script failed on {len(failed)} of {len(results)} instances: {'; '.join(named)}"


def describe_offline(agents: dict[str, str], instances: int, waited: int) -> str:
    """Say which agents are not online, and what to do."""
    names = [f"{instance_id} ({state})" for instance_id, state in list(agents.items())[:NAMED]]
    if len(agents) > NAMED:
        names.append(f"and {len(agents) - NAMED} more")
    return (
        f"The SSM agent is not online on {len(agents)} of {instances} instances after {waited} s, so nothing was sent: "
        f"{', '.join(names)}. Raise wait_for_agent, or look whether they run, reach SSM, and may use it by their role"
    )
