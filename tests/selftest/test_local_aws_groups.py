# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Descriptions of security groups and their rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.selftest.conftest import Host
from tests.selftest.helpers import error_of

ALLOWED = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"


def permission(kind: str, source: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, kind: [source]}]


@pytest.mark.parametrize("description", ["a host's own", "a -> b", "modèle", "x" * 256])
def test_what_ec2_does_not_print_is_refused(host: Host, description: str) -> None:
    ec2, group = host.ec2, host.parameters["SecurityGroupIds"][0]
    create = {"GroupName": "new", "Description": description}
    assert error_of(ec2.create_security_group, **create) == "InvalidParameterValue"
    for kind, source in (("IpRanges", {"CidrIp": "10.0.0.0/8"}), ("UserIdGroupPairs", {"GroupId": group})):
        wanted = {"GroupId": group, "IpPermissions": permission(kind, source | {"Description": description})}
        for call in (ec2.authorize_security_group_ingress, ec2.authorize_security_group_egress):
            assert error_of(call, **wanted) == "InvalidParameterValue"


def test_what_ec2_prints_is_taken(host: Host) -> None:
    ec2, group = host.ec2, host.parameters["SecurityGroupIds"][0]
    source = {"CidrIp": "10.0.0.0/8", "Description": ALLOWED}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission("IpRanges", source))
    ec2.create_security_group(GroupName="new", Description="x" * 255)
