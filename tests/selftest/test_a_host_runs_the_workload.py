# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All of it together: hosts as the collection launches them run files/run.sh, trade, and bring their trades to S3."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from jinja2 import Environment, StrictUndefined

from tests.local_aws import LocalAws
from tests.local_aws.account import ACCOUNT_ID
from tests.local_aws.clients import Client
from tests.local_aws.environment import REGION
from tests.local_aws.hosts.processes import find_processes
from tests.local_aws.seed import BUCKETS, SECRET_ID, Seed, apply_seed
from tests.local_aws.seed_models import model_names
from tests.selftest.helpers import IN_METADATA, instance_tags
from tests.selftest.living import ENDED, wait_for
from tests.workload.repository import make_repository, serve_repository

_REPOSITORY = Path(__file__).resolve().parents[2]
_BUCKET = BUCKETS["qa"]
_MODEL = model_names(1)[0]
_PREFIX = f"models/{'/'.join(_MODEL)}/"


@dataclass
class Cloud:
    """The account, and clients for it that are made once."""

    aws: LocalAws
    client: Callable[[str], Client]

    @property
    def ec2(self) -> Client:
        return self.client("ec2")

    def state(self, instance_id: str) -> str:
        found = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    def address(self, instance_id: str) -> str:
        found = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return str(found["PrivateIpAddress"])

    def credential(self) -> str:
        """Return what was seeded as the workload's credential."""
        value = self.client("secretsmanager").get_secret_value(SecretId=SECRET_ID)["SecretString"]
        return str(json.loads(value)["private-key"])

    def files_with(self, text: str) -> list[str]:
        """Return the files of all hosts, and of all else that the local AWS keeps, that hold a text."""
        files = [path for path in self.aws.state.rglob("*") if path.is_file()]
        assert files
        return [str(path) for path in files if text in str(path) or text.encode() in path.read_bytes()]


@pytest.fixture
def cloud(host_programs: None) -> Iterator[Cloud]:
    with LocalAws(hosts=True) as aws:
        made: dict[str, Client] = {}

        def client(service: str) -> Client:
            if service not in made:
                made[service] = aws.client(service)
            return made[service]

        apply_seed(Seed(environment="qa", models=1), client)
        _make_roles(client)
        yield Cloud(aws, client)


@pytest.fixture
def code(cloud: Cloud, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The workload's repository for those who know the seeded credential: its URL and the commit of main."""
    path = tmp_path / "algo-modeling-v2.git"
    commit = make_repository(path)
    with serve_repository(path, cloud.credential()) as url:
        yield url, commit


def _make_roles(client: Callable[[str], Client]) -> None:
    """Make the hosts' roles as roles/iam says, from its own variables."""
    loader = DataLoader()
    known = loader.load_from_file(str(_REPOSITORY / "roles/iam/vars/main.yml"), trusted_as_template=True) | {
        "trading_environment": "qa",
        "trading_region": REGION,
        "trading_bucket": _BUCKET,
        "iam_secret_id": SECRET_ID,
        "iam_dashboard_commands": True,
        "iam_nats_auth": "none",
        "iam_extra_managed_policies": [],
        "iam_account_id": ACCOUNT_ID,
    }
    said = Templar(loader=loader, variables=known)
    iam = client("iam")
    for role in said.template(known["iam__host_roles"]):
        name, profile = role["name"], role["instance_profile"]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(role["assume_role_policy_document"]))
        for arn in role["managed_policies"]:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        for policy in role["inline_policies"]:
            document = json.dumps(policy["document"])
            iam.put_role_policy(RoleName=name, PolicyName=policy["name"], PolicyDocument=document)
        iam.create_instance_profile(InstanceProfileName=profile)
        iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=name)
    statements = said.template(known["iam__bucket_statements"])
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    client("s3").put_bucket_policy(Bucket=_BUCKET, Policy=policy)


def _user_data() -> str:
    # What is rendered is a shell script, and no page.
    templates = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    templates.filters["quote"] = shlex.quote
    template = templates.from_string((_REPOSITORY / "files/user_data.sh.j2").read_text())
    return template.render(trading_bucket=_BUCKET, trading_git_branch="main")


def _launch(cloud: Cloud, image: str, profile: str, *tags: tuple[str, str]) -> str:
    """Launch a host as the module trading_fleet does, and wait until it is up and its agent there."""
    named = [{"Name": "tag:Name", "Values": ["trading-qa"]}]
    instance_id = str(
        cloud.ec2.run_instances(
            ImageId=cloud.ec2.describe_images(Filters=[{"Name": "name", "Values": [image]}])["Images"][0]["ImageId"],
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            SubnetId=cloud.ec2.describe_subnets(Filters=named)["Subnets"][0]["SubnetId"],
            SecurityGroupIds=[cloud.ec2.describe_security_groups(Filters=named)["SecurityGroups"][0]["GroupId"]],
            IamInstanceProfile={"Name": profile},
            MetadataOptions=IN_METADATA,
            TagSpecifications=instance_tags(("Environment", "qa"), *tags),
            UserData=_user_data(),
        )["Instances"][0]["InstanceId"]
    )
    wait_for(lambda: cloud.state(instance_id) == "running")
    asked = {"Filters": [{"Key": "InstanceIds", "Values": [instance_id]}]}
    wait_for(lambda: cloud.client("ssm").describe_instance_information(**asked)["InstanceInformationList"])
    return instance_id


