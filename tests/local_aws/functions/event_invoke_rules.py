# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWS checks before it keeps an event invoke config."""

from __future__ import annotations

from typing import Any

from tests.local_aws.errors import AwsError
from tests.local_aws.functions.deployed import Deployed
from tests.local_aws.functions.destinations import parse_destination
from tests.local_aws.functions.roles import role_may
from tests.local_aws.functions.validation import in_range

_RANGES = {"MaximumRetryAttempts": (0, 2), "MaximumEventAgeInSeconds": (60, 21_600)}


def check_event_invoke_config(given: dict[str, Any], function: Deployed) -> None:
    """Refuse what AWS refuses."""
    for name, (low, high) in _RANGES.items():
        in_range(given, name, low, high)
    if not given:
        message = "You must specify at least one of error handling or destination setting."
        raise AwsError("InvalidParameterValueException", message)
    for chosen in given.get("DestinationConfig", {}).values():
        if chosen.get("Destination"):
            _check_destination(chosen["Destination"], function)


def _check_destination(arn: str, function: Deployed) -> None:
    destination = parse_destination(arn)
    if destination is None:
        if arn.startswith(("arn:aws:events:", "arn:aws:s3:")):
            raise AwsError("NotImplementedByLocalAws", f"The local AWS has no destination {arn}.", 501)
        raise AwsError("InvalidParameterValueException", f"The destination ARN {arn} is invalid.")
    if arn.removesuffix(":$LATEST") == function.arn:
        message = "The function itself cannot be its own destination."
        raise AwsError("InvalidParameterValueException", message)
    if not role_may(function.role_arn, destination.action, arn):
        action = destination.action.rpartition(":")[2]
        message = f"The function's execution role does not have permissions to call {action} on {arn}"
        raise AwsError("InvalidParameterValueException", f"The provided destination config is invalid: {message}")
