# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one invocation knows of one host that it starts."""

from __future__ import annotations

from dataclasses import dataclass

from .hosts import GONE, Host
from .log import log
from .outcomes import Outcome, failed


@dataclass
class Progress:
    """A host on its way to an outcome."""

    host: Host
    # When the start was asked for.
    asked_at: float
    outcome: Outcome | None = None
    waits_for: str = "its first look"
    command_id: str = ""
    # A command from before this time was for what no longer runs: the host was down since.
    since: float = 0.0
    # It was asked whether an earlier invocation's command is there.
    was_looked_up: bool = False
    # No further step before this time, as the last one may not show yet.
    not_before: float = 0.0
    repairs: int = 0
    # This invocation stopped it, and EC2 may still show it running.
    is_being_stopped: bool = False
    # How many repairs it had had when it was first seen running.
    repairs_when_up: int | None = None
    lost_answers: int = 0

    @property
    def is_idle(self) -> bool:
        """It has neither an outcome nor a command to follow."""
        return self.outcome is None and not self.command_id

    def finish(self, outcome: Outcome) -> None:
        """Write down what became of the host."""
        self.outcome = outcome
        log("host", name=outcome.name, id=outcome.instance_id, status=outcome.status, reason=outcome.reason)

    def fail(self, reason: str) -> None:
        """Write down that the host failed."""
        self.finish(failed(self.host.name, self.host.instance_id, reason))

    def skip(self, reason: str, *, is_fault: bool) -> None:
        """Write down that nothing was done with the host."""
        self.finish(Outcome(self.host.name, self.host.instance_id, "skipped", reason, is_fault=is_fault))

    def see(self, host: Host, day: str, now: float) -> None:
        """Take in how EC2 shows the host now."""
        if host.state != self.host.state:
            # The last step shows.
            self.not_before = 0.0
        self.host = host
        self.repairs = max(self.repairs, host.repairs_on(day))
        if self.outcome is not None:
            return
        if host.state in GONE:
            self.skip(f"it is {host.state}", is_fault=False)
        elif host.was_stopped_after(self.asked_at):
            self.skip(f"it was stopped at {host.stopped_tag}, after this start was asked for", is_fault=True)
        elif host.state == "running":
            if self.repairs_when_up is None and not (self.is_being_stopped and now < self.not_before):
                self.repairs_when_up = self.repairs
        else:
            self._see_down(now)

    def _see_down(self, now: float) -> None:
        self.since = now
        self.was_looked_up = True
        self.is_being_stopped = False
        self.command_id = ""
        self.waits_for = f"its state {self.host.state} to pass"
        if self.repairs_when_up is not None and self.host.state != "pending":
            if self.repairs <= self.repairs_when_up:
                # Somebody wants it down; starting it again would be a fight.
                self.fail("somebody else stopped it meanwhile")
            self.repairs_when_up = None
