# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""DescribeInstances' filters: more names, and wildcards in every value."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.gaps.registry import GAPS
from tests.local_aws.messages import AwsRequest, AwsResponse

_NAMES = {
    "client-token": "client_token",
    "instance-state-code": "state_code",
    "metadata-options.http-endpoint": "metadata_options.http_endpoint",
    "metadata-options.http-put-response-hop-limit": "metadata_options.http_put_response_hop_limit",
    "metadata-options.http-tokens": "metadata_options.http_tokens",
    "metadata-options.instance-metadata-tags": "metadata_options.instance_metadata_tags",
    "root-device-name": "root_device_name",
}


@GAPS.on("ec2", "DescribeInstances", "DescribeInstanceStatus")
def more_filters(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """Teach moto's table the missing names, once."""
    from moto.ec2 import utils

    if "client-token" not in utils.filter_dict_attribute_mapping:
        utils.filter_dict_attribute_mapping.update(_NAMES)
        utils.instance_value_in_filter_values = _matches  # type: ignore[assignment]  # moto's own is replaced
    return ask_next(request)


def _matches(value: object, patterns: Iterable[str]) -> bool:
    values = value if isinstance(value, list) else [value]
    texts = [str(each).lower() if isinstance(each, bool) else str(each) for each in values if each is not None]
    return any(_expression(pattern).fullmatch(text) for pattern in patterns for text in texts)


def _expression(pattern: str) -> re.Pattern[str]:
    # A bracket is an ordinary character in AWS's filters.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
