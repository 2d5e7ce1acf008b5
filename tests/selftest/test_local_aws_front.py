# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The front: identification, the log of calls, errors, reset."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local_aws import Call, LocalAws
from tests.local_aws.calls import is_mutating
from tests.selftest.helpers import TRUST


def test_calls_are_named(aws: LocalAws, clients: dict[str, Any]) -> None:
    s3 = clients["s3"]
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a/b c", Body=b"x")
    s3.list_objects_v2(Bucket="bucket", Delimiter="/")
    s3.head_object(Bucket="bucket", Key="a/b c")
    s3.put_public_access_block(Bucket="bucket", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    s3.delete_object(Bucket="bucket", Key="a/b c")
    clients["ec2"].describe_instances()
    clients["iam"].create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    clients["sts"].get_caller_identity()
    aws.client("lambda").list_functions()
    aws.client("scheduler").list_schedules()
    aws.client("secretsmanager").list_secrets()
    aws.client("cloudwatch").describe_alarms()

    assert [(call.service, call.operation, call.mutating) for call in aws.calls()] == [
        ("s3", "CreateBucket", True),
        ("s3", "PutObject", True),
        ("s3", "ListObjectsV2", False),
        ("s3", "HeadObject", False),
        ("s3", "PutPublicAccessBlock", True),
        ("s3", "DeleteObject", True),
        ("ec2", "DescribeInstances", False),
        ("iam", "CreateRole", True),
        ("sts", "GetCallerIdentity", False),
        ("lambda", "ListFunctions", False),
        ("scheduler", "ListSchedules", False),
        ("secretsmanager", "ListSecrets", False),
        ("cloudwatch", "DescribeAlarms", False),
    ]


def test_refused_calls_are_logged_and_can_be_forgotten(aws: LocalAws, ec2: Any) -> None:
    with pytest.raises(ClientError):
        ec2.describe_instances(InstanceIds=["i-00000000000000000"])
    (call,) = aws.calls()
    assert call.invocation
    assert call == Call("ec2", "DescribeInstances", 400, False, access_key="local", invocation=call.invocation)
    aws.forget_calls()
    assert aws.calls() == []


def test_what_an_sdk_tries_again_is_the_same_invocation(aws: LocalAws) -> None:
    ec2 = aws.client("ec2", config=Config(retries={"total_max_attempts": 2}))
    aws.lose_answer("ec2", "DescribeRegions")
    ec2.describe_regions()
    ec2.describe_regions()
    lost, again, another = (call.invocation for call in aws.calls())
    assert lost == again != another


@pytest.mark.parametrize(
    ("operation", "mutating"),
    [("RunInstances", True), ("SendCommand", True), ("AssumeRole", False), ("BatchGetSecretValue", False)],
)
def test_mutating(operation: str, mutating: bool) -> None:
    assert is_mutating(operation) is mutating


def test_reset_empties_the_account(aws: LocalAws, s3: Any) -> None:
    s3.create_bucket(Bucket="bucket")
    aws.reset()
    assert s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize("key", ["a b/$(x)", "line\nbreak", "'\"`;&|", "modèle/模型", "..", "a//b/", "x" * 900])
def test_s3_keys_survive(s3: Any, key: str) -> None:
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key=key, Body=b"body")
    assert [found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]] == [key]
    assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == b"body"


def test_presigned_urls_work(aws: LocalAws, s3: Any) -> None:
    s3.create_bucket(Bucket="bucket")
    opener = build_opener(ProxyHandler({}))
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "key"})
    upload = Request(url, data=b"body", method="PUT", headers={"Content-Type": ""})  # noqa: S310 - our own endpoint
    opener.open(upload).close()
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})
    with opener.open(url) as answer:
        assert answer.read() == b"body"
    assert [call.operation for call in aws.calls()] == ["CreateBucket", "PutObject", "GetObject"]


@pytest.mark.parametrize(
    ("service", "call", "parameters"),
    [
        ("ec2", "monitor_instances", {"InstanceIds": ["i-1"]}),
        ("iam", "simulate_principal_policy", {"PolicySourceArn": "a" * 20, "ActionNames": ["s3:GetObject"]}),
        ("ssm", "describe_instance_information", {}),
        ("lambda", "get_runtime_management_config", {"FunctionName": "f"}),
        ("s3", "get_bucket_request_payment", {"Bucket": "bucket"}),
    ],
)
def test_what_is_missing_is_refused_in_one_sentence(
    aws: LocalAws, service: str, call: str, parameters: dict[str, Any]
) -> None:
    client = aws.client(service)
    with pytest.raises(ClientError) as caught:
        getattr(client, call)(**parameters)
    assert caught.value.response["Error"]["Code"] == "NotImplementedByLocalAws"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    operation = client.meta.method_to_api_mapping[call]
    assert caught.value.response["Error"]["Message"].startswith(
        f"The local AWS does not implement {service}:{operation}."
    )


def test_unsigned_requests_are_refused(aws: LocalAws) -> None:
    connection = http.client.HTTPConnection(urlsplit(aws.endpoint_url).netloc)
    connection.request("GET", "/bucket")
    answer = connection.getresponse()
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code>" in answer.read()
    connection.close()


def test_a_connection_stays_open(aws: LocalAws) -> None:
    connection = http.client.HTTPConnection(urlsplit(aws.endpoint_url).netloc)
    connection.connect()
    socket = connection.sock
    for _ in range(3):
        connection.request("GET", "/_local_aws/calls")
        connection.getresponse().read()
        assert connection.sock is socket
    connection.close()


def test_without_the_switch_nothing_lives(aws: LocalAws) -> None:
    with pytest.raises(RuntimeError, match="no such control"):
        aws.host("i-00000000000000000")
