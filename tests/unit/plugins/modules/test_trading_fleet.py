# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module trading_fleet, on the local AWS."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils import _fleet_read
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_apply import Fleet
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import Launch, trading_server
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import Action, Plan
from ansible_collections.algotrading.aws.plugins.module_utils._models import Model

from tests.unit.plugins.modules.environment import (
    NEW_IMAGE,
    OLD_IMAGE,
    USER_DATA,
    Environment,
    model_of,
    name_of,
    tag_list,
)
from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule


@pytest.fixture
def fleet(aws: Account, run_module: RunModule) -> Environment:
    return Environment(aws, run_module)


def kinds(outcome: Outcome) -> dict[str, int]:
    return dict(Counter(action["action"] for action in outcome["actions"]))


def steps(outcome: Outcome) -> list[tuple[str, str]]:
    """The actions' kinds and the last parts of their servers' names, in an order of their own."""
    return sorted((action["action"], action["name"].rpartition("-long-")[2][:1]) for action in outcome["actions"])


# A new fleet


def test_every_model_gets_a_server_with_all_that_the_contract_promises(fleet: Environment) -> None:
    assert fleet.run("a").changed
    (host,) = fleet.hosts()
    assert host["State"]["Name"] == "running"
    assert (host["ImageId"], host["InstanceType"]) == (fleet.images[NEW_IMAGE], "t3.small")
    assert "KeyName" not in host
    assert host["SubnetId"] in fleet.subnets
    assert [group["GroupId"] for group in host["SecurityGroups"]] == [fleet.group]
    assert host["IamInstanceProfile"]["Arn"].endswith("instance-profile/trading_server_instance_profile_qa")
    wanted = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled"}
    assert wanted.items() <= host["MetadataOptions"].items()
    assert fleet.tags(host) == {
        "Name": "trading-server-qa-SOXL-long-a-outer_1_inner_1",
        "Environment": "qa",
        "Role": "trader",
        "ModelType": "long",
        "Symbol": "SOXL",
        "ModelNumber": "a-outer_1_inner_1",
        "UserDataDigest": hashlib.sha256(USER_DATA.encode()).hexdigest(),
    }


def test_a_new_server_has_an_encrypted_disk_that_ends_with_it(fleet: Environment) -> None:
    fleet.run("a")
    (host,) = fleet.hosts()
    (mapping,) = host["BlockDeviceMappings"]
    assert (mapping["DeviceName"], mapping["Ebs"]["DeleteOnTermination"]) == (host["RootDeviceName"], True)
    (disk,) = fleet.disks()
    assert (disk["VolumeType"], disk["Size"], disk["Encrypted"]) == ("gp3", 14, True)
    assert fleet.tags(disk)["Name"] == name_of("a")


def test_a_new_server_gets_the_user_data_as_they_are_given(fleet: Environment) -> None:
    fleet.run("a", key_name=fleet.key_pair(), volume_size=20)
    (host,) = fleet.hosts()
    answer = fleet.ec2.describe_instance_attribute(InstanceId=host["InstanceId"], Attribute="userData")
    assert base64.b64decode(answer["UserData"]["Value"]).decode() == USER_DATA
    assert (host["KeyName"], fleet.disks()[0]["Size"]) == ("algo-deployment", 20)


def test_servers_are_spread_over_the_subnets(fleet: Environment) -> None:
    fleet.run("abcdefgh")
    assert {host["SubnetId"] for host in fleet.hosts()} == set(fleet.subnets)


def test_the_result_lists_the_servers_by_name(fleet: Environment) -> None:
    outcome = fleet.run("ba")
    assert [server["name"] for server in outcome["servers"]] == [name_of("a"), name_of("b")]
    for server in outcome["servers"]:
        host = fleet.host(server["instance_id"])
        assert server["state"] == "running"
        assert server["private_ip_address"] == host["PrivateIpAddress"]
        assert server["launch_time"] == host["LaunchTime"].isoformat()
        assert server["tags"] == fleet.tags(host)


def test_of_the_images_that_match_the_newest_is_taken(fleet: Environment) -> None:
    fleet.register("trading-server-0", "another-4")
    fleet.run("a")
    assert fleet.hosts()[0]["ImageId"] == fleet.images["trading-server-0"]


def test_an_image_can_be_named_by_its_id(fleet: Environment) -> None:
    fleet.run("a", image_name=None, image_id=fleet.images[OLD_IMAGE])
    assert fleet.hosts()[0]["ImageId"] == fleet.images[OLD_IMAGE]


# A second run


def test_a_second_run_changes_nothing(fleet: Environment) -> None:
    fleet.run("abc")
    before = fleet.hosts()
    outcome = fleet.run("cab")
    assert not outcome.changed
    assert (outcome["actions"], outcome["drift"], outcome["diff"]) == ([], [], {"before": {}, "after": {}})
    assert outcome.warnings == []
    assert fleet.hosts() == before


def test_a_second_run_takes_four_requests_however_large_the_fleet_is(fleet: Environment) -> None:
    for models in (range(5), range(40)):
        fleet.run(models)
        assert not fleet.run(models).changed
        assert fleet.aws.counts() == {"DescribeImages": 1, "DescribeInstances": 2, "DescribeVolumes": 1}
    assert len(fleet.hosts()) == 40


# Models come and go


def test_adding_two_and_removing_one_of_ten_touches_no_other_server(fleet: Environment) -> None:
    fleet.run("abcdefghij")
    before = {name: fleet.life(name) for name in "abcdefghi"}
    outcome = fleet.run("abcdefghiXY")
    assert outcome.changed
    assert kinds(outcome) == {"create": 2, "retire": 1}
    assert Counter(fleet.aws.changes()) == {"RunInstances": 2, "StopInstances": 1, "CreateTags": 1}
    assert {name: fleet.life(name) for name in "abcdefghi"} == before
    (retired,) = fleet.hosts("j")
    assert retired["State"]["Name"] == "stopped"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", fleet.tags(retired)["Retired"])


def test_a_retired_server_is_not_among_the_servers_and_is_left_alone(fleet: Environment) -> None:
    fleet.run("ab")
    outcome = fleet.run("a")
    assert [server["name"] for server in outcome["servers"]] == [name_of("a")]
    assert not fleet.run("a").changed


