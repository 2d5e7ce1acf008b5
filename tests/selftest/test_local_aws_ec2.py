# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The strict rules and the gaps of EC2."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.local_aws import LocalAws
from tests.selftest.conftest import Host
from tests.selftest.helpers import IN_METADATA, error_of, instance_tags


def test_terminated_instances_stay_dead(host: Host, ec2: Any, make_profile: Callable[[str], str]) -> None:
    make_profile("profile")
    instance = host.run()["InstanceId"]
    ec2.terminate_instances(InstanceIds=[instance])
    for call in (ec2.start_instances, ec2.stop_instances, ec2.reboot_instances):
        assert error_of(call, InstanceIds=[instance]) == "IncorrectInstanceState"
    for call, parameters in (
        (ec2.modify_instance_attribute, {"InstanceType": {"Value": "t3.medium"}}),
        (ec2.modify_instance_attribute, {"DisableApiTermination": {"Value": True}}),
        (ec2.modify_instance_metadata_options, {"HttpTokens": "required"}),
        (ec2.associate_iam_instance_profile, {"IamInstanceProfile": {"Name": "profile"}}),
    ):
        assert error_of(call, InstanceId=instance, **parameters) == "IncorrectInstanceState"
    ec2.terminate_instances(InstanceIds=[instance])
    assert host.show(instance)["State"]["Name"] == "terminated"


def test_an_interface_goes_with_its_instance_unless_it_is_to_stay(host: Host, ec2: Any) -> None:
    def interfaces() -> int:
        return len(ec2.describe_network_interfaces()["NetworkInterfaces"])

    instance = host.run()["InstanceId"]
    assert interfaces() == 1
    ec2.terminate_instances(InstanceIds=[instance])
    assert interfaces() == 0

    subnet = host.parameters.pop("SubnetId")
    groups = host.parameters.pop("SecurityGroupIds")
    for told, left in ((True, 0), (False, 1)):
        interface = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": groups, "DeleteOnTermination": told}
        ec2.terminate_instances(InstanceIds=[host.run(NetworkInterfaces=[interface])["InstanceId"]])
        assert interfaces() == left


def test_what_is_there_already_is_said_to_be_there(host: Host, ec2: Any) -> None:
    ids = {"InstanceIds": [host.run()["InstanceId"]]}
    said = [
        answer["CurrentState"]["Name"]
        for answer in (
            ec2.start_instances(**ids)["StartingInstances"][0],
            ec2.stop_instances(**ids)["StoppingInstances"][0],
            ec2.stop_instances(**ids)["StoppingInstances"][0],
            ec2.start_instances(**ids)["StartingInstances"][0],
            ec2.terminate_instances(**ids)["TerminatingInstances"][0],
            ec2.terminate_instances(**ids)["TerminatingInstances"][0],
        )
    ]
    assert said == ["running", "stopping", "stopped", "pending", "shutting-down", "terminated"]


def test_reboot_needs_a_running_instance(host: Host, ec2: Any) -> None:
    instance = host.run()["InstanceId"]
    ec2.stop_instances(InstanceIds=[instance])
    assert error_of(ec2.reboot_instances, InstanceIds=[instance]) == "IncorrectInstanceState"
    assert host.show(instance)["State"]["Name"] == "stopped"


def test_one_token_makes_one_instance(host: Host, ec2: Any) -> None:
    first = host.run(ClientToken="token")
    assert first["State"]["Name"] == "pending"
    again = host.run(ClientToken="token")
    assert (again["InstanceId"], again["State"]["Name"]) == (first["InstanceId"], "running")
    ec2.terminate_instances(InstanceIds=[first["InstanceId"]])
    ec2.deregister_image(ImageId=host.parameters["ImageId"])
    dead = host.run(ClientToken="token")
    assert (dead["InstanceId"], dead["State"]["Name"]) == (first["InstanceId"], "terminated")
    found = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["token"]}])["Reservations"]
    assert [each["ClientToken"] for reservation in found for each in reservation["Instances"]] == ["token"]


def test_one_token_makes_another_instance_in_another_zone(host: Host, ec2: Any) -> None:
    subnets = ec2.describe_subnets(Filters=[{"Name": "tag:Name", "Values": ["trading-dev"]}])["Subnets"]
    made = [host.run(ClientToken="token", SubnetId=each["SubnetId"])["InstanceId"] for each in subnets * 2]
    assert (made[:2], len(set(made))) == (made[2:], 2)


def test_a_token_belongs_to_its_parameters(host: Host, ec2: Any) -> None:
    host.run(ClientToken="token")
    assert error_of(host.run, ClientToken="token", InstanceType="t3.medium") == "IdempotentParameterMismatch"
    assert error_of(host.run, ClientToken="x" * 65) == "InvalidParameterValue"
    assert len(ec2.describe_instances()["Reservations"]) == 1


