# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Says whether an instance is healthy, and what is to be done about one that is not.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Step = Literal["none", "wait", "start", "stop", "give up"]

MISSING = "missing"
# A message names as many instances, the result all of them.
NAMED = 20


@dataclass(frozen=True)
class Policy:
    """What is asked of instances, and what may be done to them."""

    agent: bool = True
    start: bool = False
    repair_attempts: int = 0


@dataclass
class Health:
    """An instance as it was last seen, and what was done to it so far."""

    instance_id: str
    state: str = MISSING
    instance_status: str | None = None
    system_status: str | None = None
    agent: str | None = None
    started: bool = False
    repairs: int = 0
    # Between the call and the change of the state, EC2 still shows the state before.
    phase: Literal["", "stopping", "starting"] = ""
    error: str = ""
    first: dict[str, Any] = field(default_factory=dict)

    def see(self, state: str, instance_status: str | None, system_status: str | None, agent: str | None) -> None:
        """Take down how the instance is now."""
        self.state, self.agent = state, agent
        self.instance_status, self.system_status = instance_status, system_status
        if self.phase == "starting" and state == "running":
            self.phase = ""
        if not self.first:
            self.first = self.vitals()

    def vitals(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "instance_status": self.instance_status,
            "system_status": self.system_status,
            "agent": self.agent,
        }

    @property
    def impaired(self) -> bool:
        return "impaired" in (self.instance_status, self.system_status)

    def healthy(self, policy: Policy) -> bool:
        """Whether it runs, both its checks are passed, and its agent is online if that is asked."""
        checked = (self.state, self.instance_status, self.system_status) == ("running", "ok", "ok")
        return checked and (self.agent == "Online" or not policy.agent) and not self.phase

    def as_dict(self, policy: Policy) -> dict[str, Any]:
        healthy = self.healthy(policy)
        return {
            "instance_id": self.instance_id,
            "healthy": healthy,
            **self.vitals(),
            "started": self.started,
            "repairs": self.repairs,
            "reason": "" if healthy else describe(self, policy),
        }


def next_step(instance: Health, policy: Policy) -> Step:
    """Decide what to do about an instance as it is now."""
    if instance.healthy(policy):
        return "none"
    if instance.state in (MISSING, "terminated", "shutting-down"):
        return "give up"
    if instance.state == "stopped":
        return "start" if policy.start or instance.phase else "give up"
    if instance.state == "stopping":
        return "wait" if policy.start or instance.phase else "give up"
    if instance.state == "running" and instance.impaired and not instance.phase:
        return "stop" if instance.repairs < policy.repair_attempts else "wait"
    return "wait"


def describe(instance: Health, policy: Policy) -> str:
    """Say in a few words why an instance is not healthy."""
    problem = _problem(instance, policy)
    repaired = (
        f" after {instance.repairs} of {policy.repair_attempts} repairs"
        if instance.repairs and not instance.phase
        else ""
    )
    failed = f" ({instance.error})" if instance.error else ""
    return f"{problem}{repaired}{failed}"


def _problem(instance: Health, policy: Policy) -> str:
    if instance.state == MISSING:
        return "does not exist"
    if instance.phase == "stopping" and instance.state != "running":
        return f"was stopped for a repair, is {instance.state} and has to be started"
    if instance.state in ("stopped", "stopping"):
        return f"is {instance.state}" + ("" if policy.start or instance.phase else ", and start is false")
    if instance.state != "running":
        return f"is {instance.state}"
    for check, status in (("instance", instance.instance_status), ("system", instance.system_status)):
        if status != "ok":
            return f"its {check} status check is {status}"
    return f"its SSM agent is {instance.agent}"


def describe_failures(instances: list[Health], policy: Policy, seconds: int) -> str:
    """Say which instances are not healthy, and why."""
    sick = [instance for instance in instances if not instance.healthy(policy)]
    named = [f"{instance.instance_id} {describe(instance, policy)}" for instance in sick[:NAMED]]
    if len(sick) > NAMED:
        named.append(f"and {len(sick) - NAMED} more")
    return f"{len(sick)} of {len(instances)} instances are not healthy after {seconds} s: {'; '.join(named)}"
