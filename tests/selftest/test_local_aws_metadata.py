# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host learns about itself, and the keys of its role."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from botocore.utils import InstanceMetadataFetcher

from tests.local_aws.hosts.client import LocalHost
from tests.selftest.helpers import IN_METADATA, error_of
from tests.selftest.living import Living

pytestmark = pytest.mark.xdist_group("hosts")

_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105 - a header's name


def _ask(host: LocalHost, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    base = urlsplit(host.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"])
    connection = http.client.HTTPConnection(base.netloc, timeout=10)
    connection.request(method, f"{base.path}/{path}", headers=headers)
    answer = connection.getresponse()
    status, text = answer.status, answer.read().decode()
    connection.close()
    return status, text


@pytest.fixture
def host(living: Living) -> LocalHost:
    tags = (("Role", "trader"), ("Symbol", "S $(x)'ü"))
    return living.launch("", *tags, MetadataOptions=IN_METADATA)


@pytest.fixture
def get(host: LocalHost) -> Callable[[str], str | None]:
    token = _ask(host, "PUT", "latest/api/token", {_TTL: "60"})[1]

    def get(path: str) -> str | None:
        status, text = _ask(host, "GET", f"latest/{path}", {_TOKEN: token})
        assert status in (200, 404)
        return text if status == 200 else None

    return get


def test_a_token_is_needed(living: Living, host: LocalHost) -> None:
    path = "latest/meta-data/instance-id"
    assert _ask(host, "GET", path, {})[0] == 401
    assert _ask(host, "GET", path, {_TOKEN: "wrong"})[0] == 401
    assert _ask(host, "PUT", "latest/api/token", {})[0] == 400
    token = _ask(host, "PUT", "latest/api/token", {_TTL: "60"})[1]
    assert _ask(host, "GET", path, {_TOKEN: token}) == (200, host.id)
    other = living.launch()
    assert _ask(other, "GET", path, {_TOKEN: token})[0] == 401
    living.stop(host.id)
    assert _ask(host, "GET", path, {_TOKEN: token})[0] == 404


def test_facts(living: Living, host: LocalHost, get: Callable[[str], str | None]) -> None:
    shown = living.ec2.describe_instances(InstanceIds=[host.id])["Reservations"][0]["Instances"][0]
    assert get("meta-data/instance-id") == host.id
    assert get("meta-data/local-ipv4") == shown["PrivateIpAddress"]
    assert get("meta-data/public-ipv4") == shown.get("PublicIpAddress")
    assert get("meta-data/placement/region") == "us-east-1"
    assert get("meta-data/placement/availability-zone") == shown["Placement"]["AvailabilityZone"]
    assert get("meta-data/no-such-thing") is None
    document = json.loads(get("dynamic/instance-identity/document") or "")
    assert (document["region"], document["instanceId"]) == ("us-east-1", host.id)


def test_no_public_address(living: Living) -> None:
    interface = {"DeviceIndex": 0, "SubnetId": living.parameters["SubnetId"], "AssociatePublicIpAddress": False}
    del living.parameters["SubnetId"]
    host = living.launch(NetworkInterfaces=[interface])
    token = _ask(host, "PUT", "latest/api/token", {_TTL: "60"})[1]
    assert _ask(host, "GET", "latest/meta-data/public-ipv4", {_TOKEN: token})[0] == 404


def test_tags(living: Living, host: LocalHost, get: Callable[[str], str | None]) -> None:
    assert get("meta-data/tags/instance") == "Role\nSymbol"
    assert get("meta-data/tags/instance/Symbol") == "S $(x)'ü"
    assert get("meta-data/tags/instance/Missing") is None
    living.ec2.create_tags(Resources=[host.id], Tags=[{"Key": "Role", "Value": "ingest"}])
    assert get("meta-data/tags/instance/Role") == "ingest"
    living.ec2.modify_instance_metadata_options(InstanceId=host.id, InstanceMetadataTags="disabled")
    assert (get("meta-data/tags/instance"), get("meta-data/tags/instance/Role")) == (None, None)


def test_profile(get: Callable[[str], str | None]) -> None:
    info = json.loads(get("meta-data/iam/info") or "")
    assert info["InstanceProfileArn"].endswith(":instance-profile/host")
    assert get("meta-data/iam/security-credentials/") == "host"
    keys = json.loads(get("meta-data/iam/security-credentials/host") or "")
    assert keys["AccessKeyId"].startswith("ASIA")
    assert keys == json.loads(get("meta-data/iam/security-credentials/host") or "")
    assert get("meta-data/iam/security-credentials/other") is None


def test_the_keys_are_the_roles(living: Living, host: LocalHost) -> None:
    fetcher = InstanceMetadataFetcher(base_url=host.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"], env={})
    keys = fetcher.retrieve_iam_role_credentials()
    theirs = {
        "aws_access_key_id": keys["access_key"],
        "aws_secret_access_key": keys["secret_key"],
        "aws_session_token": keys["token"],
    }
    caller = living.aws.client("sts", **theirs).get_caller_identity()
    assert caller["Arn"] == f"arn:aws:sts::123456789012:assumed-role/host/{host.id}"
    assert error_of(living.aws.client("ec2", **theirs).describe_instances) == "UnauthorizedOperation"
    assert error_of(living.aws.client("s3", **theirs).list_buckets) == "AccessDenied"
    forged = theirs | {"aws_session_token": "x"}
    assert error_of(living.aws.client("sts", **forged).get_caller_identity) == "InvalidClientTokenId"


def test_no_profile_no_keys(living: Living) -> None:
    host = living.launch("", IamInstanceProfile={})
    fetcher = InstanceMetadataFetcher(base_url=host.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"], env={})
    assert fetcher.retrieve_iam_role_credentials() == {}


def test_a_dying_host_keeps_its_role(living: Living) -> None:
    host = living.launch()
    living.aws.set_hosts(grace=60.0)
    host.run("trap '' TERM; setsid sleep 60 >/dev/null 2>&1 &")
    living.ec2.terminate_instances(InstanceIds=[host.id])
    fetcher = InstanceMetadataFetcher(base_url=host.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"], env={})
    assert fetcher.retrieve_iam_role_credentials()["role_name"] == "host"


@pytest.mark.usefixtures("host_programs")
def test_awss_own_command_line_finds_its_keys(living: Living, host: LocalHost) -> None:
    said: subprocess.CompletedProcess[str] = host.run("aws --region us-east-1 sts get-caller-identity --query Arn")
    assert json.loads(said.stdout).endswith(f":assumed-role/host/{host.id}"), said.stderr
