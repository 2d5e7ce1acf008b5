# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What these tests share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }
)


def error_of(call: Callable[..., Any], **parameters: Any) -> str:
    """Return the code of the error that a call must raise."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    code: str = caught.value.response["Error"]["Code"]
    return code


IN_METADATA = {"HttpTokens": "required", "InstanceMetadataTags": "enabled"}


def instance_tags(*tags: tuple[str, str]) -> list[dict[str, Any]]:
    """Return the TagSpecifications of a launch."""
    return [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags]}]
