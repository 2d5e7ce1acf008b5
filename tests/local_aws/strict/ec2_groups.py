# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a security group and its rules may be described with."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.rules import RULES

_VALID = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
_SOURCES = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")


@RULES.on("ec2", "CreateSecurityGroup")
def group_description(request: AwsRequest, account: Account) -> None:
    """A group's description."""
    _check("security group", request.params.get("Description", ""))


@RULES.on(
    "ec2",
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "UpdateSecurityGroupRuleDescriptionsIngress",
    "UpdateSecurityGroupRuleDescriptionsEgress",
)
def rule_descriptions(request: AwsRequest, account: Account) -> None:
    """The description of each source of each rule."""
    for description in _descriptions(request):
        _check("rule", description)


def _descriptions(request: AwsRequest) -> Iterator[str]:
    for permission in request.params.get("IpPermissions", []):
        for kind in _SOURCES:
            yield from (source.get("Description", "") for source in permission.get(kind, []))


def _check(what: str, description: str) -> None:
    if not _VALID.fullmatch(description):
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid {what} description. Valid descriptions are strings less than 256 characters from the following "
            "set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )
