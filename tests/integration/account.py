# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads an AWS account as another tool of the stack's owner would, through boto3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.local_aws import LocalAws
from tests.local_aws.seed import BUCKETS, Seed, apply_seed

LIVE = ["pending", "running", "stopping", "stopped"]
# By which a run has an environment to itself: no part of the environment, and written whatever becomes of the run.
LOCK_CALLS = {"PutParameter", "DeleteParameters"}


@dataclass(frozen=True)
class Host:
    """One EC2 instance with its tags as a dictionary."""

    instance_id: str
    state: str
    launch_time: str
    tags: dict[str, str]
    described: dict[str, Any]

    @property
    def name(self) -> str:
        return self.tags["Name"]


@dataclass(frozen=True)
class Role:
    """One IAM role with its policies and profiles."""

    trust: dict[str, Any]
    managed: list[str]
    inline: dict[str, dict[str, Any]]
    profiles: list[str]


class Account:
    """The account behind a local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.ec2 = aws.client("ec2")
        self.iam = aws.client("iam")
        self.s3 = aws.client("s3")

    def seed(self, environment: str, **options: Any) -> None:
        apply_seed(Seed(environment=environment, **options), self.aws.client)

    def hosts(self, environment: str) -> list[Host]:
        """The live instances of an environment, by name."""
        pages = self.ec2.get_paginator("describe_instances").paginate(
            Filters=[
                {"Name": "tag:Environment", "Values": [environment]},
                {"Name": "instance-state-name", "Values": LIVE},
            ]
        )
        hosts = []
        for reservation in pages.search("Reservations[]"):
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
                launch_time = instance["LaunchTime"].isoformat()
                hosts.append(Host(instance["InstanceId"], instance["State"]["Name"], launch_time, tags, instance))
        return sorted(hosts, key=lambda host: host.name)

    def traders(self, environment: str) -> list[Host]:
        return [host for host in self.hosts(environment) if "ModelNumber" in host.tags]

    def volume(self, host: Host) -> dict[str, Any]:
        """The host's root volume."""
        volume_id = host.described["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        return self.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]

    def user_data(self, host: Host) -> str:
        answer = self.ec2.describe_instance_attribute(InstanceId=host.instance_id, Attribute="userData")
        return answer["UserData"].get("Value", "")

    def role(self, name: str) -> Role:
        inline = {
            policy: self.iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in self.iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        attached = self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        profiles = self.iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]
        return Role(
            trust=self.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
            managed=sorted(policy["PolicyArn"] for policy in attached),
            inline=inline,
            profiles=[profile["InstanceProfileName"] for profile in profiles],
        )

    def role_names(self) -> list[str]:
        return sorted(role["RoleName"] for role in self.iam.list_roles()["Roles"])

    def bucket_policy(self, environment: str) -> dict[str, Any]:
        """The environment's bucket's policy, empty when there is none."""
        try:
            return json.loads(self.s3.get_bucket_policy(Bucket=BUCKETS[environment])["Policy"])
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
                raise
            return {}

    def snapshot(self, environment: str) -> dict[str, Any]:
        """Everything that the collection makes for an environment, to be compared with a later look."""
        named = {"Filters": [{"Name": "tag:Name", "Values": [f"trading-{environment}"]}]}
        hosts = self.hosts(environment)
        return {
            "hosts": [(host.described, host.tags, self.volume(host)) for host in hosts],
            "subnets": self.ec2.describe_subnets(**named)["Subnets"],
            "security_groups": self.ec2.describe_security_groups(**named)["SecurityGroups"],
            "roles": {name: self.role(name) for name in self.role_names() if name.endswith(f"_{environment}")},
            "bucket_policy": self.bucket_policy(environment),
        }

    def mutating_calls(self) -> list[str]:
        """The calls since the last forget_calls that changed something but the lock, as service:Operation."""
        calls = [call for call in self.aws.calls() if call.mutating and call.operation not in LOCK_CALLS]
        return [f"{call.service}:{call.operation}" for call in calls]
