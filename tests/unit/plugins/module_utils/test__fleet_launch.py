# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What servers are launched with, and how they are recognised."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import (
    UNKNOWN,
    Launch,
    client_token,
    digest,
    identity_of,
    ingest_server,
    trading_server,
)
from ansible_collections.algotrading.aws.plugins.module_utils._models import Model

MODEL = Model("long", "SOXL", "soxl_long-outer_11_inner_48")
SERVER = trading_server("qa", MODEL)
LAUNCH = Launch(
    image_id="ami-1",
    root_device_name="/dev/xvda",
    instance_type="t3.small",
    subnet_ids=("subnet-a", "subnet-b"),
    security_group_ids=("sg-2", "sg-1"),
    iam_instance_profile="profile",
    user_data="#!/bin/bash\n",
    key_name=None,
    volume_size=14,
)


def token(launch: Launch = LAUNCH, environment: str = "qa", model: Model = MODEL, *turn: int) -> str:
    return launch.parameters(trading_server(environment, model), *(turn or (0, 0)))["ClientToken"]


def test_a_trading_server_is_named_and_tagged_by_its_model() -> None:
    assert SERVER.name == "trading-server-qa-SOXL-long-soxl_long-outer_11_inner_48"
    assert SERVER.tags == {
        "Name": SERVER.name,
        "Environment": "qa",
        "Role": "trader",
        "ModelType": "long",
        "Symbol": "SOXL",
        "ModelNumber": "soxl_long-outer_11_inner_48",
    }


def test_the_ingest_node_is_named_and_tagged_by_its_environment() -> None:
    assert ingest_server("prod").tags == {
        "Name": "alpaca-websocket-ingest-prod",
        "Environment": "prod",
        "Role": "ingest",
    }


TRADER = dict(SERVER.tags)
INGEST = dict(ingest_server("qa").tags)


@pytest.mark.parametrize(
    ("role", "tags", "identity"),
    [
        ("trader", TRADER, SERVER.identity),
        ("ingest", INGEST, ingest_server("qa").identity),
        ("trader", {key: value for key, value in TRADER.items() if key != "Role"}, SERVER.identity),
        ("trader", {**TRADER, "Name": "renamed by hand"}, SERVER.identity),
        ("trader", {**TRADER, "Role": "of somebody else"}, SERVER.identity),
        ("trader", {**TRADER, "Environment": "prod"}, SERVER.identity),
        ("trader", {key: value for key, value in TRADER.items() if key != "Environment"}, SERVER.identity),
        ("trader", {**TRADER, "Environment": "prod", "Name": "trading-server-prod-x"}, None),
        ("trader", {**TRADER, "Symbol": ""}, UNKNOWN),
        ("trader", {key: value for key, value in TRADER.items() if key != "ModelNumber"}, UNKNOWN),
        ("trader", {"Name": SERVER.name}, UNKNOWN),
        ("trader", {"Environment": "qa", "Role": "trader"}, UNKNOWN),
        ("trader", {"Environment": "qa", "Role": "bastion"}, None),
        ("trader", INGEST, None),
        ("trader", {}, None),
        ("ingest", {key: value for key, value in INGEST.items() if key != "Role"}, ingest_server("qa").identity),
        ("ingest", {**INGEST, "Name": "renamed by hand"}, ingest_server("qa").identity),
        ("ingest", {**INGEST, "Environment": "dev"}, ingest_server("qa").identity),
        ("ingest", {**INGEST, "Name": "another", "Role": "bastion"}, None),
        ("ingest", {}, None),
    ],
)
def test_an_instance_is_recognised_by_its_tags(role: str, tags: dict[str, str], identity: Any) -> None:
    assert identity_of("qa", role, tags) == identity


def test_a_client_token_is_as_short_and_plain_as_ec2_wants_it() -> None:
    made = client_token(SERVER, 19, 9)
    assert len(made) <= 64
    assert made.isascii()


def test_the_same_launch_has_the_same_token_whatever_else_is_asked_for() -> None:
    assert token() == token(replace(LAUNCH, image_id="ami-2", user_data="other", subnet_ids=("subnet-c",)))


@pytest.mark.parametrize(
    "other",
    [
        token(LAUNCH, "qa", MODEL, 1, 0),
        token(LAUNCH, "qa", MODEL, 0, 1),
        token(LAUNCH, "prod"),
        token(LAUNCH, "qa", replace(MODEL, model_type="short")),
        token(LAUNCH, "qa", replace(MODEL, symbol="TQQQ")),
        token(LAUNCH, "qa", replace(MODEL, model_number="soxl_long-outer_11_inner_4")),
    ],
    ids=["generation", "attempt", "environment", "type", "symbol", "number"],
)
def test_another_launch_has_another_token(other: str) -> None:
    assert other != token()


def test_models_whose_names_join_alike_have_tokens_of_their_own() -> None:
    number = "x-outer_1_inner_1"
    assert token(LAUNCH, "qa", Model("B-long", "BRK", number)) != token(LAUNCH, "qa", Model("long", "BRK-B", number))


def test_servers_are_spread_over_the_subnets() -> None:
    models = [replace(MODEL, model_number=f"x-outer_{number}_inner_1") for number in range(60)]
    firsts = Counter(LAUNCH.subnets_for(trading_server("qa", model))[0] for model in models)
    assert min(firsts["subnet-a"], firsts["subnet-b"]) >= 20


def test_a_server_keeps_its_subnet_in_whatever_order_they_are_named() -> None:
    turned = replace(LAUNCH, subnet_ids=("subnet-b", "subnet-a"))
    assert turned.subnets_for(SERVER) == LAUNCH.subnets_for(SERVER)


def test_each_attempt_takes_another_subnet() -> None:
    tried = [LAUNCH.parameters(SERVER, 0, attempt)["SubnetId"] for attempt in (0, 1)]
    assert sorted(tried) == ["subnet-a", "subnet-b"]


def test_a_launch_is_encrypted_and_its_metadata_need_a_token() -> None:
    parameters = LAUNCH.parameters(SERVER, 0, 0)
    assert parameters["BlockDeviceMappings"] == [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"VolumeSize": 14, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
        }
    ]
    assert parameters["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "InstanceMetadataTags": "enabled",
    }


def test_instance_and_disk_are_tagged_at_birth() -> None:
    specifications = LAUNCH.parameters(SERVER, 0, 0)["TagSpecifications"]
    expected = {**SERVER.tags, "UserDataDigest": digest("#!/bin/bash\n")}
    assert [each["ResourceType"] for each in specifications] == ["instance", "volume"]
    for each in specifications:
        assert {tag["Key"]: tag["Value"] for tag in each["Tags"]} == expected


def test_no_name_of_a_model_reaches_the_user_data() -> None:
    assert LAUNCH.parameters(SERVER, 0, 0)["UserData"] == "#!/bin/bash\n"


def test_a_key_pair_is_named_only_when_there_is_one() -> None:
    assert "KeyName" not in LAUNCH.parameters(SERVER, 0, 0)
    assert replace(LAUNCH, key_name="algo-deployment").parameters(SERVER, 0, 0)["KeyName"] == "algo-deployment"


def test_without_a_network_there_are_no_groups_to_compare() -> None:
    assert LAUNCH.attributes()["security_group_ids"] == ["sg-1", "sg-2"]
    assert "security_group_ids" not in replace(LAUNCH, security_group_ids=()).attributes()