def test_a_failed_launch_uses_up_no_token(host: Host, ec2: Any) -> None:
    assert error_of(host.run, ClientToken="token", KeyName="none") == "InvalidKeyPair.NotFound"
    assert error_of(host.run, ClientToken="token", DryRun=True) == "DryRunOperation"
    host.run(ClientToken="token")


def test_one_token_at_the_same_moment(host: Host, ec2: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        launched = list(pool.map(lambda _: host.run(ClientToken="token")["InstanceId"], range(8)))
    assert len(set(launched)) == 1
    assert len(ec2.describe_instances()["Reservations"]) == 1


def test_a_start_changes_the_launch_time_and_nothing_else(aws: LocalAws, host: Host, ec2: Any) -> None:
    before = host.run()
    time.sleep(1)
    ec2.start_instances(InstanceIds=[before["InstanceId"]])
    ec2.stop_instances(InstanceIds=[before["InstanceId"]])
    stopped = host.show(before["InstanceId"])
    assert stopped["LaunchTime"] == before["LaunchTime"]
    ec2.start_instances(InstanceIds=[before["InstanceId"]])
    after = host.show(before["InstanceId"])
    assert after["LaunchTime"] > before["LaunchTime"]
    assert after["PrivateIpAddress"] == stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert ip_address(before["PrivateIpAddress"]) in ip_network(aws.networks["dev"])


def test_a_launch_at_its_limits(host: Host) -> None:
    tags = instance_tags(*((f"{n:03}" + "k" * 125, "v" * 256) for n in range(50)))
    host.run(UserData="x" * 16_384, TagSpecifications=tags, MetadataOptions=IN_METADATA, ClientToken="t" * 64)


def test_groups_of_another_vpc(host: Host, ec2: Any) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="other", Description="other", VpcId=vpc)["GroupId"]
    assert error_of(host.run, SecurityGroupIds=[group]) == "InvalidParameter"
    instance = host.run()["InstanceId"]
    assert error_of(ec2.modify_instance_attribute, InstanceId=instance, Groups=[group]) == "InvalidParameter"


def test_groups_can_be_changed(host: Host, ec2: Any) -> None:
    instance = host.run()
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["trading-dev"]}])["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="other", Description="other", VpcId=vpc)["GroupId"]
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], Groups=[group])
    shown = host.show(instance["InstanceId"])
    assert [each["GroupId"] for each in shown["SecurityGroups"]] == [group]
    assert [each["GroupId"] for each in shown["NetworkInterfaces"][0]["Groups"]] == [group]


def test_type_and_user_data_change_only_when_stopped(host: Host, ec2: Any) -> None:
    instance = host.run(UserData="old")["InstanceId"]
    for change in ({"InstanceType": {"Value": "t3.medium"}}, {"UserData": {"Value": b"new"}}):
        assert error_of(ec2.modify_instance_attribute, InstanceId=instance, **change) == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[instance])
    ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "t3.medium"})
    ec2.modify_instance_attribute(InstanceId=instance, UserData={"Value": b"new"})
    data = ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"]
    assert (host.show(instance)["InstanceType"], base64.b64decode(data)) == ("t3.medium", b"new")


def test_metadata_options_keep_what_is_not_named(host: Host, ec2: Any) -> None:
    instance = host.run(MetadataOptions=IN_METADATA)["InstanceId"]
    ec2.modify_instance_metadata_options(InstanceId=instance, HttpPutResponseHopLimit=2)
    options = host.show(instance)["MetadataOptions"]
    assert options["HttpPutResponseHopLimit"] == 2
    assert {name: options[name] for name in IN_METADATA} == IN_METADATA


def test_metadata_tags_are_checked_later_too(host: Host, ec2: Any) -> None:
    instance = host.run(TagSpecifications=instance_tags(("a/b", "")))["InstanceId"]
    call = ec2.modify_instance_metadata_options
    assert error_of(call, InstanceId=instance, InstanceMetadataTags="enabled") == "InvalidParameterValue"
    ec2.delete_tags(Resources=[instance], Tags=[{"Key": "a/b"}])
    ec2.modify_instance_metadata_options(InstanceId=instance, InstanceMetadataTags="enabled")
    wrong = [{"Key": "c d", "Value": ""}]
    assert error_of(ec2.create_tags, Resources=[instance], Tags=wrong) == "InvalidParameterValue"


def test_every_instance_of_a_launch_has_its_profile(
    host: Host, ec2: Any, make_profile: Callable[[str], str], iam: Any
) -> None:
    arns = [make_profile(name) for name in ("one", "two")]
    launch = host.parameters | {"MinCount": 2, "MaxCount": 2, "IamInstanceProfile": {"Name": "one"}}
    launched = ec2.run_instances(**launch)["Instances"]
    assert [each["IamInstanceProfile"]["Arn"] for each in launched] == [arns[0], arns[0]]
    found = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [launched[1]["InstanceId"]]}]
    )["IamInstanceProfileAssociations"]
    ec2.replace_iam_instance_profile_association(
        AssociationId=found[0]["AssociationId"], IamInstanceProfile={"Name": "two"}
    )
    profile = iam.get_instance_profile(InstanceProfileName="two")["InstanceProfile"]
    shown = host.show(launched[1]["InstanceId"])["IamInstanceProfile"]
    assert shown == {"Arn": arns[1], "Id": profile["InstanceProfileId"]}
    iam.create_instance_profile(InstanceProfileName="empty")
    assert error_of(host.run, IamInstanceProfile={"Name": "empty"}) == "InvalidParameterValue"


