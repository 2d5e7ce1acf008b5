# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much one call may ask for."""

from __future__ import annotations

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.rules import RULES

_FEWEST, _MOST = 5, 1000
_STATUS_IDS = 100
_COMMAND_IDS = 50


@RULES.on("ec2", "DescribeInstances", "DescribeInstanceStatus", "DescribeVolumes", "DescribeTags")
def page_size(request: AwsRequest, account: Account) -> None:
    """A page has 5 to 1000 entries, and explicit ids come without pages."""
    size = request.params.get("MaxResults")
    if size is None:
        return
    if request.params.get("InstanceIds"):
        message = "The parameter instancesSet cannot be used with the parameter maxResults"
        raise AwsError("InvalidParameterCombination", message)
    invalid = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value"
    if size < _FEWEST:
        raise AwsError("InvalidParameterValue", f"{invalid} greater than or equal to {_FEWEST}.")
    if size > _MOST:
        raise AwsError("InvalidParameterValue", f"{invalid} less than or equal to {_MOST}.")


@RULES.on("ec2", "DescribeInstanceStatus")
def at_most_100_ids(request: AwsRequest, account: Account) -> None:
    """Status is told of at most 100 explicit instances."""
    count = len(request.params.get("InstanceIds", []))
    if count > _STATUS_IDS:
        message = f"The number of instance ids ({count}) is greater than the maximum of {_STATUS_IDS}."
        raise AwsError("InvalidParameterValue", message)


@RULES.on("ssm", "SendCommand")
def at_most_50_ids(request: AwsRequest, account: Account) -> None:
    """A command goes to at most 50 explicit instances."""
    ids = request.params.get("InstanceIds", [])
    if len(ids) > _COMMAND_IDS:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '[{', '.join(ids)}]' at 'instanceIds' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_COMMAND_IDS}",
        )
