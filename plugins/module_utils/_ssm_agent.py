# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Asks Systems Manager (SSM) for the agents on instances.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

ONLINE = "Online"
NOT_REGISTERED = "NotRegistered"
THROTTLED = ["ThrottlingException"]
# As many as a page holds.
IDS_PER_REQUEST = 50


def read_agents(client: Any, instance_ids: list[str]) -> dict[str, str]:
    """The state of each instance's agent as SSM names it, or `NotRegistered` for one that SSM does not know."""
    agents = dict.fromkeys(instance_ids, NOT_REGISTERED)
    for start in range(0, len(instance_ids), IDS_PER_REQUEST):
        for described in describe_instance_information(client, instance_ids[start : start + IDS_PER_REQUEST]):
            agents[described["InstanceId"]] = described["PingStatus"]
    return agents


@AWSErrorHandler.common_error_handler("describe the agents of instances")
@AWSRetry.jittered_backoff(catch_extra_error_codes=THROTTLED)
def describe_instance_information(client: Any, instance_ids: list[str]) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_instance_information").paginate(
        Filters=[{"Key": "InstanceIds", "Values": instance_ids}]
    )
    return pages.build_full_result()["InstanceInformationList"]