def test_a_model_that_is_put_back_gets_its_own_server_again(fleet: Environment) -> None:
    fleet.run("ab")
    before = fleet.ids("b")
    fleet.run("a")
    outcome = fleet.run("ab")
    assert steps(outcome) == [("restore", "b")]
    assert fleet.aws.changes() == ["StartInstances", "DeleteTags"]
    (host,) = fleet.hosts("b")
    assert (fleet.ids("b"), host["State"]["Name"]) == (before, "running")
    assert "Retired" not in fleet.tags(host)
    assert not fleet.run("ab").changed


def test_a_retired_server_that_somebody_started_is_stopped_again(fleet: Environment) -> None:
    fleet.run("ab")
    fleet.run("a")
    fleet.ec2.start_instances(InstanceIds=fleet.ids("b"))
    outcome = fleet.run("a")
    assert steps(outcome) == [("stop", "b")]
    assert fleet.states() == {"a": ["running"], "b": ["stopped"]}


def test_a_server_that_is_stopped_stays_stopped(fleet: Environment) -> None:
    fleet.run("a")
    fleet.ec2.stop_instances(InstanceIds=fleet.ids("a"))
    assert not fleet.run("a").changed
    assert fleet.states() == {"a": ["stopped"]}


def test_a_stopped_server_is_retired_without_a_stop(fleet: Environment) -> None:
    fleet.run("ab")
    fleet.ec2.stop_instances(InstanceIds=fleet.ids("b"))
    assert fleet.run("a").changed
    assert fleet.aws.changes() == ["CreateTags"]


def test_retired_models_can_be_terminated_and_come_back_as_new_servers(fleet: Environment) -> None:
    fleet.run("ab")
    assert fleet.run("a", retired_models="terminate").changed
    assert fleet.aws.changes() == ["TerminateInstances"]
    assert fleet.states() == {"a": ["running"], "b": ["terminated"]}
    assert not fleet.run("a", retired_models="terminate").changed
    outcome = fleet.run("ab", retired_models="terminate")
    assert [action["reason"] for action in outcome["actions"]] == ["has no live server"]
    assert fleet.states()["b"] == ["running", "terminated"]


def test_terminate_does_not_destroy_what_an_earlier_run_only_stopped(fleet: Environment) -> None:
    fleet.run("ab")
    fleet.run("a")
    assert not fleet.run("a", retired_models="terminate").changed
    fleet.ec2.start_instances(InstanceIds=fleet.ids("b"))
    fleet.run("a", retired_models="terminate")
    assert fleet.states() == {"a": ["running"], "b": ["stopped"]}


def test_another_environment_and_another_role_are_not_touched(fleet: Environment) -> None:
    fleet.run("a")
    fleet.run_ingest()
    fleet.old_host("x", tags={"Environment": "dev", "Role": "trader", "Name": "trading-server-dev-x"})
    bastion = fleet.old_host("", tags={"Role": "bastion", "Name": "bastion"})
    outcome = fleet.run("b", max_retired=1)
    assert steps(outcome) == [("create", "b"), ("retire", "a")]
    assert fleet.states() == {"a": ["stopped"], "b": ["running"], "x": ["running"]}
    assert fleet.host(bastion)["State"]["Name"] == "running"
    assert not fleet.run_ingest().changed


@pytest.mark.parametrize("tags", [{"Role": "live-trading"}, {"Role": ""}])
def test_a_server_with_a_role_of_somebody_else_is_refused_and_not_doubled(
    fleet: Environment, tags: dict[str, str]
) -> None:
    host = fleet.old_host("a", tags=tags)
    fleet.aws.forget_calls()
    message = fleet.run("a").msg
    assert f"({host}) has Role={tags['Role']}" in message
    assert fleet.aws.changes() == []


def test_an_ingest_node_that_was_renamed_is_the_ingest_node(fleet: Environment) -> None:
    (server,) = fleet.run_ingest()["servers"]
    fleet.ec2.create_tags(Resources=[server["instance_id"]], Tags=[{"Key": "Name", "Value": "feed"}])
    outcome = fleet.run_ingest()
    assert [(action["action"], action["instance_id"]) for action in outcome["actions"]] == [
        ("retag", server["instance_id"])
    ]


def test_an_ingest_node_of_another_environment_by_its_tags_is_refused(fleet: Environment) -> None:
    (server,) = fleet.run_ingest()["servers"]
    fleet.ec2.create_tags(Resources=[server["instance_id"]], Tags=[{"Key": "Environment", "Value": "dev"}])
    assert f"({server['instance_id']}) has Environment=dev" in fleet.run_ingest().msg


