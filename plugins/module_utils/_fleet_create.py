# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Launches servers, each once, whoever asks and however often.

One request launches one server. One for many would be answered sooner, but a host reads at its first boot from its tags
which model it trades, and only a request of its own gives an instance its tags before it boots.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from typing import Any

try:
    from botocore.exceptions import ClientError
except ImportError:
    pass  # AnsibleAWSModule says that boto3 is missing

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import Launch
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import LIVE_STATES, Server
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_requests import find_by_token, run_instance
from ansible_collections.algotrading.aws.plugins.module_utils._request_rate import RequestRate
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error

# A server is launched again at most this often because its earlier instances are dead: the bound of a loop.
MAX_GENERATIONS = 20
# What EC2 takes in the long run: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
LAUNCHES_PER_SECOND = 2
NO_CAPACITY = (
    "InsufficientFreeAddressesInSubnet",
    "InsufficientHostCapacity",
    "InsufficientInstanceCapacity",
    "Unsupported",
)


class Launcher:
    """Launches servers, each by one request."""

    def __init__(self, client: Any, launch: Launch) -> None:
        self._client = client
        self._launch = launch
        RequestRate(LAUNCHES_PER_SECOND).watch(client, "RunInstances")

    def launch(self, server: Server, generation: int) -> str:
        """Launch one server and return its instance's id.

        EC2 remembers a token longer than it shows a dead instance, so that a token may stand for one: then comes the
        next.
        """
        for number in range(generation, generation + MAX_GENERATIONS):
            instance = self._run_instance(server, number)
            if instance and instance["State"]["Name"] in LIVE_STATES:
                return instance["InstanceId"]
        raise AnsibleEC2Error(message=f"Failed to run instances: the last {MAX_GENERATIONS} of this server are dead")

    def _run_instance(self, server: Server, generation: int) -> dict[str, Any] | None:
        """Run one instance in the first subnet that has the capacity.

        A token holds for one availability zone only. So no token keeps a run from launching once more in its first
        subnet, where a killed one has just found capacity in its second and EC2 does not show that yet:
        Fleet.end_twins does.
        """
        last_attempt = len(self._launch.subnet_ids) - 1
        for attempt in range(last_attempt + 1):
            parameters = self._launch.parameters(server, generation, attempt)
            try:
                return run_instance(self._client, parameters)
            except AnsibleEC2Error as error:
                code = _code_of(error)
                if code == "IdempotentParameterMismatch":
                    # An earlier run launched this server with other settings, and was killed before it could see it,
                    # or failed to launch it.
                    return find_by_token(self._client, parameters["ClientToken"])
                if code not in NO_CAPACITY or attempt == last_attempt:
                    raise
        return None


def _code_of(error: AnsibleEC2Error) -> str:
    return error.exception.response["Error"]["Code"] if isinstance(error.exception, ClientError) else ""
