# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands of SSM: each is sent once, found again by a later invocation, and followed to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .aws import AWS_ERRORS, Aws, at_once, code_of, in_chunks_and_halves, is_passing
from .clock import DELIVERY_SECONDS, LOOK_BACK_SECONDS, Clock
from .labels import Label
from .run_output import RunResult, read_result

_DOCUMENT = "AWS-RunShellScript"
_MOST_IDS = 50
_PAGE = 50
_OVER = frozenset({"Success", "Cancelled", "TimedOut", "Failed"})
# For a while after SendCommand, SSM does not know what it has just accepted.
_NOT_YET = frozenset({"InvocationDoesNotExist", "InvalidCommandId"})


@dataclass(frozen=True)
class Sent:
    """An earlier command of a controller."""

    command_id: str
    label: Label
    requested: float
    instance_ids: tuple[str, ...]


class Commands:
    """The commands of one label."""

    def __init__(self, aws: Aws, clock: Clock, label: Label, script: str, seconds: int) -> None:
        self._aws = aws
        self._clock = clock
        self._label = label
        self._script = script
        self._seconds = seconds

    def send(self, instance_ids: list[str]) -> tuple[dict[str, str], dict[str, Exception]]:
        """Send the script, and return each host's command or error.

        One host without an agent fails a whole call, so that call is halved until the others have their command. When
        an answer is lost, nobody knows whether the command runs: that is an error here, and the caller looks before it
        sends again.
        """
        sent: dict[str, str] = {}

        def send(ids: list[str]) -> None:
            answer = self._aws.ssm_once.send_command(
                InstanceIds=ids,
                DocumentName=_DOCUMENT,
                Comment=str(self._label),
                TimeoutSeconds=DELIVERY_SECONDS,
                # By default the first host that fails keeps the command from those that have not begun.
                MaxConcurrency="100%",
                MaxErrors="100%",
                Parameters={"commands": [self._script], "executionTimeout": [str(self._seconds)]},
            )
            sent.update(dict.fromkeys(ids, answer["Command"]["CommandId"]))

        errors = in_chunks_and_halves(instance_ids, _MOST_IDS, send, is_passing)
        return sent, errors

    def find(self, since: Mapping[str, float]) -> dict[str, str]:
        """Return for each host the command that was already sent to it, if it is one to follow.

        That is the host's latest, sent after the given time, with the same text, and still running, or run well for
        this same event. What ended well for another event may since have died, and run.sh looks after that.
        """
        oldest = max(min(since.values()), self._clock.now() - LOOK_BACK_SECONDS)
        latest: dict[str, Sent] = {}
        for sent in sorted(self._list(oldest), key=lambda each: each.requested):
            latest |= {each: sent for each in sent.instance_ids if sent.requested >= since.get(each, float("inf"))}
        same = {each: sent for each, sent in latest.items() if self._is_same(sent.label)}
        statuses = self._statuses({sent.command_id for sent in same.values()})
        return {
            each: sent.command_id
            for each, sent in same.items()
            if self._is_to_follow(sent.label, statuses.get((sent.command_id, each), "Pending"))
        }

    def was_started(self, instance_id: str, since: float) -> bool:
        """Tell whether any controller's start was sent to a host, and no stop after it."""
        sent = sorted(self._list(since, instance_id), key=lambda each: each.requested)
        return bool(sent) and sent[-1].label.action == "start"

    def finished(self, commands: Mapping[str, str]) -> dict[str, RunResult]:
        """Return the result of each host whose command is over, out of hosts and their commands."""
        statuses = self._statuses(set(commands.values()))
        over = [pair for pair in commands.items() if statuses.get((pair[1], pair[0])) in _OVER]
        results = at_once(self._result, over)
        return {
            instance_id: result
            for (instance_id, _command), result in zip(over, results, strict=True)
            if result is not None
        }

    def _is_same(self, label: Label) -> bool:
        return (label.action, label.digest) == (self._label.action, self._label.digest)

    def _is_to_follow(self, label: Label, status: str) -> bool:
        return status not in _OVER or (status == "Success" and label.request_id == self._label.request_id)

    def _list(self, since: float, instance_id: str = "") -> Iterator[Sent]:
        after = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        one = {"InstanceId": instance_id} if instance_id else {}
        pages = self._aws.ssm.get_paginator("list_commands").paginate(
            Filters=[{"key": "InvokedAfter", "value": after}], MaxResults=_PAGE, **one
        )
        for command in (each for page in pages for each in page["Commands"]):
            label = Label.parse(command.get("Comment", ""))
            requested = command["RequestedDateTime"].timestamp()
            ours = label and (label.environment, label.role) == (self._label.environment, self._label.role)
            if label and ours and requested >= since:
                yield Sent(command["CommandId"], label, requested, tuple(command.get("InstanceIds", ())))

    def _statuses(self, command_ids: set[str]) -> dict[tuple[str, str], str]:
        """Ask for whole commands, never for one host of many."""

        def ask(command_id: str) -> list[dict[str, Any]]:
            paginator = self._aws.ssm.get_paginator("list_command_invocations")
            try:
                pages = list(paginator.paginate(CommandId=command_id, MaxResults=_PAGE))
            except AWS_ERRORS as error:
                if code_of(error) in _NOT_YET:
                    return []
                raise
            return [each for page in pages for each in page["CommandInvocations"]]

        answers = at_once(ask, sorted(command_ids))
        return {(each["CommandId"], each["InstanceId"]): each["Status"] for answer in answers for each in answer}

    def _result(self, pair: tuple[str, str]) -> RunResult | None:
        """Fetch a command's output, once: the list of invocations cuts it at 2,500 characters."""
        instance_id, command_id = pair
        try:
            answer = self._aws.ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
        except AWS_ERRORS as error:
            if code_of(error) in _NOT_YET or is_passing(error):
                return None
            raise
        return read_result(answer) if answer["Status"] in _OVER else None