# What is refused before any change


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"models": []}, "No server is desired, which would retire the whole fleet"),
        ({"max_retired": -1}, "max_retired is -1: name 0 or more"),
        (
            {"models": [model_of("a"), model_of("a")]},
            f"Desired more than once: {name_of('a')}; name each model once, and no two alike",
        ),
        (
            {"models": [{**model_of("a"), "symbol": "$(touch pwned)"}]},
            "The model 'long/$(touch pwned)/a-outer_1_inner_1/' has a name with other characters than letters",
        ),
        (
            {"models": [{**model_of("a"), "model_number": "a-outer_1_inner_1_v2"}]},
            "The model 'long/SOXL/a-outer_1_inner_1_v2/' is not named NAME-outer_N_inner_N: rename its folder",
        ),
        ({"models": [model_of("x" * 300)]}, "has a name longer than 200 characters"),
        ({"image_name": "nothing*"}, "No available image matches nothing* of owner self in us-east-1: build one, or"),
        (
            {"image_name": None, "image_id": "ami-00000000000000000"},
            "No available image matches ami-00000000000000000 in us-east-1",
        ),
        ({"subnet_ids": []}, "No subnet or no security group is named: set subnet_ids and security_group_ids"),
        ({"security_group_ids": []}, "No subnet or no security group is named"),
        ({"user_data": "é" * 8193}, "The user data is longer than EC2's 16384 bytes: shorten it"),
        ({"environment": "staging"}, "value of environment must be one of: dev, qa, prod, got: staging"),
        ({"models": None}, "The models of the trading servers are missing: set models"),
        ({"image_name": None}, "state is present but any of the following are missing: image_id, image_name"),
        ({"subnet_ids": None}, "state is present but all of the following are missing: subnet_ids"),
        ({"replace": "true"}, "value of replace must be one of: never, stopped, always, got: true"),
        ({"image_id": "ami-1"}, "parameters are mutually exclusive: image_id|image_name"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence_before_any_change(
    fleet: Environment, wanted: dict[str, Any], message: str
) -> None:
    assert message in fleet.run(**{"models": "a", **wanted}).msg
    assert fleet.aws.changes() == []
    assert fleet.hosts() == []


def test_user_data_of_exactly_16_kilobytes_are_taken(fleet: Environment) -> None:
    assert fleet.run("a", user_data="x" * 16384).changed


def test_a_run_that_would_retire_too_many_is_refused_naming_them(fleet: Environment) -> None:
    fleet.run("abc")
    before = fleet.hosts()
    message = fleet.run("ad").msg
    assert message.startswith("2 of 3 servers have no model any more, and at most 1 may be retired in one run: ")
    assert f"{name_of('b')}, {name_of('c')}; check the models, or raise max_retired" in message
    assert fleet.aws.changes() == []
    assert fleet.hosts() == before


def test_a_raised_guard_lets_them_retire(fleet: Environment) -> None:
    fleet.run("abc")
    assert steps(fleet.run("a", max_retired=2)) == [("retire", "b"), ("retire", "c")]
    assert fleet.aws.counts()["StopInstances"] == 1
    assert fleet.states() == {"a": ["running"], "b": ["stopped"], "c": ["stopped"]}


@pytest.mark.parametrize("check", [False, True])
def test_two_live_servers_of_a_model_are_refused_naming_both(fleet: Environment, check: bool) -> None:
    ids = sorted([fleet.old_host("a"), fleet.old_host("a")])
    message = fleet.run("ab", check=check).msg
    assert f"More than one live instance for {name_of('a')} ({', '.join(ids)})" in message
    assert fleet.aws.changes() == []


def test_a_duplicate_that_is_marked_as_retired_is_stopped_and_the_other_stays(fleet: Environment) -> None:
    fleet.run("a")
    (mine,) = fleet.ids("a")
    fleet.old_host("a", tags={"Retired": "by hand"})
    assert steps(fleet.run("a")) == [("stop", "a")]
    assert fleet.host(mine)["State"]["Name"] == "running"
    assert fleet.states()["a"] == ["running", "stopped"]


@pytest.mark.usefixtures("no_credentials")
def test_a_run_without_credentials_fails(fleet: Environment) -> None:
    assert "Unable to locate credentials" in fleet.run("a").msg


def test_credentials_that_may_do_nothing_fail(fleet: Environment, stranger: dict[str, str]) -> None:
    given: dict[str, Any] = {**stranger}
    message = fleet.run("a", **given).msg
    assert message.startswith("Failed to describe images: ")
    assert "UnauthorizedOperation" in message


# An old host


def test_an_old_host_is_taken_over_without_a_restart(fleet: Environment) -> None:
    fleet.old_host("a")
    before = fleet.life("a")
    outcome = fleet.run("a")
    assert steps(outcome) == [("modify", "a"), ("retag", "a")]
    assert fleet.life("a") == before
    assert set(fleet.aws.changes()) == {"CreateTags", "ModifyInstanceMetadataOptions"}
    (host,) = fleet.hosts()
    assert (fleet.tags(host)["Role"], host["MetadataOptions"]["HttpTokens"]) == ("trader", "required")
    assert not fleet.run("a").changed


def test_what_cannot_be_changed_on_an_old_host_is_reported_as_drift(fleet: Environment) -> None:
    fleet.old_host("a")
    for _run in range(2):
        outcome = fleet.run("a")
        drift = {each["attribute"]: (each["before"], each["after"]) for each in outcome["drift"]}
        assert drift == {
            "instance_type": ("t2.small", "t3.small"),
            "key_name": ("algo-deployment", None),
            "user_data": tuple(hashlib.sha256(text.encode()).hexdigest() for text in ("old a", USER_DATA)),
            "volume_encrypted": (False, True),
        }
        assert len(outcome.warnings) == 4
        assert outcome.warnings[0].startswith("instance_type is t2.small where a new server would have t3.small, ")
        assert name_of("a") in outcome.warnings[0]


def test_an_old_fleet_keeps_its_servers_when_one_more_model_comes(fleet: Environment) -> None:
    for name in "abc":
        fleet.old_host(name)
    before = {name: fleet.life(name) for name in "abc"}
    outcome = fleet.run("abcd")
    assert kinds(outcome) == {"create": 1, "retag": 3, "modify": 3}
    assert fleet.aws.counts()["CreateTags"] == 1
    assert {name: fleet.life(name) for name in "abc"} == before


# In place


def test_security_groups_are_changed_in_place(fleet: Environment) -> None:
    fleet.run("ab")
    before = fleet.life("a")
    other = fleet.security_group("other")
    outcome = fleet.run("ab", security_group_ids=[other, fleet.group])
    assert steps(outcome) == [("modify", "a"), ("modify", "b")]
    groups = sorted([other, fleet.group])
    assert outcome["actions"][0]["changes"] == {"security_group_ids": {"before": [fleet.group], "after": groups}}
    assert sorted(group["GroupId"] for group in fleet.hosts("a")[0]["SecurityGroups"]) == groups
    assert fleet.life("a") == before
    assert not fleet.run("ab", security_group_ids=groups).changed


@pytest.mark.parametrize("had_one", [True, False])
def test_the_instance_profile_is_changed_or_added_in_place(fleet: Environment, had_one: bool) -> None:
    fleet.old_host("a", profile=fleet.profile("old") if had_one else None)
    before = fleet.life("a")
    outcome = fleet.run("a")
    assert "iam_instance_profile" in next(each for each in outcome["actions"] if each["action"] == "modify")["changes"]
    assert fleet.hosts()[0]["IamInstanceProfile"]["Arn"].endswith("/trading_server_instance_profile_qa")
    assert fleet.life("a") == before
    assert not fleet.run("a").changed


def test_metadata_options_are_changed_in_place(fleet: Environment) -> None:
    fleet.run("a")
    fleet.ec2.modify_instance_metadata_options(
        InstanceId=fleet.ids("a")[0], HttpTokens="optional", HttpPutResponseHopLimit=3, InstanceMetadataTags="disabled"
    )
    assert fleet.run("a")["actions"][0]["changes"] == {
        "http_tokens": {"before": "optional", "after": "required"},
        "http_put_response_hop_limit": {"before": 3, "after": 1},
        "instance_metadata_tags": {"before": "disabled", "after": "enabled"},
    }
    assert not fleet.run("a").changed


def test_the_type_is_changed_while_the_server_is_stopped_which_it_stays(fleet: Environment) -> None:
    fleet.run("a", instance_type="t2.small")
    assert [each["attribute"] for each in fleet.run("a")["drift"]] == ["instance_type"]
    fleet.ec2.stop_instances(InstanceIds=fleet.ids("a"))
    outcome = fleet.run("a")
    assert (steps(outcome), outcome["drift"]) == ([("modify", "a")], [])
    assert fleet.hosts()[0]["InstanceType"] == "t3.small"
    assert fleet.states() == {"a": ["stopped"]}
    assert not fleet.run("a").changed


def test_the_type_of_a_server_that_comes_back_is_changed_before_it_starts(fleet: Environment) -> None:
    fleet.run("ab", instance_type="t2.small")
    fleet.run("a", instance_type="t2.small")
    fleet.run("ab")
    (host,) = fleet.hosts("b")
    assert (host["InstanceType"], host["State"]["Name"]) == ("t3.small", "running")


@pytest.mark.parametrize("root", ["/dev/xvda", "/dev/sda1"])
def test_a_disk_that_would_outlive_its_server_is_changed_in_place(
    fleet: Environment, root: str, naps: list[float]
) -> None:
    fleet.register("old-image", root=root)
    fleet.old_host("a", image="old-image", root=root, delete_on_termination=False)
    assert fleet.run("a").changed
    assert naps == []
    assert fleet.hosts()[0]["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is True
    assert not fleet.run("a").changed


def test_a_host_that_ec2_refuses_to_change_keeps_no_other_from_its_change(fleet: Environment) -> None:
    """EC2 shows no tag with a slash in the metadata, so that these cannot be turned on."""
    fleet.old_host("a", tags={"team/owner": "research"})
    fleet.old_host("b")
    outcome = fleet.run("abc")
    assert steps(outcome)[0] == ("create", "c")
    assert (name_of("a"), "instance_metadata_tags") in [(each["name"], each["attribute"]) for each in outcome["drift"]]
    options = {host["InstanceId"]: host["MetadataOptions"] for host in fleet.hosts()}
    assert {each["HttpTokens"] for each in options.values()} == {"required"}
    assert not fleet.run("abc").changed


def test_a_refused_change_is_told_after_all_else_is_done(fleet: Environment, disturbance: Disturbance) -> None:
    fleet.old_host("a")
    disturbance.fail("Action=ModifyInstanceMetadataOptions&", code="UnsupportedOperation")
    outcome = fleet.run("ab")
    assert outcome.status == 1
    assert outcome["changed"] is True
    assert [failure.partition(":")[0] for failure in outcome["failures"]] == [name_of("a")]
    assert fleet.states() == {"a": ["running"], "b": ["running"]}


def test_one_server_that_cannot_be_stopped_keeps_no_other_from_its_retirement(
    fleet: Environment, disturbance: Disturbance
) -> None:
    fleet.run("abc")
    disturbance.fail("Action=StopInstances&", fleet.ids("b")[0], code="OperationNotPermitted")
    outcome = fleet.run("a", max_retired=2)
    assert fleet.ids("b")[0] in outcome.msg
    assert fleet.states() == {"a": ["running"], "b": ["running"], "c": ["stopped"]}
    assert "Retired" not in {tag["Key"] for host in fleet.hosts("b") for tag in host["Tags"]}


def test_an_instance_that_vanished_keeps_no_other_from_its_retirement(
    fleet: Environment, disturbance: Disturbance
) -> None:
    fleet.run("abc")
    gone = fleet.ids("b")[0]
    disturbance.fail("Action=StopInstances&", gone, code="InvalidInstanceID.NotFound", times=2)
    outcome = fleet.run("a", max_retired=2)
    assert gone in outcome.msg
    assert fleet.states() == {"a": ["running"], "b": ["running"], "c": ["stopped"]}


def test_a_disk_that_somebody_enlarged_is_no_drift(fleet: Environment) -> None:
    fleet.run("a", volume_size=30)
    assert fleet.run("a", replace="always")["drift"] == []
    assert not fleet.run("a", replace="always").changed


def test_what_is_changed_by_hand_is_announced_and_repaired_or_reported(fleet: Environment) -> None:
    """Each server drifts in one thing. Taken away from the plan's comparison, each of them fails this test."""
    fleet.run("abcdefghij")
    ids = {name: fleet.ids(name)[0] for name in "abcdefghij"}
    old, other = fleet.profile("old"), fleet.security_group("other")
    ec2 = fleet.ec2
    ec2.modify_instance_metadata_options(InstanceId=ids["a"], HttpEndpoint="disabled")
    ec2.modify_instance_metadata_options(InstanceId=ids["b"], HttpTokens="optional", HttpPutResponseHopLimit=2)
    ec2.modify_instance_attribute(InstanceId=ids["c"], Groups=[other])
    (association,) = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [ids["d"]]}]
    )["IamInstanceProfileAssociations"]
    ec2.replace_iam_instance_profile_association(
        AssociationId=association["AssociationId"], IamInstanceProfile={"Name": old}
    )
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}
    ec2.modify_instance_attribute(InstanceId=ids["e"], BlockDeviceMappings=[disk])
    ec2.modify_volume(VolumeId=fleet.disk("f")["VolumeId"], VolumeType="gp2")
    ec2.delete_tags(Resources=[ids["g"]], Tags=[{"Key": key} for key in ("Role", "ModelNumber", "Environment")])
    ec2.create_tags(Resources=[ids["h"]], Tags=tag_list({"Name": "by hand", "CostCentre": "42"}))
    ec2.delete_tags(Resources=[ids["i"]], Tags=[{"Key": "UserDataDigest"}])
    ec2.stop_instances(InstanceIds=[ids["j"]])
    ec2.modify_instance_attribute(InstanceId=ids["j"], InstanceType={"Value": "t3.large"})

    announced = fleet.run("abcdefghij", check=True)
    changed = {each["name"]: set(each["before"]) for each in announced["resources"] if each["action"] == "change"}
    assert changed == {
        name_of("a"): {"http_endpoint"},
        name_of("b"): {"http_tokens", "http_put_response_hop_limit"},
        name_of("c"): {"security_group_ids"},
        name_of("d"): {"iam_instance_profile"},
        name_of("e"): {"volume_delete_on_termination"},
        name_of("f"): {"volume_type"},
        name_of("g"): {"Role", "ModelNumber", "Environment"},
        name_of("h"): {"Name"},
        name_of("j"): {"instance_type"},
    }
    assert fleet.run("abcdefghij")["resources"] == announced["resources"]
    last = fleet.run("abcdefghij", check=True)
    assert [(each["action"], each["reasons"]) for each in last["resources"]] == [("keep", [])] * 10
    assert {name: fleet.ids(name)[0] for name in "abcdefghij"} == ids
    assert fleet.tags(fleet.host(ids["h"]))["CostCentre"] == "42"


