# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instances that live, for the tests of the part `hosts`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.local_aws import LocalAws
from tests.local_aws.hosts.client import LocalHost
from tests.selftest.helpers import TRUST, instance_tags

Value = TypeVar("Value")
MANAGED = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")


def wait_for(look: Callable[[], Value], seconds: float = 10.0) -> Value:
    """Return what `look` returns as soon as that is something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)
    return found


@dataclass
class Living:
    """A local AWS with hosts, an instance profile, and what a launch needs."""

    aws: LocalAws
    clients: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def ec2(self) -> Any:
        return self.clients["ec2"]

    @property
    def ssm(self) -> Any:
        return self.clients["ssm"]

    def prepare(self) -> None:
        """Make an image, and a role that Systems Manager accepts; the network is the account's default one."""
        image = {"Name": "image", "RootDeviceName": "/dev/xvda", "Architecture": "x86_64"}
        disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}
        subnets = self.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        self.parameters = {
            "ImageId": self.ec2.register_image(**image, BlockDeviceMappings=[disk])["ImageId"],
            "InstanceType": "t3.small",
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": subnets[0]["SubnetId"],
        }
        self.make_profile("host")
        self.clients["iam"].attach_role_policy(RoleName="host", PolicyArn=MANAGED)

    def make_profile(self, name: str) -> None:
        """Make a role without policies, and its profile."""
        iam = self.clients["iam"]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    def begin(self, user_data: str = "", *tags: tuple[str, str], **changes: Any) -> str:
        """Launch an instance and return its id at once."""
        parameters = self.parameters | {"UserData": user_data, "IamInstanceProfile": {"Name": "host"}} | changes
        if tags:
            parameters["TagSpecifications"] = instance_tags(*tags)
        instance_id: str = self.ec2.run_instances(**parameters)["Instances"][0]["InstanceId"]
        return instance_id

    def launch(self, user_data: str = "", *tags: tuple[str, str], **changes: Any) -> LocalHost:
        """Launch an instance and wait until it is up."""
        instance_id = self.begin(user_data, *tags, **changes)
        self.wait(instance_id, "running")
        return self.aws.host(instance_id)

    def state(self, instance_id: str) -> str:
        """Return what EC2 says of an instance."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    def wait(self, instance_id: str, state: str) -> None:
        """Wait for a state."""
        wait_for(lambda: self.state(instance_id) == state)

    def stop(self, instance_id: str) -> None:
        """Stop an instance and wait for it."""
        self.ec2.stop_instances(InstanceIds=[instance_id])
        self.wait(instance_id, "stopped")

    def start(self, instance_id: str) -> None:
        """Start an instance and wait for it."""
        self.ec2.start_instances(InstanceIds=[instance_id])
        self.wait(instance_id, "running")

    def send(self, script: str, *instance_ids: str, **more: Any) -> str:
        """Send a script, and return the command's id."""
        given = {"commands": [script], **more.pop("parameters", {})}
        targets = {"InstanceIds": list(instance_ids)} if instance_ids else {}
        command = self.ssm.send_command(DocumentName="AWS-RunShellScript", Parameters=given, **targets, **more)
        return str(command["Command"]["CommandId"])

    def result(self, command_id: str, instance_id: str) -> dict[str, Any]:
        """Wait for the end of a command on one host."""
        missing = self.ssm.exceptions.InvocationDoesNotExist

        def look() -> dict[str, Any]:
            try:
                found: dict[str, Any] = self.ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
            except missing:
                return {}
            return found if found["Status"] in ENDED else {}

        return wait_for(look)

    def run(self, script: str, instance_id: str, **more: Any) -> dict[str, Any]:
        """Send a script to one host, and wait for its end."""
        return self.result(self.send(script, instance_id, **more), instance_id)
