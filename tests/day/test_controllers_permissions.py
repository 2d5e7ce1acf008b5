# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controllers' roles, as site.yml makes them, reach this environment's hosts and no other's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.day.controllers import ROLES, Controllers
from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.local_aws.seed import BUCKETS, SECRET_ID
from tests.playbook import run_playbook

pytestmark = pytest.mark.xdist_group("controllers_permissions")

KINDS = [("qa", "ingest"), ("qa", "trader"), ("dev", "ingest"), ("dev", "trader")]
QA_INGEST, QA_TRADER = KINDS[0], KINDS[1]
# What each function does to which hosts. It may do nothing to any other.
ALLOWED = {
    ("ingest", "start_instances"): {QA_INGEST},
    ("ingest", "stop_instances"): {QA_INGEST},
    ("ingest", "create_tags"): {QA_INGEST},
    ("ingest", "send_command"): {QA_INGEST},
    ("fleet", "start_instances"): {QA_TRADER},
    ("fleet", "stop_instances"): {QA_TRADER},
    ("fleet", "create_tags"): {QA_TRADER},
    ("fleet", "send_command"): {QA_TRADER},
    ("shutdown", "start_instances"): set(),
    ("shutdown", "stop_instances"): {QA_INGEST, QA_TRADER},
    ("shutdown", "create_tags"): {QA_INGEST, QA_TRADER},
    ("shutdown", "send_command"): {QA_TRADER},
}
TAGS = {"ingest": "Repairs", "fleet": "Repairs", "shutdown": "StoppedAt"}
REFUSALS = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"}


@dataclass
class Hosts:
    """A host of each kind in two environments, and the controllers of one of them."""

    account: Account
    controllers: Controllers
    ids: dict[tuple[str, str], str]

    def client(self, function: str, service: str) -> Any:
        return self.controllers.clients_of(ROLES[function])(service)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with LocalAws(hosts=True) as aws:
        aws.instant_hosts()
        account = Account(aws)
        for environment in ("qa", "dev"):
            account.seed(environment, models=1)
        run = run_playbook("qa", aws.environ)
        assert run.status == 0, run.output
        ids = {("qa", host.tags["Role"]): host.instance_id for host in account.hosts("qa")}
        for role in ("ingest", "trader"):
            ids["dev", role] = _launch_like(account, ids["qa", role], {"Environment": "dev", "Role": role})
        assert sorted(ids) == sorted(KINDS)
        yield Hosts(account, Controllers(aws), ids)


def _launch_like(account: Account, instance_id: str, tags: dict[str, str]) -> str:
    """Launch a host that differs from another one by its tags only."""
    (found,) = account.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    like = found["Instances"][0]
    launched = account.ec2.run_instances(
        ImageId=like["ImageId"],
        InstanceType=like["InstanceType"],
        SubnetId=like["SubnetId"],
        IamInstanceProfile={"Arn": like["IamInstanceProfile"]["Arn"]},
        MetadataOptions={"HttpTokens": "required"},
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    new: str = launched["Instances"][0]["InstanceId"]
    return new


def _call(hosts: Hosts, function: str, operation: str, instance_id: str) -> None:
    client = hosts.client(function, "ssm" if operation == "send_command" else "ec2")
    parameters: dict[str, Any] = {"InstanceIds": [instance_id]}
    if operation == "send_command":
        parameters |= {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    elif operation == "create_tags":
        parameters = {"Resources": [instance_id], "Tags": [{"Key": TAGS[function], "Value": "2099"}]}
    getattr(client, operation)(**parameters)


@pytest.mark.parametrize(("function", "operation"), ALLOWED)
def test_a_function_reaches_its_own_hosts_only(hosts: Hosts, function: str, operation: str) -> None:
    allowed = set()
    for kind, instance_id in hosts.ids.items():
        # An earlier case may have stopped it, and a stopped host has no agent.
        hosts.account.ec2.start_instances(InstanceIds=[instance_id])
        try:
            _call(hosts, function, operation, instance_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
        else:
            allowed.add(kind)
    assert allowed == ALLOWED[function, operation]


@pytest.mark.parametrize("function", ROLES)
def test_a_function_does_nothing_that_it_does_not_need(hosts: Hosts, function: str) -> None:
    trader = hosts.ids[QA_TRADER]
    ec2, s3, secrets, ssm = (hosts.client(function, service) for service in ("ec2", "s3", "secretsmanager", "ssm"))
    _refused(secrets.get_secret_value, SecretId=SECRET_ID)
    _refused(s3.list_objects_v2, Bucket=BUCKETS["qa"])
    _refused(ec2.terminate_instances, InstanceIds=[trader])
    for key in {"Role", *TAGS.values()} - {TAGS[function]}:
        _refused(ec2.create_tags, Resources=[trader], Tags=[{"Key": key, "Value": "ingest"}])
    _refused(ec2.create_tags, Resources=[hosts.ids["dev", "trader"]], Tags=[{"Key": "Environment", "Value": "qa"}])
    _refused(ssm.send_command, InstanceIds=[trader], DocumentName="AWS-RunPowerShellScript", Parameters={})


def _refused(call: Any, **parameters: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] in REFUSALS, caught.value