def test_a_disk_grows_in_place_and_never_shrinks(fleet: Environment) -> None:
    fleet.run("a")
    before = fleet.life("a")
    assert steps(fleet.run("a", volume_size=20)) == [("modify", "a")]
    assert (fleet.disk("a")["Size"], fleet.life("a")) == (20, before)
    assert not fleet.run("a", volume_size=20).changed
    assert not fleet.run("a").changed


def test_a_disk_that_does_not_change_is_told(fleet: Environment, disturbance: Disturbance, naps: list[float]) -> None:
    fleet.run("a")
    for _reading in range(16):
        disturbance.edit("Action=DescribeVolumes&", "<size>20</size>", "<size>14</size>")
    assert "Timeout trying to modify volume vol-" in fleet.run("a", volume_size=20, wait_timeout=60).msg
    assert sum(naps) <= 60


# Replace


def test_a_new_image_alone_replaces_nothing(fleet: Environment) -> None:
    fleet.run("a")
    before = fleet.hosts()
    fleet.register("trading-server-3")
    outcome = fleet.run("a")
    assert not outcome.changed
    assert [each["attribute"] for each in outcome["drift"]] == ["image_id"]
    assert fleet.hosts() == before


def test_servers_that_run_are_not_replaced_unless_all_are(fleet: Environment) -> None:
    fleet.run("ab")
    fleet.ec2.stop_instances(InstanceIds=fleet.ids("a"))
    running = fleet.life("b")
    outcome = fleet.run("ab", replace="stopped", user_data="new")
    assert steps(outcome) == [("replace", "a")]
    assert fleet.states() == {"a": ["running", "stopped"], "b": ["running"]}
    assert fleet.life("b") == running
    (kept,) = [each for each in outcome["resources"] if each["action"] == "keep"]
    assert kept["reasons"] == [
        "differs in user_data, and runs: stop the environment first (playbooks/stop.yml), or set replace to always"
    ]
    assert outcome.warnings[0].endswith(f"{kept['reasons'][0].partition(', ')[2]}: {name_of('b')}")
    assert steps(fleet.run("ab", replace="always", user_data="new", check=True)) == [("replace", "b")]


