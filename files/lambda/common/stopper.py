# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stops the environment's hosts: the traders' last upload, then the traders, then the ingest node."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from . import steps
from .aws import AWS_ERRORS, is_passing, message_of
from .clock import FAREWELL_SECONDS, INGEST_SECONDS, ROUND_SECONDS, STOP_SECONDS, TRY_AGAIN_SECONDS, iso_time
from .commands import Commands
from .health import read_agents
from .hosts import GONE, STOPPED_TAG, Host, read_hosts
from .invocation import Invocation
from .labels import Label, digest_of
from .log import log
from .outcomes import ControllerError, Outcome, failed
from .run_output import explain_failure
from .script import build_script

_DOWN = frozenset({"stopped"}) | GONE


class Stopper:
    """One invocation's work. A later one finds in EC2 what is left to do."""

    def __init__(self, invocation: Invocation, run_sh: Path) -> None:
        self._invocation = invocation
        self._environment = invocation.settings.environment
        self._aws = invocation.aws
        self._clock = invocation.clock
        script = self._build_script(run_sh)
        label = Label(self._environment, "trader", "stop", digest_of(script), invocation.request_id)
        self._commands = Commands(self._aws, self._clock, label, script, STOP_SECONDS)
        self._traders: dict[str, Host] = {}
        self._ingest: dict[str, Host] = {}
        self._marked: set[str] = set()
        self._refused: dict[str, str] = {}
        self._remarks: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._trouble = ""
        self._last_said: Counter[str] = Counter()

    def run(self) -> list[Outcome]:
        """Stop all that can be stopped, and return one outcome for each host."""
        self._let_upload()
        # Traders that never settle must not keep the ingest node up.
        self._invocation.repeat(self._stop_traders, keep=INGEST_SECONDS)
        self._trouble = self._invocation.repeat(self._stop_all)
        every = (*self._traders.values(), *self._ingest.values())
        if self._trouble and not every:
            raise ControllerError([failed(f"all hosts of {self._environment}", "", self._trouble)])
        return [self._outcome(host) for host in every]

    def _build_script(self, run_sh: Path) -> str:
        """A workload that makes no sense keeps nothing up, and at worst the last upload fails."""
        exports = {"TRADING_ACTION": "stop", "TRADING_ROLE": "trader"}
        try:
            return build_script(run_sh, exports, self._invocation.settings.workload)
        except ValueError as error:
            log("run.sh is told nothing of the workload", error=str(error))
            return build_script(run_sh, exports, "{}")

    def _let_upload(self) -> None:
        """Ask the traders to end and upload. At best they do; EC2's stop ends them in any case."""
        try:
            self._read()
            self._remarks |= self._say_farewell()
        except AWS_ERRORS as error:
            log("the last upload was not asked for", error=message_of(error))

    def _say_farewell(self) -> dict[str, str]:
        """Return why a host's last upload did not end well, for each where it did not."""
        running = [each for each in self._traders.values() if each.state == "running"]
        agents = read_agents(self._aws, [each.instance_id for each in running])
        reachable = {each.instance_id: each.launched for each in running if agents.get(each.instance_id) == "Online"}
        remarks = {each.instance_id: "its agent is not online" for each in running if each.instance_id not in reachable}
        if reachable:
            open_commands = self._commands.find(reachable)
            sent, errors = self._commands.send([each for each in reachable if each not in open_commands])
            remarks |= {each: message_of(error) for each, error in errors.items()}
            remarks |= self._wait_for(open_commands | sent)
        return {each: f"its last upload is uncertain: {reason}" for each, reason in remarks.items()}

    def _wait_for(self, commands: dict[str, str]) -> dict[str, str]:
        log("waiting for the last uploads", hosts=len(commands))
        waiting = dict(commands)
        remarks: dict[str, str] = {}
        until = self._clock.now() + FAREWELL_SECONDS

        def look() -> bool:
            for instance_id, result in self._commands.finished(waiting).items():
                del waiting[instance_id]
                if not result.ok:
                    remarks[instance_id] = explain_failure(result)
            return not waiting or self._clock.now() >= until

        self._invocation.repeat(look, keep=INGEST_SECONDS)
        return remarks | dict.fromkeys(waiting, "run.sh did not end in time")

    def _read(self) -> None:
        for role, known in (("trader", self._traders), ("ingest", self._ingest)):
            hosts = {each.instance_id: each for each in read_hosts(self._aws, self._environment, role)}
            known.clear()
            known.update(hosts)
        self._mark()

    def _mark(self) -> None:
        """Write on each host that it is stopped, before anything else: no start asked for earlier then starts it again.

        Hosts that are down are marked too, as a start may be waiting for capacity. A mark that fails keeps nothing up.
        """
        every = self._traders | self._ingest
        ids = [each for each, host in every.items() if host.state not in GONE and each not in self._marked]
        errors = steps.tag(self._aws, ids, STOPPED_TAG, iso_time(self._invocation.began))
        self._marked |= {each for each in ids if each not in errors or not is_passing(errors[each])}
        if errors:
            reasons = sorted({message_of(error) for error in errors.values()})
            log("not marked as stopped", hosts=[every[each].name for each in errors], reasons=reasons)

    def _stop_traders(self) -> bool:
        self._read()
        self._stop(self._traders)
        self._say()
        traders = self._traders.values()
        return all(each.state not in ("pending", "running") or self._is_refused(each) for each in traders)

    def _stop_all(self) -> bool:
        self._read()
        self._stop(self._traders)
        self._stop(self._ingest)
        self._say()
        every = (*self._traders.values(), *self._ingest.values())
        # A start that looked just before the marks were there may still take its steps.
        is_quiet = self._clock.now() >= self._invocation.began + ROUND_SECONDS
        return is_quiet and all(each.state in _DOWN or self._is_refused(each) for each in every)

    def _is_refused(self, host: Host) -> bool:
        return host.instance_id in self._refused

    def _stop(self, hosts: dict[str, Host]) -> None:
        """Stop what runs. A pending host cannot be stopped yet, and in any other state there is nothing to do."""
        now = self._clock.now()
        running = [each for each in hosts.values() if each.state == "running" and not self._is_refused(each)]
        ids = [each.instance_id for each in running if now >= self._not_before.get(each.instance_id, 0)]
        if not ids:
            return
        log("stopping", hosts=[hosts[each].name for each in ids])
        errors = steps.stop(self._aws, ids)
        # EC2 may show the old state for a moment.
        self._not_before |= {each: now + TRY_AGAIN_SECONDS for each in ids if each not in errors}
        for instance_id, error in errors.items():
            if not steps.heals(error):
                self._refused[instance_id] = f"AWS refused to stop it: {message_of(error)}"
                log("refused", name=hosts[instance_id].name, reason=self._refused[instance_id])

    def _outcome(self, host: Host) -> Outcome:
        remark = self._remarks.get(host.instance_id, "")
        if host.state == "stopped":
            return Outcome(host.name, host.instance_id, "stopped", remark)
        if host.state in GONE:
            return Outcome(host.name, host.instance_id, "skipped", f"it is {host.state}")
        still = f"it is still {host.state}{self._trouble and f'; {self._trouble}'}"
        reason = self._refused.get(host.instance_id, still)
        return failed(host.name, host.instance_id, reason)

    def _say(self) -> None:
        counts = Counter(each.state for each in (*self._traders.values(), *self._ingest.values()))
        if counts != self._last_said:
            log("standing", **counts)
        self._last_said = counts