def _start(cloud: Cloud, instance_id: str, **exports: str) -> tuple[dict[str, Any], str]:
    """Send run.sh behind its variables; return the last line's JSON, and all that was said."""
    told = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    script = "\n".join(["#!/usr/bin/env bash", *told, (_REPOSITORY / "files/run.sh").read_text()])
    ssm = cloud.client("ssm")
    command = ssm.send_command(
        InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": [script]}
    )["Command"]["CommandId"]

    def look() -> dict[str, Any]:
        # Unlike GetCommandInvocation, this does not fail while the command is new.
        shown = ssm.list_command_invocations(CommandId=command)["CommandInvocations"]
        if not shown or shown[0]["Status"] not in ENDED:
            return {}
        answer: dict[str, Any] = ssm.get_command_invocation(CommandId=command, InstanceId=instance_id)
        return answer

    result = wait_for(look, seconds=40)
    output = result["StandardOutputContent"] + result["StandardErrorContent"]
    assert (result["Status"], result["ResponseCode"]) == ("Success", 0), output
    return json.loads(result["StandardOutputContent"].splitlines()[-1]), output


def _trades(cloud: Cloud) -> dict[str, str]:
    """Return what is in S3 of the trader's own trades; those that were seeded are called otherwise."""
    s3 = cloud.client("s3")
    listed = s3.list_objects_v2(Bucket=_BUCKET, Prefix=f"{_PREFIX}trades/").get("Contents", [])
    keys = [each["Key"] for each in listed if re.search(r"/trades_\d{8}\.csv$", each["Key"])]
    return {key: s3.get_object(Bucket=_BUCKET, Key=key)["Body"].read().decode() for key in keys}


def test_a_host_runs_the_workload(cloud: Cloud, code: tuple[str, str]) -> None:
    url, commit = code
    told = {"TRADING_REPOSITORY": url, "TRADING_SECRET_ID": SECRET_ID, "TRADING_SETTLE_SECONDS": "1"}
    ingest = _launch(cloud, "alpaca-websocket*", "alpaca_instance_profile_qa", ("Role", "ingest"))
    tags = zip(("ModelType", "Symbol", "ModelNumber"), _MODEL, strict=True)
    trader = _launch(cloud, "trading-server*", "trading_server_instance_profile_qa", ("Role", "trader"), *tags)
    feed, feed_output = _start(cloud, ingest, **told, TRADING_ACTION="start", TRADING_ROLE="ingest", REPLAY_SPEED="20")
    assert feed == {
        "role": "ingest",
        "action": "start",
        "commit": commit,
        "changed": True,
        "services": {"nats": "running", "feed": "running", "dashboard": "running"},
        "address": cloud.address(ingest),
        "error": None,
    }
    told |= {"TRADING_GIT_REF": commit, "TRADING_NATS_ADDRESS": feed["address"]}
    traded, trader_output = _start(cloud, trader, **told, TRADING_ACTION="start", TRADING_ROLE="trader")
    assert traded == {
        "role": "trader",
        "action": "start",
        "commit": commit,
        "changed": True,
        "services": {"upload": "running", "trader": "running"},
        "address": cloud.address(trader),
        "error": None,
    }
    home = cloud.aws.host(trader).home
    wait_for(lambda: list(home.glob("algo-modeling-v2/backup_vscode/trades_*.csv")))
    assert _trades(cloud) == {}
    assert cloud.files_with(cloud.credential()) == []

    cloud.ec2.stop_instances(InstanceIds=[trader])
    wait_for(lambda: cloud.state(trader) == "stopped", seconds=20)
    (uploaded,) = _trades(cloud).values()
    (written,) = (path.read_text() for path in home.glob("algo-modeling-v2/backup_vscode/trades_*.csv"))
    assert uploaded == written
    assert f",{_MODEL[1]},buy," in uploaded
    log = cloud.client("s3").get_object(Bucket=_BUCKET, Key=f"{_PREFIX}logs/app.log")["Body"].read().decode()
    assert "stopped after" in log
    cloud.ec2.stop_instances(InstanceIds=[ingest])
    wait_for(lambda: cloud.state(ingest) == "stopped", seconds=20)

    assert find_processes([ingest, trader]) == {}
    shown = [each["Parameters"] for each in cloud.client("ssm").list_commands()["Commands"]]
    assert len(shown) == 2
    assert cloud.credential() not in json.dumps(shown) + feed_output + trader_output
    assert cloud.files_with(cloud.credential()) == []