def test_a_server_that_was_started_meanwhile_is_not_replaced(fleet: Environment, disturbance: Disturbance) -> None:
    """As the day's start does, while earlier waves are replaced."""
    fleet.run("a")
    for _request in range(2):
        disturbance.edit("Action=DescribeInstances&", "<name>running</name>", "<name>stopped</name>")
    message = fleet.run("a", replace="stopped", user_data="new").msg
    assert f"{name_of('a')} ({fleet.ids('a')[0]}): was started meanwhile, and is not replaced" in message
    assert fleet.aws.changes() == []


@pytest.mark.parametrize("hidden", [False, True], ids=["before its launch", "after its launch"])
def test_a_replacement_that_was_killed_half_way_is_finished_once(
    fleet: Environment, disturbance: Disturbance, hidden: bool
) -> None:
    fleet.run("a")
    old = fleet.ids("a")[0]
    fleet.ec2.stop_instances(InstanceIds=[old])
    fleet.ec2.create_tags(Resources=[old], Tags=tag_list({"Retired": "2026-02-02T21:05:00Z"}))
    if hidden:
        fleet.run("a", replace="stopped", user_data="new")
        (new,) = set(fleet.ids("a")) - {old}
        disturbance.hide(new, times=2)
    outcome = fleet.run("a", replace="stopped", user_data="new")
    assert outcome["servers"][0]["instance_id"] != old
    assert fleet.states() == {"a": ["running", "stopped"]}
    assert not fleet.run("a", replace="stopped", user_data="new").changed


def test_replace_retires_and_launches_wave_by_wave(fleet: Environment) -> None:
    fleet.run("ab")
    old = {fleet.ids("a")[0], fleet.ids("b")[0]}
    fleet.register("trading-server-3")
    outcome = fleet.run("ab", replace="always")
    assert steps(outcome) == [("replace", "a"), ("replace", "b")]
    assert fleet.aws.changes() == ["StopInstances", "CreateTags", "RunInstances"] * 2
    assert fleet.states() == {"a": ["running", "stopped"], "b": ["running", "stopped"]}
    new = {server["instance_id"] for server in outcome["servers"]}
    assert not new & old
    assert {fleet.host(each)["ImageId"] for each in new} == {fleet.images["trading-server-3"]}
    assert not fleet.run("ab", replace="always").changed


def test_a_replaced_server_is_stopped_and_never_terminated(fleet: Environment) -> None:
    fleet.run("a")
    fleet.run("a", replace="always", retired_models="terminate", user_data="new")
    assert fleet.states()["a"] == ["running", "stopped"]


def test_a_model_that_comes_back_after_a_replacement_gets_its_newest_server(fleet: Environment) -> None:
    fleet.run("ab")
    replaced = fleet.run("ab", replace="always", user_data="new")
    newest = {server["name"]: server["instance_id"] for server in replaced["servers"]}[name_of("b")]
    (older,) = set(fleet.ids("b")) - {newest}
    fleet.ec2.create_tags(Resources=[older], Tags=tag_list({"Retired": "2026-01-05T21:05:00Z"}))
    fleet.run("a", user_data="new")
    fleet.run("ab", user_data="new")
    assert fleet.host(newest)["State"]["Name"] == "running"
    assert fleet.states()["b"] == ["running", "stopped"]


