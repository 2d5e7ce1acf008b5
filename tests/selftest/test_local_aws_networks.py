# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No two servers have hosts at the same address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from ipaddress import ip_network
from itertools import combinations

import pytest

from tests.local_aws import LocalAws
from tests.local_aws.client import REPOSITORY
from tests.local_aws.networks import Networks, TakenError


def test_two_servers_have_different_networks(server: LocalAws) -> None:
    with LocalAws() as other:
        cidrs = [ip_network(cidr) for aws in (server, other) for cidr in aws.networks.values()]
    assert len(cidrs) == 6
    assert not any(one.overlaps(another) for one, another in combinations(cidrs, 2))
    assert all(cidr.is_loopback for cidr in cidrs)


def test_seeding_by_the_command_line_asks_the_endpoint_for_its_networks(aws: LocalAws) -> None:
    command = [sys.executable, "-m", "tests.local_aws", "seed", "--env", "qa", "--models", "1"]
    subprocess.run(command, cwd=REPOSITORY, env=aws.environ, check=True)
    named = [{"Name": "tag:Name", "Values": ["trading-qa"]}]
    (vpc,) = aws.client("ec2").describe_vpcs(Filters=named)["Vpcs"]
    assert vpc["CidrBlock"] == aws.networks["qa"]


def test_the_networks_of_a_server_that_was_killed_are_free_again() -> None:
    aws = LocalAws()
    aws.start()
    block = int(aws.networks["dev"].split(".")[1])
    with pytest.raises(TakenError, match=f"from 127.{block}.0.0"):
        Networks(block)
    os.kill(aws.pid, signal.SIGKILL)
    aws.stop()
    Networks(block).release()
