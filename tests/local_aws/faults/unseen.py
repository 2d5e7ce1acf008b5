# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was just made is not seen everywhere at once: it is hidden from the first calls that would look at it.

The call is then answered as if the thing did not exist, by the rules that are there for what does not exist.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest, AwsResponse

# Each is (kind, name).
_Thing = tuple[str, str]

# Who sees all things of a kind at once.
_LISTINGS = {
    "role": {("iam", "ListRoles"), ("iam", "GetAccountAuthorizationDetails")},
    "profile": {("iam", "ListInstanceProfiles")},
    "instance": {("ec2", "DescribeInstances"), ("ec2", "DescribeInstanceStatus")},
}
# Who looks at what it names; EC2 looks at instances in nearly all that it does.
_LOOKS = {
    "role": {
        ("lambda", "CreateFunction"),
        ("lambda", "UpdateFunctionConfiguration"),
        ("scheduler", "CreateSchedule"),
        ("scheduler", "UpdateSchedule"),
        ("s3", "PutBucketPolicy"),
    },
    "profile": {
        ("ec2", "RunInstances"),
        ("ec2", "AssociateIamInstanceProfile"),
        ("ec2", "ReplaceIamInstanceProfileAssociation"),
    },
}


class Unseen:
    """The things that were made since the last `forget`, and how often each operation has missed them."""

    def __init__(self) -> None:
        self._missed: dict[_Thing, Counter[str]] = {}

    def forget(self) -> None:
        """Let everything be seen."""
        self._missed.clear()

    def remember(self, request: AwsRequest, response: AwsResponse) -> None:
        """Take note of what a call has made."""
        if response.status == 200:
            self._missed |= {thing: Counter() for thing in _made_by(request, response)}

    @contextmanager
    def hidden(
        self, request: AwsRequest, account: Account, times: dict[str, int], counts: Counter[str]
    ) -> Iterator[None]:
        """Hide from a call what it looks at for the first few times, by its kind, and count that."""
        things = [thing for thing in self._missed if _sees(request, *thing)]
        missed = [thing for thing in things if self._missed[thing][request.operation] < times[thing[0]]]
        counts["unseen"] += len(missed)
        with ExitStack() as stack:
            for thing in missed:
                self._missed[thing][request.operation] += 1
                stack.enter_context(_without(account, *thing))
                _refuse_change(request, *thing)
            yield


def _made_by(request: AwsRequest, response: AwsResponse) -> list[_Thing]:
    if request.service == "iam" and request.operation == "CreateRole":
        return [("role", request.params["RoleName"])]
    if request.service == "iam" and request.operation == "CreateInstanceProfile":
        return [("profile", request.params["InstanceProfileName"])]
    if request.service == "ec2" and request.operation == "RunInstances":
        return [("instance", each.decode()) for each in re.findall(rb"<instanceId>([^<]+)<", response.body)]
    return []


def _sees(request: AwsRequest, kind: str, name: str) -> bool:
    call = (request.service, request.operation)
    if call in _LISTINGS[kind]:
        return True
    looks = call in _LOOKS[kind] if kind in _LOOKS else request.service == "ec2" and call[1] != "RunInstances"
    return looks and name in f"{request.target} {request.body.decode('utf-8', 'replace')}"


def _refuse_change(request: AwsRequest, kind: str, name: str) -> None:
    """moto tags what does not exist."""
    if kind == "instance" and not request.operation.startswith("Describe"):
        raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")


@contextmanager
def _without(account: Account, kind: str, name: str) -> Iterator[None]:
    """Take a thing out of moto's world for as long as one call lasts, and put it back where it was."""
    world = _world(account, kind)
    whole = dict(world)
    for key in [key for key, found in whole.items() if name in _names(found, kind)]:
        del world[key]
    try:
        yield
    finally:
        world.clear()
        world.update(whole)


def _world(account: Account, kind: str) -> dict[str, Any]:
    if kind == "role":
        return account.iam.roles
    return account.iam.instance_profiles if kind == "profile" else account.ec2.reservations


def _names(found: Any, kind: str) -> list[str]:
    return [each.id for each in found.instances] if kind == "instance" else [found.name]