def test_a_replacement_that_fails_leaves_the_next_waves_alone_and_the_old_server_can_come_back(
    fleet: Environment, disturbance: Disturbance
) -> None:
    fleet.run("ab")
    disturbance.fail("Action=RunInstances&", code="InsufficientInstanceCapacity")
    message = fleet.run("ab", replace="always", user_data="new").msg
    assert f"the next run tries again: {name_of('a')}: Failed to run instances" in message
    assert "1 more: not replaced, as something failed before" in message
    assert fleet.states() == {"a": ["stopped"], "b": ["running"]}
    disturbance.rules.clear()
    assert steps(fleet.run("ab", user_data="new")) == [("restore", "a")]
    assert fleet.states() == {"a": ["running"], "b": ["running"]}


# One launch, one server


def test_a_run_that_does_not_see_its_servers_yet_makes_no_second_ones(
    fleet: Environment, disturbance: Disturbance
) -> None:
    fleet.run("ab")
    before = fleet.hosts()
    disturbance.hide_instances()
    fleet.run("ab")
    assert fleet.aws.counts()["RunInstances"] == 2
    assert fleet.hosts() == before


def test_nor_does_it_with_other_settings(fleet: Environment, disturbance: Disturbance) -> None:
    fleet.run("a")
    before = fleet.hosts()
    disturbance.hide_instances()
    outcome = fleet.run("a", user_data="other")
    assert outcome["servers"][0]["instance_id"] == before[0]["InstanceId"]
    assert fleet.hosts() == before


def test_two_runs_at_the_same_time_make_one_server_for_each_model(fleet: Environment) -> None:
    launch = Launch(
        image_id=fleet.images[NEW_IMAGE],
        root_device_name="/dev/xvda",
        instance_type="t3.small",
        subnet_ids=tuple(fleet.subnets),
        security_group_ids=(fleet.group,),
        iam_instance_profile="trading_server_instance_profile_qa",
        user_data=USER_DATA,
        key_name=None,
        volume_size=14,
    )
    servers = [trading_server("qa", Model.from_dict(model_of(name))) for name in "abcd"]
    plan = Plan([Action("create", server.name, "has no server", server) for server in servers])
    runs = [Fleet(fleet.ec2, launch, wait_timeout=10) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda run: run.apply(plan), runs))
    assert fleet.states() == {name: ["running"] for name in "abcd"}


@pytest.mark.parametrize("hidden", [False, True], ids=["shown", "not shown any more"])
def test_a_server_that_was_terminated_gets_a_successor(
    fleet: Environment, disturbance: Disturbance, hidden: bool
) -> None:
    fleet.run("a")
    fleet.ec2.terminate_instances(InstanceIds=fleet.ids("a"))
    if hidden:
        disturbance.hide_instances()
    outcome = fleet.run("a")
    assert steps(outcome) == [("create", "a")]
    assert outcome["servers"][0]["state"] == "running"
    assert fleet.states()["a"] == ["running", "terminated"]


def test_a_terminated_server_that_ec2_remembers_only_by_its_token_gets_a_successor(
    fleet: Environment, disturbance: Disturbance, naps: list[float]
) -> None:
    fleet.run("a")
    fleet.ec2.terminate_instances(InstanceIds=fleet.ids("a"))
    disturbance.hide_instances()
    disturbance.hide_instances("client-token", times=6)
    outcome = fleet.run("a", user_data="other")
    assert outcome["servers"][0]["state"] == "running"
    assert sum(naps) <= 40


def test_a_server_that_was_terminated_again_and_again_gets_a_successor(
    fleet: Environment, disturbance: Disturbance
) -> None:
    for _run in range(3):
        disturbance.hide_instances()
        fleet.run("a")
        fleet.ec2.terminate_instances(InstanceIds=fleet.ids("a"))
    disturbance.hide_instances()
    fleet.run("a")
    assert Counter(fleet.states()["a"]) == {"running": 1, "terminated": 3}


def test_a_launch_beside_one_that_ec2_did_not_show_yet_is_taken_back(
    fleet: Environment, disturbance: Disturbance
) -> None:
    """The first run finds capacity in its second subnet, and the next run, which does not see that, in its first."""
    disturbance.fail("Action=RunInstances&", code="InsufficientInstanceCapacity", times=1)
    fleet.run("a")
    before = fleet.life("a")
    # EC2 tells when a server was launched to the second.
    while time.time() < before[1].timestamp() + 1:
        time.sleep(0.05)
    disturbance.hide_instances()
    outcome = fleet.run("a")
    assert fleet.aws.changes() == ["RunInstances", "TerminateInstances"]
    assert outcome["servers"][0]["instance_id"] == before[0]
    assert fleet.states() == {"a": ["running", "terminated"]}
    assert not fleet.run("a").changed


def test_a_server_that_lost_its_tags_is_not_doubled(fleet: Environment) -> None:
    fleet.run("ab")
    lost = fleet.ids("a")[0]
    tags = [{"Key": key} for key in ("Name", "ModelNumber")]
    fleet.ec2.delete_tags(Resources=[lost], Tags=tags)
    message = fleet.run("ab").msg
    assert f"Some servers of qa do not tell what they serve: {lost} ({lost}); give them their tags Name," in message
    assert fleet.aws.changes() == []


# What goes wrong on the way


def test_a_server_goes_to_another_subnet_where_the_first_has_no_capacity(
    fleet: Environment, disturbance: Disturbance
) -> None:
    full, free = fleet.subnets
    disturbance.fail("Action=RunInstances&", f"SubnetId={full}", code="InsufficientInstanceCapacity")
    assert fleet.run("abcdef").changed
    assert Counter(host["SubnetId"] for host in fleet.hosts()) == {free: 6}


def test_a_launch_that_fails_does_not_keep_the_others_from_theirs(fleet: Environment, disturbance: Disturbance) -> None:
    disturbance.fail("Action=RunInstances&", "Value=b-outer_1_inner_1", code="InsufficientInstanceCapacity")
    outcome = fleet.run("abc")
    assert outcome.msg.startswith("Not all servers are as they should be, and the next run tries again: ")
    assert f"{name_of('b')}: " in outcome.msg
    assert "InsufficientInstanceCapacity" in outcome.msg
    assert len(outcome["failures"]) == 1
    assert outcome["changed"] is True
    assert fleet.states() == {"a": ["running"], "c": ["running"]}
    disturbance.rules.clear()
    assert steps(fleet.run("abc")) == [("create", "b")]


def test_a_throttled_launch_is_tried_again(fleet: Environment, disturbance: Disturbance, naps: list[float]) -> None:
    disturbance.fail("Action=RunInstances&", code="RequestLimitExceeded", times=6)
    assert fleet.run("ab").changed
    assert fleet.states() == {"a": ["running"], "b": ["running"]}
    assert naps


