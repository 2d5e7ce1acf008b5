# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asynchronous events: delivered at least once, tried again after 1 and 2 minutes, and reported to a destination."""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.local_aws.account import Account
from tests.local_aws.clock.clock import Clock
from tests.local_aws.errors import AwsError
from tests.local_aws.functions.deployed import Deployed, find_deployed
from tests.local_aws.functions.destinations import Destination, parse_destination, publish, send
from tests.local_aws.functions.event_invoke import EventInvokeConfig, EventInvokeConfigs
from tests.local_aws.functions.faults import Faults
from tests.local_aws.functions.process import Outcome
from tests.local_aws.functions.records import Undelivered
from tests.local_aws.functions.roles import role_may
from tests.local_aws.functions.runner import AccountGoneError, Runner

_SUCCESS, _EXHAUSTED, _TOO_OLD = "Success", "RetriesExhausted", "EventAgeExceeded"
_FIRST_DELAY = 60


@dataclass(eq=False)
class Event:
    """One event on its way to a function."""

    function: Deployed
    payload: bytes
    queued: datetime
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0
    outcome: Outcome | None = None
    # How much older it is than the clock says, by the waits that were shortened.
    skipped: float = 0.0


class Events:
    """One account's events, until its runner is closed. Each has a thread of its own."""

    def __init__(self, runner: Runner, clock: Clock, configs: EventInvokeConfigs, faults: Faults) -> None:
        self._runner = runner
        self._clock = clock
        self._configs = configs
        self._faults = faults
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._undelivered: list[Undelivered] = []

    def submit(self, function: Deployed, payload: bytes) -> str:
        """Take an event and return its request id; the caller holds the front's lock."""
        first = Event(function, payload, self._clock.now())
        for _ in range(self._faults.deliveries(function.name)):
            event = Event(function, payload, first.queued, first.request_id)
            with self._changed:
                self._events.append(event)
            threading.Thread(target=self._deliver, args=(event,), daemon=True).start()
        return first.request_id

    def wait_until_idle(self, seconds: float) -> list[str]:
        """Wait until no event is under way; return those that are after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._events, timeout=seconds)
            return [f"{event.function.name}: {event.request_id}, {event.attempts} attempts" for event in self._events]

    def undelivered(self) -> list[Undelivered]:
        """Return the destination records that did not arrive."""
        with self._changed:
            return list(self._undelivered)

    def _deliver(self, event: Event) -> None:
        region = event.function.region
        try:
            condition, config = self._try_until_over(event)
            case = "OnSuccess" if condition == _SUCCESS else "OnFailure"
            arn = config.destinations.get(case)
            if arn:
                with self._runner.account(region) as account:
                    self._report(account, event, condition, arn)
        except (AccountGoneError, AwsError):
            # The function, or all of its account, was deleted meanwhile: so are its events.
            pass
        finally:
            with self._changed:
                self._events.remove(event)
                self._changed.notify_all()

    def _try_until_over(self, event: Event) -> tuple[str, EventInvokeConfig]:
        function = event.function
        while True:
            with self._runner.account(function.region) as account:
                config = self._configs.find(account, function.name, function.qualifier)
            if self._age(event) > config.age:
                return _TOO_OLD, config
            event.outcome, ended = self._runner.run(
                function.region, function.name, function.qualifier, event.request_id, event.payload
            )
            event.attempts += 1
            if not event.outcome.failed:
                return _SUCCESS, config
            if event.attempts > config.retries:
                return _EXHAUSTED, config
            event.skipped += self._clock.wait(_FIRST_DELAY * event.attempts, ended, self._runner.closed)

    def _age(self, event: Event) -> float:
        return (self._clock.now() - event.queued).total_seconds() + event.skipped

    def _report(self, account: Account, event: Event, condition: str, arn: str) -> None:
        destination, record = parse_destination(arn), json.dumps(_record(event, condition))
        try:
            # Its own role, as it is now.
            function = find_deployed(account, event.function.name, event.function.qualifier)
            if destination is None or not role_may(function.role_arn, destination.action, arn):
                raise AwsError("AccessDeniedException", f"the role {function.role_arn} may not send to it")
            self._send(destination, record)
        except (AwsError, KeyError) as error:
            reason = error.message if isinstance(error, AwsError) else "it does not exist"
            with self._changed:
                self._undelivered.append(Undelivered(event.function.name, arn, reason))

    def _send(self, destination: Destination, record: str) -> None:
        if destination.service == "sns":
            publish(destination, record)
        elif destination.service == "sqs":
            send(destination, record)
        else:
            self.submit(find_deployed(Account(destination.region), destination.arn), record.encode())


def _record(event: Event, condition: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": _timestamp(),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": event.function.qualified_arn,
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": json.loads(event.payload or b"{}"),
    }
    if event.outcome is not None:
        context = {"statusCode": 200, "executedVersion": event.function.version}
        record["responseContext"] = context | ({"functionError": "Unhandled"} if event.outcome.failed else {})
        record["responsePayload"] = json.loads(event.outcome.payload)
    return record


def _timestamp() -> str:
    now = time.time()
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(now % 1 * 1000):03d}Z"
