# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings the hosts of a role from whatever state they are in to a run.sh that succeeded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from . import steps
from .aws import code_of, is_passing, is_throttled, message_of
from .clock import START_SECONDS, TRY_AGAIN_SECONDS
from .commands import Commands
from .health import read_health
from .hosts import GONE, REPAIRS_TAG, Host, day_of, read_hosts
from .invocation import Invocation
from .labels import Label, digest_of
from .log import log
from .orders import StartOrder, is_commit
from .outcomes import ControllerError, Outcome, failed
from .progress import Progress
from .run_output import RunResult, explain_failure
from .script import build_script

_MOST_LOST_ANSWERS = 3
_NO_AGENT = "InvalidInstanceId"


class Starter:
    """One invocation's work. All that must outlive it is in EC2 and SSM."""

    def __init__(self, invocation: Invocation, order: StartOrder, run_sh: Path) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._aws = invocation.aws
        self._clock = invocation.clock
        self._order = order
        self._day = day_of(self._clock.now())
        script = build_script(run_sh, order.exports(self._settings), self._settings.workload)
        label = Label(self._settings.environment, order.role, "start", digest_of(script), invocation.request_id)
        self._commands = Commands(self._aws, self._clock, label, script, START_SECONDS)
        self._hosts: dict[str, Progress] = {}
        self._last_said: Counter[str] = Counter()

    def run(self) -> list[Outcome]:
        """Start what can be started in this invocation's time, and return one outcome for each host."""
        trouble = self._invocation.repeat(self._look)
        for progress in self._hosts.values():
            if progress.outcome is None:
                progress.fail(f"time is over, and it waits for {progress.waits_for}{trouble and f'; {trouble}'}")
        if not any(self._is_live(each.host) for each in self._hosts.values()):
            reason = trouble or f"no host with the role {self._order.role} is there"
            raise ControllerError([failed(self._order.named, "", reason)])
        return [each.outcome for each in self._hosts.values() if each.outcome is not None]

    def host(self, instance_id: str) -> Host:
        """Return a host as it was last seen."""
        return self._hosts[instance_id].host

    def _look(self) -> bool:
        """Look at all hosts once, and take the steps that are safe. No step waits for one host."""
        self._read()
        self._follow_earlier(each for each in self._idle("running") if not each.was_looked_up)
        if self._is_late():
            self._close()
        self._start(self._idle("stopped"))
        fit, sick = self._examine(self._idle("running"))
        self._follow_earlier([*fit, *sick])
        self._repair([each for each in sick if each.is_idle])
        self._send([each for each in fit if each.is_idle])
        self._collect()
        return self._say()

    def _idle(self, state: str = "") -> list[Progress]:
        """Return the hosts, in this state, that a step can be taken with now."""
        now = self._clock.now()
        hosts = [each for each in self._hosts.values() if each.is_idle]
        return [each for each in hosts if not state or (each.host.state == state and now >= each.not_before)]

    def _is_late(self) -> bool:
        return self._order.deadline is not None and self._clock.now() >= self._order.deadline

    def _close(self) -> None:
        """After the deadline only what is on its way is followed to its end."""
        idle = self._idle()
        self._follow_earlier(each for each in idle if each.host.state == "running")
        for progress in idle:
            if progress.is_idle:
                progress.skip("the deadline is over: nothing is started any more", is_fault=True)

    @staticmethod
    def _is_live(host: Host) -> bool:
        return host.state not in GONE

    def _read(self) -> None:
        hosts = read_hosts(self._aws, self._settings.environment, self._order.role)
        now = self._clock.now()
        for host in hosts:
            known = self._hosts.setdefault(host.instance_id, Progress(host, self._order.asked_at))
            known.see(host, self._day, now)
        for instance_id in self._hosts.keys() - {host.instance_id for host in hosts}:
            if self._hosts[instance_id].outcome is None:
                self._hosts[instance_id].fail("EC2 no longer shows it among the hosts to start")
        self._refuse_twins([host for host in hosts if self._is_live(host)])

    def _refuse_twins(self, live: list[Host]) -> None:
        """Two hosts for one model would trade twice, and nobody here knows which is the right one."""
        twins: dict[str, list[Host]] = defaultdict(list)
        for host in live:
            twins["" if self._order.is_alone else host.name].append(host)
        for group in twins.values():
            ids = ", ".join(host.instance_id for host in group)
            for host in group if len(group) > 1 else []:
                if self._hosts[host.instance_id].is_idle:
                    self._hosts[host.instance_id].fail(f"there are two where one should be, and none is started: {ids}")

    def _follow_earlier(self, hosts: Iterable[Progress]) -> None:
        """Take up the commands that an earlier invocation, or one at the same time, has sent."""
        since = {each.host.instance_id: max(each.since, each.host.launched) for each in hosts}
        if not since:
            return
        found = self._commands.find(since)
        for instance_id in since:
            self._hosts[instance_id].was_looked_up = True
        self._follow(found)
        if found:
            log("following commands sent before", hosts=len(found), commands=sorted(set(found.values())))

    def _follow(self, commands: dict[str, str]) -> None:
        for instance_id, command_id in commands.items():
            self._hosts[instance_id].command_id = command_id
            self._hosts[instance_id].waits_for = "run.sh to end"

    def _start(self, hosts: list[Progress]) -> None:
        ids = [each.host.instance_id for each in hosts]
        if not ids or self._is_late():
            return
        log("starting", hosts=[each.host.name for each in hosts])
        errors = steps.start(self._aws, ids)
        self._wait_after(hosts)
        self._take("to be started", errors)

    def _wait_after(self, hosts: list[Progress]) -> None:
        """EC2 may show the old state for a moment, and what has no capacity has none a second later."""
        for progress in hosts:
            progress.not_before = self._clock.now() + TRY_AGAIN_SECONDS

    def _take(self, what: str, errors: dict[str, Exception]) -> None:
        """Give up the hosts that a call was refused for, unless that heals."""
        for instance_id, error in errors.items():
            progress = self._hosts[instance_id]
            if steps.heals(error):
                progress.waits_for = f"{what} ({message_of(error)})"
            else:
                progress.fail(f"AWS refused it {what}: {message_of(error)}")

    def _examine(self, hosts: list[Progress]) -> tuple[list[Progress], list[Progress]]:
        """Return those that are fit for a command, and those that fail a status check."""
        health = read_health(self._aws, [each.host.instance_id for each in hosts])
        fit, sick = [], []
        for progress in hosts:
            found = health[progress.host.instance_id]
            progress.waits_for = f"its checks ({found})"
            if found.is_ready:
                fit.append(progress)
            elif found.fails:
                sick.append(progress)
        return fit, sick

    def _repair(self, hosts: list[Progress]) -> None:
        """Stop a host that fails its checks; a stopped host is started, on other hardware, by the next look.

        The count is written down before the stop, so that an invocation that dies in between repairs once too few
        rather than once too often.
        """
        by_count: dict[int, list[Progress]] = defaultdict(list)
        for progress in hosts:
            if self._may_be_repaired(progress):
                by_count[progress.repairs + 1].append(progress)
        for count, group in by_count.items():
            log("repairing", hosts=[each.host.name for each in group], time=count)
            ids = [each.host.instance_id for each in group]
            errors = steps.tag(self._aws, ids, REPAIRS_TAG, f"{self._day} {count}")
            counted = [each for each in ids if each not in errors]
            errors |= steps.stop(self._aws, counted)
            for instance_id in counted:
                self._hosts[instance_id].repairs = count
                self._hosts[instance_id].repairs_when_up = None
                self._hosts[instance_id].is_being_stopped = True
            self._wait_after(group)
            self._take("to be stopped for a repair", errors)

    def _may_be_repaired(self, progress: Progress) -> bool:
        """Tell whether a stop harms nobody: it is not the one too many, and no trader runs on the host."""
        host = progress.host
        if progress.repairs >= self._settings.max_repairs:
            progress.fail(f"{progress.repairs} repairs today did not help, and it waits for {progress.waits_for}")
            return False
        if self._commands.was_started(host.instance_id, max(progress.since, host.launched)):
            progress.fail(f"it is not repaired as its service may run, and it waits for {progress.waits_for}")
            return False
        return True

    def _send(self, hosts: list[Progress]) -> None:
        ids = [each.host.instance_id for each in hosts]
        if not ids or self._is_late():
            return
        log("sending run.sh", hosts=[each.host.name for each in hosts])
        sent, errors = self._commands.send(ids)
        self._follow(sent)
        for instance_id, error in errors.items():
            if is_passing(error) and not is_throttled(error):
                self._lose_answer(self._hosts[instance_id], error)
        # An agent that has just gone away may come back.
        self._take("to be sent run.sh", {each: error for each, error in errors.items() if code_of(error) != _NO_AGENT})

    def _lose_answer(self, progress: Progress, error: Exception) -> None:
        """The command may run. It is looked for, after it had time to show, before another one is sent."""
        log("the answer to SendCommand is lost", name=progress.host.name, error=message_of(error))
        progress.lost_answers += 1
        progress.not_before = self._clock.now() + TRY_AGAIN_SECONDS
        if progress.lost_answers >= _MOST_LOST_ANSWERS:
            progress.fail(f"SendCommand's answer was lost {progress.lost_answers} times: {message_of(error)}")

    def _collect(self) -> None:
        followed = {
            each.host.instance_id: each.command_id
            for each in self._hosts.values()
            if each.outcome is None and each.command_id
        }
        if followed:
            for instance_id, result in self._commands.finished(followed).items():
                self._judge(self._hosts[instance_id], result)

    def _judge(self, progress: Progress, result: RunResult) -> None:
        reason = self._find_fault(result)
        outcome = Outcome(
            progress.host.name, progress.host.instance_id, "running", self._order.remark, result.commit, result.services
        )
        progress.finish(replace(outcome, status="failed", reason=reason, is_fault=True) if reason else outcome)

    def _find_fault(self, result: RunResult) -> str:
        if not result.ok:
            return explain_failure(result)
        if not is_commit(result.commit):
            return "run.sh succeeded without saying which commit runs"
        if self._order.commit and result.commit != self._order.commit:
            return f"it runs commit {result.commit}, and should run {self._order.commit}"
        return ""

    def _say(self) -> bool:
        """Log how things stand, if that has changed, and tell whether all hosts have their outcome."""
        counts = Counter(each.outcome.status if each.outcome else "waiting" for each in self._hosts.values())
        if counts != self._last_said:
            log("standing", role=self._order.role, **counts)
        self._last_said = counts
        return not counts["waiting"]