def test_a_profile_that_ec2_does_not_know_yet_is_waited_for(
    fleet: Environment, disturbance: Disturbance, naps: list[float]
) -> None:
    message = "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
    disturbance.fail("Action=RunInstances&", code="InvalidParameterValue", message=message, times=2)
    assert fleet.run("a").changed
    assert naps == [1, 2]


def test_a_profile_that_does_not_exist_fails_in_the_end(fleet: Environment, naps: list[float]) -> None:
    message = fleet.run("a", iam_instance_profile="nobody").msg
    assert "Invalid IAM Instance Profile name" in message
    assert sum(naps) < 60


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"subnet_ids": ["subnet-00000000000000000"]}, "InvalidSubnetID.NotFound"),
        ({"security_group_ids": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
        ({"key_name": "nobody"}, "There is no key pair nobody in us-east-1: import it, or leave out key_name"),
    ],
)
def test_what_ec2_refuses_fails_in_its_words(fleet: Environment, wanted: dict[str, Any], code: str) -> None:
    assert code in fleet.run("a", **wanted).msg
    assert fleet.hosts() == []


def test_a_server_that_never_runs_is_a_timeout(fleet: Environment, disturbance: Disturbance, naps: list[float]) -> None:
    for _reading in range(14):
        disturbance.edit("Filter.1.Name=instance-id", "<name>running</name>", "<name>pending</name>")
    message = fleet.run("a", wait_timeout=60).msg
    assert f"{name_of('a')} ({fleet.ids('a')[0]}): is pending" in message
    assert sum(naps) <= 60


def test_a_server_that_still_boots_is_retired_when_it_runs(
    fleet: Environment, disturbance: Disturbance, naps: list[float]
) -> None:
    fleet.run("ab")
    for _request in range(3):
        disturbance.edit("Action=DescribeInstances&", "<name>running</name>", "<name>pending</name>")
    assert steps(fleet.run("a")) == [("retire", "b")]
    assert naps == [1]
    assert fleet.states() == {"a": ["running"], "b": ["stopped"]}


def test_a_server_that_still_stops_comes_back_when_it_stands(
    fleet: Environment, disturbance: Disturbance, naps: list[float]
) -> None:
    fleet.run("ab")
    fleet.run("a")
    for _request in range(3):
        disturbance.edit("Action=DescribeInstances&", "<name>stopped</name>", "<name>stopping</name>")
    assert steps(fleet.run("ab")) == [("restore", "b")]
    assert naps == [1]
    assert fleet.states() == {"a": ["running"], "b": ["running"]}


# The ingest node


def test_the_ingest_node_is_one_server_by_its_name(fleet: Environment) -> None:
    assert fleet.run_ingest().changed
    (host,) = fleet.hosts()
    tags = fleet.tags(host)
    assert (tags["Name"], tags["Environment"], tags["Role"]) == ("alpaca-websocket-ingest-qa", "qa", "ingest")
    assert fleet.disks()[0]["Size"] == 14
    outcome = fleet.run_ingest()
    assert not outcome.changed
    assert [server["name"] for server in outcome["servers"]] == ["alpaca-websocket-ingest-qa"]


def test_an_old_ingest_node_is_taken_over_without_a_restart(fleet: Environment) -> None:
    fleet.old_host("", tags={"Name": "alpaca-websocket-ingest-qa", "Environment": None})
    before = [(host["InstanceId"], host["LaunchTime"]) for host in fleet.hosts()]
    outcome = fleet.run_ingest()
    assert kinds(outcome) == {"retag": 1, "modify": 1}
    assert [(host["InstanceId"], host["LaunchTime"]) for host in fleet.hosts()] == before
    tags = fleet.tags(fleet.hosts()[0])
    assert (tags["Role"], tags["Environment"]) == ("ingest", "qa")
    assert not fleet.run_ingest().changed


def test_two_live_ingest_nodes_are_refused_naming_both(fleet: Environment) -> None:
    ids = sorted(fleet.old_host("", tags={"Name": "alpaca-websocket-ingest-qa"}) for _ in range(2))
    assert f"alpaca-websocket-ingest-qa ({', '.join(ids)})" in fleet.run_ingest().msg


def test_the_disks_of_a_large_fleet_are_asked_for_in_portions(
    fleet: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _fleet_read.FILTER_VALUES == 200
    monkeypatch.setattr(_fleet_read, "FILTER_VALUES", 5)
    models = range(12)
    fleet.run(models)
    outcome = fleet.run(models)
    assert (outcome.changed, outcome["drift"]) == (False, [])
    assert fleet.aws.counts() == {"DescribeImages": 1, "DescribeInstances": 2, "DescribeVolumes": 3}


# What becomes of each server, and what it costs


def test_the_result_says_what_becomes_of_each_server_and_what_is_charged(fleet: Environment) -> None:
    fleet.run("ab")
    outcome = fleet.run("aX", user_data="new")
    told = [(each["name"], each["action"], each["reasons"]) for each in outcome["resources"]]
    differs = "differs in user_data, which a replacement changes: set replace to stopped, or always"
    assert told == [
        (name_of("X"), "create", ["has no server"]),
        (name_of("a"), "keep", [differs]),
        (name_of("b"), "retire", ["has no model any more"]),
    ]
    runs = {"instance_type": "t3.small", "volume_type": "gp3", "volume_size": 14, "count": 2}
    rests = {**runs, "instance_type": None, "count": 1}
    assert outcome["capacity"] == {"before": [runs], "after": [runs, rests]}


# The end of a fleet


def test_a_fleet_that_is_taken_away_is_gone_with_its_disks_and_its_retired_servers(fleet: Environment) -> None:
    fleet.run_ingest()
    fleet.run("abc")
    fleet.run("ab")
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}
    fleet.ec2.modify_instance_attribute(InstanceId=fleet.ids("a")[0], BlockDeviceMappings=[disk])
    before = fleet.everything()

    announced = fleet.remove(check=True)
    assert fleet.everything() == before
    ids = {name: fleet.ids(name)[0] for name in "abc"}
    names = [name_of("a"), name_of("b"), f"{name_of('c')} ({ids['c']})"]
    assert [(each["name"], each["action"]) for each in announced["resources"]] == [(name, "delete") for name in names]
    assert announced["capacity"]["after"] == []

    done = fleet.remove()
    assert done.changed
    assert fleet.aws.changes() == ["ModifyInstanceAttribute", "TerminateInstances"]
    assert (done["resources"], done["servers"]) == (announced["resources"], [])
    assert fleet.states() == {name: ["terminated"] for name in "abc"}
    (left,) = fleet.disks()
    assert fleet.tags(left)["Role"] == "ingest"
    again = fleet.remove()
    assert (again.changed, again["resources"], fleet.aws.changes()) == (False, [], [])


