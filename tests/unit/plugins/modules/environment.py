# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment qa in the local AWS: network, images and profiles, and the module trading_fleet applied to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.algotrading.aws.plugins.modules.trading_fleet import main

from tests.unit.plugins.support import Account, Outcome, RunModule

OLD_IMAGE, NEW_IMAGE = "trading-server-1", "trading-server-2"
USER_DATA = "#!/bin/bash\necho 'first boot'\n"
PROFILE = "trading_server_instance_profile_qa"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def model_of(name: object) -> dict[str, str]:
    return {"model_type": "long", "symbol": "SOXL", "model_number": f"{name}-outer_1_inner_1"}


def name_of(name: object) -> str:
    return f"trading-server-qa-SOXL-long-{name}-outer_1_inner_1"


def tag_list(tags: Mapping[str, str | None]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items() if value is not None]


class Environment:
    """A model is named by one letter (or number), as in `run("abc")`; so is its server."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.ec2 = aws.client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.11.0.0/16")["Vpc"]["VpcId"]
        blocks = {"us-east-1a": "10.11.0.0/20", "us-east-1b": "10.11.16.0/20"}
        self.subnets = sorted(self.subnet(zone, block) for zone, block in blocks.items())
        self.group = self.security_group("trading-qa")
        self.images: dict[str, str] = {}
        self.register(OLD_IMAGE, NEW_IMAGE)
        self.profile(PROFILE)

    # What is there beside servers

    def register(self, *names: str, root: str = "/dev/xvda") -> None:
        """Register images, each newer than those before it."""
        for name in names:
            disk = {"DeviceName": root, "Ebs": {"VolumeSize": 8}}
            image = self.ec2.register_image(Name=name, RootDeviceName=root, BlockDeviceMappings=[disk])
            self.images[name] = image["ImageId"]

    def profile(self, name: str) -> str:
        iam = self.aws.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return name

    def subnet(self, zone: str, block: str) -> str:
        subnet: dict[str, str] = self.ec2.create_subnet(VpcId=self.vpc, AvailabilityZone=zone, CidrBlock=block)[
            "Subnet"
        ]
        return subnet["SubnetId"]

    def security_group(self, name: str) -> str:
        group: str = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
        return group

    def key_pair(self) -> str:
        names = {pair["KeyName"] for pair in self.ec2.describe_key_pairs()["KeyPairs"]}
        if "algo-deployment" not in names:
            # One that is imported is there at once; one that is created takes a tenth of a second.
            self.ec2.import_key_pair(KeyName="algo-deployment", PublicKeyMaterial=PUBLIC_KEY)
        return "algo-deployment"

    def old_host(
        self,
        name: str,
        *,
        tags: Mapping[str, str | None] | None = None,
        profile: str | None = PROFILE,
        image: str = NEW_IMAGE,
        root: str = "/dev/xvda",
        delete_on_termination: bool = True,
    ) -> str:
        """Launch a trading server as the old stack did, and return its id. A tag that is None is left out."""
        own = {
            "Name": name_of(name),
            "Environment": "qa",
            "ModelType": "long",
            "Symbol": "SOXL",
            "ModelNumber": f"{name}-outer_1_inner_1" if name else None,
        }
        disk = {"VolumeSize": 14, "VolumeType": "gp3", "DeleteOnTermination": delete_on_termination}
        launched = self.ec2.run_instances(
            MinCount=1,
            MaxCount=1,
            ImageId=self.images[image],
            InstanceType="t2.small",
            KeyName=self.key_pair(),
            SubnetId=self.subnets[0],
            SecurityGroupIds=[self.group],
            UserData=f"old {name}",
            MetadataOptions={"HttpTokens": "optional"},
            BlockDeviceMappings=[{"DeviceName": root, "Ebs": disk}],
            TagSpecifications=[{"ResourceType": "instance", "Tags": tag_list({**own, **(tags or {})})}],
            **({"IamInstanceProfile": {"Name": profile}} if profile else {}),
        )
        instance_id: str = launched["Instances"][0]["InstanceId"]
        return instance_id

    # The module

    def run(self, models: Iterable[object] | None = "a", *, check: bool = False, **args: Any) -> Outcome:
        """Run the module for these models; the log of calls is then that of this run. An argument None is left out."""
        if models is not None and not isinstance(models, list):
            models = [model_of(name) for name in models]
        given = {
            "environment": "qa",
            "role": "trader",
            "models": models,
            "image_name": "trading-server*",
            "subnet_ids": self.subnets,
            "security_group_ids": [self.group],
            "iam_instance_profile": PROFILE,
            "user_data": USER_DATA,
            **args,
        }
        self.aws.forget_calls()
        wanted = {key: value for key, value in given.items() if value is not None}
        return self.run_module(main, check=check, **wanted)

    def run_ingest(self, **args: Any) -> Outcome:
        return self.run(None, role="ingest", **args)

    def remove(self, *, role: str = "trader", check: bool = False) -> Outcome:
        """Run the module to take the fleet away, with nothing that this does not need."""
        self.aws.forget_calls()
        return self.run_module(main, check=check, environment="qa", role=role, state="absent")

    # What there is then

    def hosts(self, name: str | None = None) -> list[dict[str, Any]]:
        """Every instance that EC2 shows, or those of one model."""
        pages = self.ec2.get_paginator("describe_instances").paginate()
        found = [host for page in pages for reservation in page["Reservations"] for host in reservation["Instances"]]
        mine = [host for host in found if name is None or self.model(host) == name]
        return sorted(mine, key=lambda host: str(host["InstanceId"]))

    def host(self, instance_id: str) -> dict[str, Any]:
        return next(host for host in self.hosts() if host["InstanceId"] == instance_id)

    def ids(self, name: str) -> list[str]:
        """The ids of a model's instances that are not terminated."""
        return [host["InstanceId"] for host in self.hosts(name) if host["State"]["Name"] != "terminated"]

    def life(self, name: str) -> tuple[str, Any, str]:
        """What changes when a server is restarted or replaced."""
        (host,) = self.hosts(name)
        return host["InstanceId"], host["LaunchTime"], host["State"]["Name"]

    def states(self) -> dict[str, list[str]]:
        """The states of each model's instances."""
        states: dict[str, list[str]] = {}
        for host in self.hosts():
            if self.model(host):
                states.setdefault(self.model(host), []).append(host["State"]["Name"])
        return {name: sorted(states[name]) for name in states}

    def disks(self) -> list[dict[str, Any]]:
        disks: list[dict[str, Any]] = self.ec2.describe_volumes()["Volumes"]
        return disks

    def disk(self, name: str) -> dict[str, Any]:
        """The root disk of a model's server."""
        (host,) = self.hosts(name)
        volume_id = host["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        return next(disk for disk in self.disks() if disk["VolumeId"] == volume_id)

    def everything(self) -> tuple[Any, ...]:
        return self.hosts(), self.disks(), self.ec2.describe_tags()["Tags"]

    def tags(self, described: dict[str, Any]) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}

    def model(self, host: dict[str, Any]) -> str:
        return self.tags(host).get("ModelNumber", "").partition("-outer")[0]