@pytest.mark.parametrize("mappings", [None, [{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}]])
def test_the_image_gives_the_root_disk(host: Host, ec2: Any, mappings: list[dict[str, Any]] | None) -> None:
    instance = host.run(**({"BlockDeviceMappings": mappings} if mappings else {}))
    disks = {each["DeviceName"]: each["Ebs"] for each in instance["BlockDeviceMappings"]}
    assert disks["/dev/xvda"]["DeleteOnTermination"]
    assert len(disks) == (2 if mappings else 1)
    volume = ec2.describe_volumes(VolumeIds=[disks["/dev/xvda"]["VolumeId"]])["Volumes"][0]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (8, "gp3", False)


def test_disks_as_told(host: Host, ec2: Any) -> None:
    ebs = {"VolumeSize": 14, "VolumeType": "gp3", "Encrypted": True}
    instance = host.run(BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": ebs}])["InstanceId"]
    attached = [{"Name": "attachment.instance-id", "Values": [instance]}]
    volumes = ec2.describe_volumes(Filters=attached)["Volumes"]
    assert [(each["Size"], each["VolumeType"], each["Encrypted"]) for each in volumes] == [(14, "gp3", True)]
    change = [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}]
    assert host.show(instance)["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is True
    ec2.modify_instance_attribute(InstanceId=instance, BlockDeviceMappings=change)
    assert host.show(instance)["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is False


def test_a_disk_that_is_not_there_cannot_be_changed(host: Host, ec2: Any) -> None:
    instance = host.run()["InstanceId"]
    change = [{"DeviceName": "/dev/sdz", "Ebs": {"DeleteOnTermination": True}}]
    call = ec2.modify_instance_attribute
    assert error_of(call, InstanceId=instance, BlockDeviceMappings=change) == "InvalidInstanceAttributeValue"


def test_filters_take_wildcards(host: Host, ec2: Any) -> None:
    instance = host.run(TagSpecifications=instance_tags(("Name", "trading-server-dev-1")))["InstanceId"]
    for name, values in (("instance-type", ["t3.*"]), ("tag:Name", ["trading-server-*"]), ("image-id", ["ami-*"])):
        found = ec2.describe_instances(Filters=[{"Name": name, "Values": values}])["Reservations"]
        assert [each["Instances"][0]["InstanceId"] for each in found] == [instance]
    assert ec2.describe_instances(Filters=[{"Name": "instance-type", "Values": ["t2.*"]}])["Reservations"] == []


@pytest.mark.parametrize(
    ("call", "parameters", "code"),
    [
        ("describe_instances", {"MaxResults": 4}, "InvalidParameterValue"),
        ("describe_instances", {"MaxResults": 1001}, "InvalidParameterValue"),
        ("describe_instances", {"InstanceIds": ["i-1"], "MaxResults": 5}, "InvalidParameterCombination"),
        ("describe_instance_status", {"InstanceIds": ["i-1"], "MaxResults": 5}, "InvalidParameterCombination"),
        ("describe_instance_status", {"InstanceIds": [f"i-{n}" for n in range(101)]}, "InvalidParameterValue"),
        ("create_tags", {"Resources": ["i-1"] * 1001, "Tags": [{"Key": "k", "Value": ""}]}, "InvalidParameterValue"),
        ("delete_tags", {"Resources": ["i-1"] * 1001}, "InvalidParameterValue"),
    ],
)
def test_limits(ec2: Any, call: str, parameters: dict[str, Any], code: str) -> None:
    assert error_of(getattr(ec2, call), **parameters) == code


def test_tags_add_up(host: Host, ec2: Any) -> None:
    instance = host.run(TagSpecifications=instance_tags(*((f"k{n}", "") for n in range(50))))["InstanceId"]
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "k0", "Value": "new"}])
    more = [{"Key": "one too many", "Value": ""}]
    assert error_of(ec2.create_tags, Resources=[instance], Tags=more) == "TagLimitExceeded"


def test_a_command_goes_to_at_most_50_ids(aws: LocalAws, clients: dict[str, Any]) -> None:
    ids = [f"i-{n:017}" for n in range(51)]
    command = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    assert error_of(clients["ssm"].send_command, InstanceIds=ids, **command) == "ValidationException"


def test_no_command_is_called_a_success_that_never_ran(clients: dict[str, Any]) -> None:
    command = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    ids = ["i-00000000000000000"]
    assert error_of(clients["ssm"].send_command, InstanceIds=ids, **command) == "NotImplementedByLocalAws"
