# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RunInstances' client tokens: one token, one launch in each availability zone."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.front import AskNext
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.render import render_reservation

_LONGEST = 64


@dataclass(frozen=True)
class _Launch:
    parameters: str
    reservation_id: str


class ClientTokens:
    """Answers a repeated RunInstances with what its first call made, as it is now.

    It stands before the strict rules: a repeat is not checked again, as on AWS, so it is answered
    even when its image is gone. The front lets in one call at a time, so two at once make one.
    """

    def __init__(self) -> None:
        self._launches: dict[tuple[str, str], _Launch] = {}

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Let the first call of a token through and remember what it made."""
        if (request.service, request.operation) != ("ec2", "RunInstances"):
            return ask_next(request)
        token = request.params.get("ClientToken")
        if not token:
            return ask_next(request)
        if len(token) > _LONGEST or not token.isascii():
            message = f"The client token must be at most {_LONGEST} ASCII characters."
            raise AwsError("InvalidParameterValue", message)
        key, parameters = (_place(request), token), _fingerprint(request)
        launch = self._launches.get(key)
        if launch is None:
            response = ask_next(request)
            if response.status == 200:
                self._launches[key] = _Launch(parameters, _newest_reservation(request, token))
            return response
        if launch.parameters != parameters:
            raise AwsError(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        return render_reservation(request, launch.reservation_id, as_pending=False)

    def reset(self) -> None:
        """Forget every token."""
        self._launches.clear()


def _place(request: AwsRequest) -> str:
    """A token holds for the zone that a launch names, as such or by a subnet, and else for the region."""
    interfaces = [each.get("SubnetId") for each in request.params.get("NetworkInterfaces", [])]
    named = {request.params.get("SubnetId"), *interfaces}
    zones = [each.availability_zone for each in Account(request.region).ec2.describe_subnets() if each.id in named]
    return next(iter(zones), None) or request.params.get("Placement", {}).get("AvailabilityZone") or request.region


def _fingerprint(request: AwsRequest) -> str:
    parameters = {name: value for name, value in request.params.items() if name not in ("ClientToken", "DryRun")}
    return json.dumps(parameters, sort_keys=True, default=repr)


def _newest_reservation(request: AwsRequest, token: str) -> str:
    reservations = Account(request.region).ec2.reservations.values()
    made = [found.id for found in reservations if any(each.client_token == token for each in found.instances)]
    return made[-1]
