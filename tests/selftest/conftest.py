# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clients of the local AWS, and a host to launch in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local_aws import LocalAws
from tests.local_aws.seed_images import seed_images
from tests.local_aws.seed_network import seed_network
from tests.selftest.helpers import TRUST
from tests.selftest.living import Living


@pytest.fixture(scope="session")
def clients(server: LocalAws) -> dict[str, Any]:
    names = ("ec2", "iam", "s3", "ssm", "sts")
    return {name: server.client(name) for name in names}


@pytest.fixture
def ec2(aws: LocalAws, clients: dict[str, Any]) -> Any:
    return clients["ec2"]


@pytest.fixture
def iam(aws: LocalAws, clients: dict[str, Any]) -> Any:
    return clients["iam"]


@pytest.fixture
def s3(aws: LocalAws, clients: dict[str, Any]) -> Any:
    return clients["s3"]


@dataclass
class Host:
    """What a launch in the seeded network of dev needs."""

    ec2: Any
    parameters: dict[str, Any]

    def run(self, **changes: Any) -> dict[str, Any]:
        """Launch one instance and return it."""
        instances: list[dict[str, Any]] = self.ec2.run_instances(**(self.parameters | changes))["Instances"]
        return instances[0]

    def show(self, instance_id: str) -> dict[str, Any]:
        """Return the instance as it is now."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
        instance: dict[str, Any] = found[0]
        return instance


def _make_host(ec2: Any) -> Host:
    seed_images(ec2)
    seed_network(ec2, "dev")
    named = [{"Name": "tag:Name", "Values": ["trading-dev"]}]
    return Host(
        ec2,
        {
            "ImageId": ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"],
            "InstanceType": "t3.small",
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": ec2.describe_subnets(Filters=named)["Subnets"][0]["SubnetId"],
            "SecurityGroupIds": [ec2.describe_security_groups(Filters=named)["SecurityGroups"][0]["GroupId"]],
        },
    )


@pytest.fixture
def host(ec2: Any) -> Host:
    return _make_host(ec2)


@pytest.fixture(scope="module")
def lasting_host(server: LocalAws, clients: dict[str, Any]) -> Host:
    """For a module whose tests change nothing, so that they need not seed again."""
    server.reset()
    return _make_host(clients["ec2"])


@pytest.fixture
def make_profile(iam: Any) -> Callable[[str], str]:
    def make(name: str) -> str:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        arn: str = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"]
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return arn

    return make


@pytest.fixture(scope="session")
def hosts_server() -> Iterator[LocalAws]:
    """One endpoint with hosts for all tests of this process that need one."""
    with LocalAws(hosts=True) as aws:
        yield aws


@pytest.fixture(scope="session")
def hosts_clients(hosts_server: LocalAws) -> dict[str, Any]:
    # A lost answer must be seen by the test, not by boto3's own second attempt: make_client allows one only.
    return {name: hosts_server.client(name) for name in ("ec2", "iam", "s3", "ssm", "sts", "secretsmanager")}


@pytest.fixture
def living(hosts_server: LocalAws, hosts_clients: dict[str, Any]) -> Living:
    """An account in which instances live; the short times are those that no test looks at."""
    hosts_server.reset()
    hosts_server.set_hosts(grace=5.0, initializing=0.0, invocation_delay=0.0)
    living = Living(hosts_server, hosts_clients)
    living.prepare()
    return living
