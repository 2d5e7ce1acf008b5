# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Seeding, and the commands."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.local_aws import LocalAws
from tests.local_aws.client import REPOSITORY
from tests.local_aws.environment import is_loopback
from tests.local_aws.seed import Seed, apply_seed
from tests.local_aws.seed_models import HOSTILE_KEYS, delete_model, model_names, near_miss_keys, put_model


def _keys(s3: Any, bucket: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def test_seed_twice(aws: LocalAws, ec2: Any, s3: Any) -> None:
    seed = Seed(environment="qa", models=4, symbols=2, near_misses=True, hostile=True)
    said = apply_seed(seed, aws.client)
    assert said.startswith("Seeded qa: bucket algo-model-deploy with 4 models")
    aws.forget_calls()
    assert apply_seed(seed, aws.client) == said
    assert [call for call in aws.calls() if call.mutating] == []

    keys = _keys(s3, "algo-model-deploy")
    assert "models/long/SOXL/soxl_long-outer_11_inner_48/model.pkl" in keys
    assert "configs/config.json" in keys
    assert set(HOSTILE_KEYS) | set(near_miss_keys()) <= set(keys)
    assert len([key for key in keys if key.endswith("/model.pkl") and "_v2" not in key and ".bak" not in key]) == 4


def test_images_are_told_apart_by_age(aws: LocalAws, ec2: Any) -> None:
    apply_seed(Seed(bucket=False, network=False, secret=False), aws.client)
    images = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["trading-server*"]}])["Images"]
    newest = max(images, key=lambda image: image["CreationDate"])
    assert len({image["CreationDate"] for image in images}) == 2
    assert newest["Name"] == "trading-server-2026-02-02"
    assert (newest["RootDeviceName"], newest["Architecture"], newest["State"]) == ("/dev/xvda", "x86_64", "available")
    assert newest["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 8


def test_networks_lie_in_the_loopback_range(aws: LocalAws, ec2: Any) -> None:
    for environment in ("dev", "qa", "prod"):
        apply_seed(Seed(environment, bucket=False, images=False, secret=False), aws.client)
    named = [{"Name": "tag:Name", "Values": ["trading-qa"]}]
    assert [vpc["CidrBlock"] for vpc in ec2.describe_vpcs(Filters=named)["Vpcs"]] == [aws.networks["qa"]]
    subnets = ec2.describe_subnets(Filters=named)["Subnets"]
    assert sorted(subnet["CidrBlock"] for subnet in subnets) == [
        aws.networks["qa"].replace("0.0/16", third) for third in ("0.0/20", "16.0/20")
    ]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    assert [group["GroupName"] for group in ec2.describe_security_groups(Filters=named)["SecurityGroups"]] == [
        "trading-qa"
    ]


def test_one_model_comes_and_goes(s3: Any) -> None:
    s3.create_bucket(Bucket="bucket")
    put_model(s3, "bucket", "long", "SOXL", "soxl_long-outer_1_inner_1", objects=5)
    assert len(_keys(s3, "bucket")) == 5
    delete_model(s3, "bucket", "long", "SOXL", "soxl_long-outer_1_inner_1")
    assert _keys(s3, "bucket") == []


def test_model_names_are_spread() -> None:
    names = model_names(60, 3)
    assert len(set(names)) == 60
    assert {symbol for _, symbol, _ in names} == {"SOXL", "TQQQ", "SPXL"}
    with pytest.raises(ValueError, match="symbols"):
        model_names(1, 99)


def _command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.local_aws", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)


def test_run_gives_the_environment_and_the_status() -> None:
    script = 'echo "$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID ${AWS_PROFILE-none} $AWS_CONFIG_FILE"; exit 7'
    done = _command("run", "--", "/bin/sh", "-c", script, AWS_PROFILE="mine", PATH="/usr/bin:/bin")
    assert done.returncode == 7
    assert done.stdout.startswith("http://127.0.0.1:")
    assert done.stdout.endswith(" local none /dev/null\n")
    assert done.stderr == ""


def test_run_tells_of_a_command_that_is_not_there() -> None:
    done = _command("run", "--", "/no/such/command")
    assert done.returncode == 127
    assert "cannot run /no/such/command" in done.stderr


def test_serve_says_that_its_port_is_taken(server: LocalAws) -> None:
    done = _command("serve", "--port", server.endpoint_url.rpartition(":")[2])
    assert done.returncode == 1
    assert "cannot listen on port" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_what_to_export_and_stops_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.local_aws", "serve"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert lines[0].startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:")
    assert lines[1:] == [
        "export AWS_ACCESS_KEY_ID=local\n",
        "export AWS_SECRET_ACCESS_KEY=local\n",
        "export AWS_REGION=us-east-1\n",
    ]
    assert (process.returncode, errors) == (0, "")


def test_seed_refuses_a_real_account() -> None:
    for environ in ({}, {"AWS_ENDPOINT_URL": "https://ec2.amazonaws.com"}):
        done = _command("seed", "--env", "dev", **environ)
        assert done.returncode == 2
        assert "not seeding" in done.stderr


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:5000", True),
        ("http://[::1]:5000", True),
        ("http://localhost:1", True),
        ("", False),
        ("https://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_loopback(url: str, local: bool) -> None:
    assert is_loopback(url) is local


def test_the_endpoint_ends_with_its_parent() -> None:
    script = (
        "import os, signal\n"
        "from tests.local_aws import LocalAws\n"
        "aws = LocalAws()\n"
        "aws.start()\n"
        "print(aws.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=20
    )
    # The endpoint inherited stderr, so that `run` above came back only when it had ended too.
    assert done.returncode == -9
    assert int(done.stdout) > 0
