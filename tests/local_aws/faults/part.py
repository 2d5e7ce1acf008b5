# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part: lets calls go wrong as the settings say, and counts it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.local_aws.account import Account
from tests.local_aws.calls import is_mutating
from tests.local_aws.environment import REGION
from tests.local_aws.faults.dice import Dice
from tests.local_aws.faults.refusals import failing, full, throttled
from tests.local_aws.faults.settings import Settings
from tests.local_aws.faults.unseen import Unseen
from tests.local_aws.front import AskNext, Later
from tests.local_aws.messages import AwsRequest, AwsResponse

# By these a listing goes on where the page before ended.
_PAGED = {"NextToken", "Marker", "ContinuationToken"}


class Faults:
    """Stands behind the client tokens: what a token has launched is there, whatever the zone has room for."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Let nothing go wrong."""
        self._counts: Counter[str] = Counter()
        self._unseen = Unseen()
        self._set()

    def controls(self) -> dict[tuple[str, str], Callable[..., object]]:
        """Return what tests ask and set."""
        return {
            ("POST", "faults"): self._set,
            ("GET", "faults"): lambda: dict(+self._counts),
        }

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Refuse the call, or let it take effect and show less of it than there is."""
        self._refuse_by_chance(request)
        self._refuse_full_zone(request)
        account = Account(request.region or REGION)
        with self._unseen.hidden(request, account, self._settings.unseen_by_kind, self._counts):
            response = ask_next(request)
        if any(self._settings.unseen_by_kind.values()):
            self._unseen.remember(request, response)
        if isinstance(response, Later):
            return response
        if response.status < 400 and is_mutating(request.operation):
            response.is_lost = self._falls("lost", self._settings.lost, request)
        if not response.is_lost:
            self._in_a_row[request.service, request.operation] = 0
        return self._slowed(request, response)

    def _set(self, **settings: Any) -> None:
        self._settings = Settings(**settings)
        self._dice = Dice(self._settings.seed)
        self._in_a_row: Counter[tuple[str, str]] = Counter()
        if not any(self._settings.unseen_by_kind.values()):
            self._unseen.forget()

    def _refuse_by_chance(self, request: AwsRequest) -> None:
        if self._falls("throttled", self._settings.throttled, request):
            raise throttled(request.service)
        if self._falls("failing", self._settings.failing, request):
            raise failing(request.service)

    def _falls(self, kind: str, chance: float, request: AwsRequest) -> bool:
        call = (request.service, request.operation)
        if self._in_a_row[call] >= self._settings.in_a_row or not self._dice.falls(chance, kind, *call):
            return False
        self._in_a_row[call] += 1
        self._counts[kind] += 1
        return True

    def _refuse_full_zone(self, request: AwsRequest) -> None:
        zone = self._settings.full_zone
        if not zone or (request.service, request.operation) != ("ec2", "RunInstances"):
            return
        if request.params.get("SubnetId") in Account(request.region).ec2.subnets.get(zone, {}):
            self._counts["full"] += 1
            raise full(request.params.get("InstanceType", ""), zone)

    def _slowed(self, request: AwsRequest, response: AwsResponse) -> AwsResponse:
        if not self._settings.page_seconds or not _is_paged(request):
            return response
        self._counts["slow"] += 1

        def finish() -> AwsResponse:
            time.sleep(self._settings.page_seconds)
            return response

        return Later(response.status, response.headers, response.body, finish=finish)


def _is_paged(request: AwsRequest) -> bool:
    shape = request.operation_model and request.operation_model.input_shape
    return bool(shape and _PAGED & shape.members.keys())
