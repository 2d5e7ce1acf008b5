# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part: answers Lambda's calls that moto cannot, and the control calls about functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import unquote

from werkzeug.datastructures import Headers

from tests.local_aws.account import Account
from tests.local_aws.clock.clock import Clock
from tests.local_aws.environment import REGION
from tests.local_aws.front import AskNext, Front
from tests.local_aws.functions.deployed import CODE_FOLDER, Deployed, find_deployed
from tests.local_aws.functions.destinations import published
from tests.local_aws.functions.event_invoke import EventInvokeConfigs
from tests.local_aws.functions.events import Events
from tests.local_aws.functions.faults import Faults
from tests.local_aws.functions.invoke import invoke
from tests.local_aws.functions.location import show_location
from tests.local_aws.functions.runner import Runner
from tests.local_aws.messages import AwsRequest, AwsResponse


class Functions:
    """Runs functions; moto keeps what they are."""

    # Here are the deployed zips, to which GetFunction leads.
    folder = CODE_FOLDER

    def __init__(self, clock: Clock) -> None:
        # Importing them registers their rules and gaps.
        from tests.local_aws.functions import gaps, rules

        self.groups = (gaps, rules)
        self._clock = clock
        self._configs = EventInvokeConfigs()
        self._faults = Faults()
        self._front: Front | None = None

    def start(self, front: Front) -> None:
        """Begin with an account in which nothing runs."""
        self._front = front
        self._endpoint_url = front.endpoint_url
        self._begin()

    def stop(self) -> None:
        """Kill what runs."""
        self._runner.close()
        self._clock.wake()

    def reset(self) -> None:
        """Kill what runs, and forget it."""
        self._faults.reset()
        if self._front is not None:
            self.stop()
            self._begin()

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Pass on what is not Lambda's, or what moto can do."""
        if request.service != "lambda":
            return ask_next(request)
        account = Account(request.region)
        if request.operation == "Invoke":
            return invoke(request, account, self._runner, self._events)
        if request.operation == "GetFunction":
            return show_location(ask_next(request), account, self._endpoint_url)
        answer = self._configs.answers.get(request.operation)
        return answer(request, account) if answer else ask_next(request)

    def visit(self, request: AwsRequest, path: str) -> AwsResponse:
        """Answer with the zip of a function's version."""
        region, name, version = unquote(path).split("/")
        with self._runner.account(region) as account:
            function = find_deployed(account, name, version)
        return AwsResponse(200, Headers({"Content-Type": "application/zip"}), function.code)

    def submit(self, function: Deployed, payload: bytes) -> str:
        """Invoke a function asynchronously; the caller holds the front's lock."""
        return self._events.submit(function, payload)

    def controls(self) -> dict[tuple[str, str], Callable[..., object]]:
        """Return what tests ask and set."""
        return {
            ("POST", "functions/invocations"): self._invocations,
            ("POST", "functions/idle"): lambda timeout: self._events.wait_until_idle(timeout),
            ("POST", "functions/undelivered"): lambda: [asdict(each) for each in self._events.undelivered()],
            ("POST", "functions/duplicate_next_event"): self._faults.duplicate_next_event,
            ("POST", "functions/time_out"): lambda function: self._runner.time_out(function),
            ("POST", "sns/messages"): self._messages,
        }

    def _begin(self) -> None:
        if self._front is None:
            raise RuntimeError("the functions were not started")
        self._runner = Runner(self._front, self._front.state / "functions", self._clock)
        self._events = Events(self._runner, self._clock, self._configs, self._faults)

    def _invocations(self, function: str) -> list[dict[str, object]]:
        return [asdict(record) for record in self._runner.invocations(function)]

    def _messages(self, topic_arn: str) -> list[dict[str, str | None]] | None:
        region = topic_arn.split(":")[3] if topic_arn.count(":") == 5 else REGION
        with self._runner.account(region) as account:
            return published(account, topic_arn)
