# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An environment that the old Terraform stack made is taken over in place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.integration.account import Account, Host
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import model_names
from tests.playbook import Site

BUCKET = BUCKETS["qa"]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


class OldStack:
    """Builds what Terraform left: no Role tags, t2.small, a key pair, IMDSv1, plain disks, one user data per model."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.ec2 = account.ec2
        self.network = {"Filters": [{"Name": "tag:Name", "Values": ["trading-qa"]}]}

    def build(self) -> None:
        self.account.seed("qa", models=4)
        self.ec2.create_key_pair(KeyName="algo-deployment")
        self._role("alpaca_instance_role_qa", "alpaca_instance_profile_qa", "s3-config-read-qa")
        self._role("trading_server_instance_role_qa", "trading_server_instance_profile_qa", "s3-full-access-qa")
        self._bucket_policy()
        self._host("alpaca-websocket*", "alpaca_instance_profile_qa", {"Name": "alpaca-websocket-ingest-qa"})
        for kind, symbol, number in model_names(4):
            tags = {"ModelType": kind, "Symbol": symbol, "ModelNumber": number, "CostCenter": "trading"}
            name = {"Name": f"trading-server-qa-{symbol}-{kind}-{number}"}
            self._host("trading-server*", "trading_server_instance_profile_qa", {**name, "Environment": "qa", **tags})

    def _role(self, role: str, profile: str, policy: str) -> None:
        iam = self.account.iam
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(EVERYTHING))
        iam.create_instance_profile(InstanceProfileName=profile)
        iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)

    def _bucket_policy(self) -> None:
        """Terraform's three statements, and one that somebody else has added since."""
        role = self.account.iam.get_role(RoleName="trading_server_instance_role_qa")["Role"]["Arn"]
        whole = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
        statements = [
            {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": role}, "Action": action, "Resource": whole[resource]}
            for sid, action, resource in (
                ("AllowListBucket", "s3:ListBucket", 0),
                ("AllowGetObject", "s3:GetObject", 1),
                ("AllowPutObject", "s3:PutObject", 1),
            )
        ]
        tls_only = {
            "Sid": "DenyPlainHttp",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": whole,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        policy = {"Version": "2012-10-17", "Statement": [tls_only, *statements]}
        self.account.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))

    def _host(self, images: str, profile: str, tags: dict[str, str]) -> None:
        image = self.ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [images]}])["Images"][0]
        device = {"DeviceName": image["RootDeviceName"], "Ebs": {"VolumeSize": 14, "VolumeType": "gp3"}}
        self.ec2.run_instances(
            ImageId=image["ImageId"],
            InstanceType="t2.small",
            KeyName="algo-deployment",
            SubnetId=self.ec2.describe_subnets(**self.network)["Subnets"][0]["SubnetId"],
            SecurityGroupIds=[self.ec2.describe_security_groups(**self.network)["SecurityGroups"][0]["GroupId"]],
            IamInstanceProfile={"Name": profile},
            UserData=f"#!/bin/bash\necho {tags['Name']}",
            MetadataOptions={"HttpTokens": "optional", "HttpPutResponseHopLimit": 2},
            BlockDeviceMappings=[device],
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ],
        )


@pytest.fixture
def old_stack(account: Account) -> OldStack:
    stack = OldStack(account)
    stack.build()
    return stack


def test_the_old_stack_is_taken_over_in_place(account: Account, old_stack: OldStack, site: Site) -> None:
    before = _hosts_by_name(account)
    assert len(before) == 5
    account.aws.forget_calls()

    run = site("qa")

    restless = {"ec2:RunInstances", "ec2:StopInstances", "ec2:StartInstances", "ec2:TerminateInstances"}
    assert not restless & set(account.mutating_calls())
    after = _hosts_by_name(account)
    assert {name: (host.instance_id, host.launch_time, host.state) for name, host in after.items()} == {
        name: (host.instance_id, host.launch_time, "running") for name, host in before.items()
    }
    for name, host in after.items():
        assert host.tags["Role"] == ("ingest" if "ingest" in name else "trader")
        assert host.tags["Environment"] == "qa"
        assert host.tags.items() >= before[name].tags.items(), "tags of others stay"
        assert host.described["MetadataOptions"]["HttpTokens"] == "required"
        assert account.volume(host)["Encrypted"] is False, "a disk cannot be encrypted in place"
    unfolded = " ".join(run.output.split())
    for attribute in ("user_data", "volume_encrypted", "instance_type", "key_name"):
        assert re.search(rf"differs in [^;]*\b{attribute}\b", unfolded), f"{attribute} is not reported"
    _check_policies(account)
    # A trader may live on a policy that is superseded.
    changes = account.mutating_calls()
    assert changes.index("s3:PutBucketPolicy") < changes.index("iam:DeleteRolePolicy")

    account.aws.forget_calls()
    assert site("qa").changed == 0
    assert account.mutating_calls() == []


def _hosts_by_name(account: Account) -> dict[str, Host]:
    pages = account.ec2.get_paginator("describe_instances").paginate()
    found = {}
    for instance in pages.search("Reservations[].Instances[]"):
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        launch_time = instance["LaunchTime"].isoformat()
        found[tags["Name"]] = Host(instance["InstanceId"], instance["State"]["Name"], launch_time, tags, instance)
    return found


def _check_policies(account: Account) -> None:
    statements: dict[str, dict[str, Any]] = {
        statement["Sid"]: statement for statement in account.bucket_policy("qa")["Statement"]
    }
    assert statements.keys() == {"DenyPlainHttp", "AllowListBucket", "AllowGetObject", "AllowPutObject"}
    assert f"arn:aws:s3:::{BUCKET}/*" not in statements["AllowPutObject"]["Resource"]
    assert "s3-full-access-qa" not in account.role("trading_server_instance_role_qa").inline
    assert account.role("alpaca_instance_role_qa").inline["s3-config-read-qa"] != EVERYTHING
