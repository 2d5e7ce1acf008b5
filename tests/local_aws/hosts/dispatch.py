# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings commands to hosts: so many at a time, until too many failed, as long as they can be delivered."""

from __future__ import annotations

import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from tests.local_aws.hosts.agents import Agents
from tests.local_aws.hosts.commands import Command, Invocation
from tests.local_aws.hosts.faults import Faults
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import HostIsOffError
from tests.local_aws.hosts.runner import Outcome, run_script
from tests.local_aws.hosts.settings import Settings

_RUNNING_AT_A_TIME = 16
_PAUSE = 0.1


class Dispatch:
    """Runs invocations in threads of its own; what it keeps is under the fleet's lock."""

    def __init__(self, fleet: Fleet, agents: Agents, faults: Faults, settings: Settings) -> None:
        self._fleet = fleet
        self._agents = agents
        self._faults = faults
        self._settings = settings
        self._pool = ThreadPoolExecutor(_RUNNING_AT_A_TIME, thread_name_prefix="command")
        self._queued: dict[str, set[str]] = {}
        self._cancelled: dict[tuple[str, str], threading.Event] = {}
        self._undelivered: list[Command] = []
        self._looks: threading.Thread | None = None

    def forget(self) -> None:
        """Cancel what runs, and forget what waits."""
        for event in self._cancelled.values():
            event.set()
        for kept in (self._queued, self._cancelled, self._undelivered):
            kept.clear()

    def advance(self, command: Command) -> None:
        """Bring a command to as many more hosts as it may be brought to now."""
        queued = self._queued.setdefault(command.id, set())
        for invocation in command.invocations.values():
            if invocation.status != "Pending" or invocation.instance_id in queued:
                continue
            if command.errors > command.max_errors:
                invocation.end("Cancelled", "Terminated")
            elif len(queued) < command.concurrency:
                queued.add(invocation.instance_id)
                self._deliver(command, invocation)

    def cancel(self, command: Command, instance_ids: list[str]) -> None:
        """Cancel a command on some hosts, or on all."""
        for invocation in command.invocations.values():
            if instance_ids and invocation.instance_id not in instance_ids:
                continue
            if invocation.status == "Pending":
                self._end(command, invocation, Outcome("Cancelled", "Cancelled", -1, "", ""))
            elif not invocation.has_ended:
                invocation.status = invocation.details = "Cancelling"
                self._cancelled[command.id, invocation.instance_id].set()

    def _deliver(self, command: Command, invocation: Invocation) -> None:
        """Begin at once where the agent is there; otherwise look again later."""
        host = self._fleet.find(invocation.instance_id)
        if host is None or not self._agents.is_registered(host):
            self._end(command, invocation, Outcome("Failed", "Undeliverable", -1, "", ""))
        elif self._agents.is_online(host):
            self._start(command, invocation)
        elif time.time() >= command.sent + command.delivery:
            self._end(command, invocation, Outcome("TimedOut", "DeliveryTimedOut", -1, "", ""))
        elif command not in self._undelivered:
            self._undelivered.append(command)
            self._look_later()

    def _start(self, command: Command, invocation: Invocation) -> None:
        if self._settings.instant:
            invocation.begin()
            stub = self._faults.stub_for(invocation.instance_id)
            status = "Failed" if stub.exit_code else "Success"
            self._end(command, invocation, Outcome(status, status, stub.exit_code, stub.stdout, stub.stderr))
            return
        cancelled = self._cancelled[command.id, invocation.instance_id] = threading.Event()
        self._pool.submit(self._run, command, invocation, cancelled)

    def _run(self, command: Command, invocation: Invocation, cancelled: threading.Event) -> None:
        with self._fleet.lock:
            host = self._fleet.find(invocation.instance_id)
            if host is None or invocation.status != "Pending":
                return
            invocation.begin()
        given = command.params["Parameters"]
        folder = given.get("workingDirectory", [""])[0]
        try:
            outcome = run_script(host, command.id, given["commands"], folder, command.execution, cancelled)
        except HostIsOffError:
            outcome = Outcome("Failed", "Undeliverable", -1, "", "")
        except OSError as error:
            outcome = Outcome("Failed", "Failed", 1, "", str(error))
        except Exception:  # nobody waits for this thread
            traceback.print_exc()
            outcome = Outcome("Failed", "Failed", 1, "", traceback.format_exc())
        with self._fleet.lock:
            self._end(command, invocation, outcome)

    def _end(self, command: Command, invocation: Invocation, outcome: Outcome) -> None:
        if invocation.has_ended:
            return
        invocation.end(outcome.status, outcome.details, outcome.exit_code, outcome.stdout, outcome.stderr)
        self._cancelled.pop((command.id, invocation.instance_id), None)
        self._queued.get(command.id, set()).discard(invocation.instance_id)
        self.advance(command)

    def _look_later(self) -> None:
        if self._looks is None:
            self._looks = threading.Thread(target=self._look, name="deliveries", daemon=True)
            self._looks.start()

    def _look(self) -> None:
        while True:
            time.sleep(_PAUSE)
            with self._fleet.lock:
                commands, self._undelivered = self._undelivered, []
                for command in commands:
                    for invocation in self._waiting(command):
                        self._deliver(command, invocation)
                if not self._undelivered:
                    self._looks = None
                    return

    def _waiting(self, command: Command) -> list[Invocation]:
        """Return the invocations whose turn it is, but whose agents were not there."""
        turn = self._queued.get(command.id, set())
        return [
            invocation
            for instance_id, invocation in command.invocations.items()
            if invocation.status == "Pending"
            and instance_id in turn
            and (command.id, instance_id) not in self._cancelled
        ]
