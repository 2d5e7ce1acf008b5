# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part: fires what the clock says is due, and lets tests set the clock."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.clock.clock import Clock
from tests.local_aws.clock.records import Firing
from tests.local_aws.clock.timetable import Due, due_rules, due_schedules
from tests.local_aws.errors import AwsError
from tests.local_aws.front import AskNext, Front
from tests.local_aws.functions.part import Functions
from tests.local_aws.messages import AwsRequest, AwsResponse

_TICK = 1.0
# What lies further back when the clock is set is not made up for.
_FURTHEST = timedelta(days=1)
_TOKENED = ("scheduler", "CreateSchedule")


class Schedules:
    """Fires EventBridge Scheduler's schedules, and EventBridge's rules that have one."""

    def __init__(self, clock: Clock, functions: Functions) -> None:
        # Importing them registers their rules and gaps.
        from tests.local_aws.clock import gaps, rules

        self.groups = (gaps, rules)
        self._clock = clock
        self._functions = functions
        self._front: Front | None = None
        self._stop = threading.Event()
        self._begin()

    def start(self, front: Front) -> None:
        """Look at the clock each second."""
        self._front = front
        threading.Thread(target=self._tick, daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def reset(self) -> None:
        """Forget what was, and show this machine's time again."""
        self._clock.reset()
        self._begin()

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Remember when schedules were made or changed; moto keeps what they are."""
        if request.service not in ("scheduler", "events"):
            return ask_next(request)
        token = request.params.get("ClientToken") if (request.service, request.operation) == _TOKENED else None
        if token and (known := self._tokens.get(token)):
            return self._repeat(request, *known)
        response = ask_next(request)
        arn = _changed(request, response)
        if arn:
            self._since[arn] = self._clock.now()
            self._regions.add(request.region)
        if arn and token:
            self._tokens[token] = (_fingerprint(request), response)
        return response

    def controls(self) -> dict[tuple[str, str], Callable[..., object]]:
        """Return what tests ask and set."""
        return {
            ("POST", "clock"): self._set,
            ("GET", "clock"): lambda: self._set(),
            ("GET", "clock/firings"): lambda: [asdict(firing) for firing in self._firings],
        }

    def _begin(self) -> None:
        self._seen = self._clock.now()
        self._since: dict[str, datetime] = {}
        self._regions: set[str] = set()
        self._tokens: dict[str, tuple[str, AwsResponse]] = {}
        self._firings: list[Firing] = []

    def _set(self, time: str = "", advance: float = 0.0, time_scale: float | None = None) -> dict[str, object]:
        if self._front is None:
            raise RuntimeError("the clock was not started")
        with self._front.lock:
            if time_scale is not None:
                self._clock.time_scale = time_scale
            if time or advance:
                now = datetime.fromisoformat(time) if time else self._clock.now()
                self._clock.set(now + timedelta(seconds=advance))
            self._fire()
            return {"time": self._clock.now().isoformat(), "time_scale": self._clock.time_scale}

    def _tick(self) -> None:
        while not self._stop.wait(_TICK):
            if self._front is not None and self._since:
                with self._front.lock:
                    self._fire()

    def _fire(self) -> None:
        now = self._clock.now()
        if now < self._seen:
            # Back in time: what is made from now on begins here, and so does all else.
            self._since = dict.fromkeys(self._since, now)
        after, self._seen = max(self._seen, now - _FURTHEST), now
        if not self._clock.is_set:
            return
        due: list[Due] = []
        for region in self._regions:
            for find in (due_schedules, due_rules):
                due += find(Account(region), after, now, self._since)
        for each in sorted(due, key=lambda each: each.moment):
            self._firings.append(self._invoke(each))
            each.finish()

    def _invoke(self, due: Due) -> Firing:
        moment = due.moment.astimezone(UTC).isoformat()
        try:
            function, payload = due.prepare()
        except AwsError as error:
            return Firing(due.arn, moment, error=f"{error.code}: {error.message}")
        return Firing(due.arn, moment, request_id=self._functions.submit(function, payload))

    def _repeat(self, request: AwsRequest, fingerprint: str, response: AwsResponse) -> AwsResponse:
        if fingerprint != _fingerprint(request):
            message = "The client token was used by a request with other parameters."
            raise AwsError("ConflictException", message, 409)
        return response


def _changed(request: AwsRequest, response: AwsResponse) -> str:
    """Return the ARN of the schedule or rule that a call made or changed."""
    if response.status != 200:
        return ""
    if request.operation in ("CreateSchedule", "UpdateSchedule"):
        return str(json.loads(response.body)["ScheduleArn"])
    if request.operation in ("PutRule", "EnableRule"):
        name, bus = request.params["Name"], request.params.get("EventBusName", "default")
        path = name if bus == "default" else f"{bus}/{name}"
        return f"arn:aws:events:{request.region}:{ACCOUNT_ID}:rule/{path}"
    return ""


def _fingerprint(request: AwsRequest) -> str:
    return json.dumps(request.params, sort_keys=True, default=repr)