def test_the_ingest_node_is_taken_away_too(fleet: Environment) -> None:
    fleet.run_ingest()
    assert fleet.remove(role="ingest").changed
    assert [host["State"]["Name"] for host in fleet.hosts()] == ["terminated"]


def test_a_server_that_is_protected_is_told_and_keeps_no_other_from_its_end(fleet: Environment) -> None:
    fleet.run("ab")
    fleet.ec2.modify_instance_attribute(InstanceId=fleet.ids("a")[0], DisableApiTermination={"Value": True})
    message = fleet.remove().msg
    assert f"{name_of('a')} ({fleet.ids('a')[0]}): Failed to terminate instances: " in message
    assert "may not be terminated" in message
    assert fleet.states() == {"a": ["running"], "b": ["terminated"]}


def test_a_server_whose_disk_would_stay_is_not_terminated(fleet: Environment, disturbance: Disturbance) -> None:
    fleet.old_host("a", delete_on_termination=False)
    disturbance.fail("Action=ModifyInstanceAttribute&", code="UnsupportedOperation")
    assert fleet.remove().msg.partition(": ")[2].startswith(f"{name_of('a')}: Failed to modify instance attribute")
    assert fleet.states() == {"a": ["running"]}


def test_a_server_of_somebody_else_by_some_tags_keeps_a_fleet_from_its_end(fleet: Environment) -> None:
    fleet.run("a")
    fleet.old_host("b", tags={"Role": "bastion"})
    assert "has Role=bastion" in fleet.remove().msg
    assert fleet.aws.changes() == []


def test_an_end_is_waited_for(fleet: Environment, disturbance: Disturbance, naps: list[float]) -> None:
    fleet.run("a")
    for _reading in range(2):
        disturbance.edit("Filter.1.Name=instance-id", "<name>terminated</name>", "<name>shutting-down</name>")
    assert fleet.remove().changed
    assert naps == [1, 2]


def test_what_ec2_does_not_show_any_more_has_ended(
    fleet: Environment, disturbance: Disturbance, naps: list[float]
) -> None:
    fleet.run("a")
    disturbance.hide_instances("instance-id", times=1)
    assert fleet.remove().changed
    assert naps == []


# Check mode: each way to disturb a fleet, and what a run then wants


def nothing_there(_fleet: Environment) -> dict[str, Any]:
    return {"models": "abc"}


def come_and_go(fleet: Environment) -> dict[str, Any]:
    fleet.run("abc")
    return {"models": "abX"}


def put_back(fleet: Environment) -> dict[str, Any]:
    fleet.run("ab")
    fleet.run("a")
    return {"models": "ab"}


def take_over(fleet: Environment) -> dict[str, Any]:
    fleet.old_host("a", profile=fleet.profile("old"))
    return {"models": "a"}


def take_over_stopped(fleet: Environment) -> dict[str, Any]:
    fleet.ec2.stop_instances(InstanceIds=[fleet.old_host("a")])
    return {"models": "a"}


def terminate(fleet: Environment) -> dict[str, Any]:
    fleet.run("ab")
    return {"models": "a", "retired_models": "terminate"}


def replace(fleet: Environment) -> dict[str, Any]:
    fleet.run("ab")
    return {"models": "ab", "user_data": "new", "replace": "always"}


def successor(fleet: Environment) -> dict[str, Any]:
    fleet.run("a")
    fleet.ec2.terminate_instances(InstanceIds=fleet.ids("a"))
    return {"models": "a"}


@pytest.mark.parametrize(
    ("disturb", "announced_kinds"),
    [
        (nothing_there, {"create"}),
        (come_and_go, {"create", "retire"}),
        (put_back, {"restore"}),
        (take_over, {"retag", "modify"}),
        (take_over_stopped, {"retag", "modify"}),
        (terminate, {"terminate"}),
        (replace, {"replace"}),
        (successor, {"create"}),
    ],
)
def test_check_mode_announces_exactly_what_a_run_then_does(
    fleet: Environment, disturb: Callable[[Environment], dict[str, Any]], announced_kinds: set[str]
) -> None:
    wanted = disturb(fleet)
    before = fleet.everything()
    announced = fleet.run(**wanted, check=True)
    assert announced.changed
    assert set(kinds(announced)) == announced_kinds
    assert fleet.aws.changes() == []
    assert fleet.everything() == before

    done = fleet.run(**wanted)
    assert done.changed
    for key in ("actions", "drift", "resources", "capacity", "diff"):
        assert announced[key] == done[key]
    names = [[server["name"] for server in outcome["servers"]] for outcome in (announced, done)]
    assert names[0] == names[1]
    assert fleet.run(**wanted, check=True).changed is False


def test_the_diff_says_what_becomes_of_each_server(fleet: Environment) -> None:
    fleet.run("ab")
    diff = fleet.run("aX", check=True)["diff"]
    assert diff["before"] == {f"EC2 instance {name_of('b')}": {"state": "running", "Retired": None}}
    assert diff["after"][f"EC2 instance {name_of('b')}"] == {"state": "stopped", "Retired": "set"}
    after = diff["after"][f"EC2 instance {name_of('X')}"]
    assert (after["state"], after["Symbol"], after["volume_encrypted"]) == ("running", "SOXL", True)


def test_check_mode_works_before_there_is_a_network(fleet: Environment) -> None:
    outcome = fleet.run("ab", subnet_ids=[], security_group_ids=[], iam_instance_profile="not yet", check=True)
    assert kinds(outcome) == {"create": 2}
    assert [server["instance_id"] for server in outcome["servers"]] == [None, None]
    assert fleet.aws.changes() == []


def test_check_mode_without_a_network_does_not_compare_the_groups(fleet: Environment) -> None:
    fleet.run("a")
    assert not fleet.run("a", subnet_ids=[], security_group_ids=[], check=True).changed
