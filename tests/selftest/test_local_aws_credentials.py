# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access keys and what they may do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws import LocalAws
from tests.selftest.helpers import error_of


def _policy(action: str, resource: str = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def user(iam: Any) -> dict[str, str]:
    """The keys of a user without policies."""
    iam.create_user(UserName="user")
    key = iam.create_access_key(UserName="user")["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_instances", "AuthFailure"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("ssm", "describe_parameters", "UnrecognizedClientException"),
        ("lambda", "list_functions", "UnrecognizedClientException"),
    ],
)
def test_unknown_key(aws: LocalAws, service: str, call: str, code: str) -> None:
    client = aws.client(service, aws_access_key_id="AKIAUNKNOWN000000000")
    assert error_of(getattr(client, call)) == code


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_instances", "UnauthorizedOperation"),
        ("s3", "list_buckets", "AccessDenied"),
        ("iam", "list_roles", "AccessDenied"),
        ("ssm", "describe_parameters", "AccessDeniedException"),
        ("lambda", "list_functions", "AccessDeniedException"),
    ],
)
def test_user_without_policies(aws: LocalAws, user: dict[str, str], service: str, call: str, code: str) -> None:
    assert error_of(getattr(aws.client(service, **user), call)) == code


def test_everyone_may_ask_who_they_are(aws: LocalAws, user: dict[str, str]) -> None:
    assert aws.client("sts", **user).get_caller_identity()["Arn"].endswith(":user/user")


def test_policies_allow_and_deny(aws: LocalAws, iam: Any, user: dict[str, str]) -> None:
    iam.put_user_policy(UserName="user", PolicyName="allow", PolicyDocument=_policy("ec2:Describe*"))
    ec2 = aws.client("ec2", **user)
    ec2.describe_instances()
    assert error_of(ec2.create_vpc, CidrBlock="10.0.0.0/16") == "UnauthorizedOperation"
    deny = _policy("*").replace("Allow", "Deny")
    iam.put_user_policy(UserName="user", PolicyName="deny", PolicyDocument=deny)
    assert error_of(ec2.describe_instances) == "UnauthorizedOperation"


def test_s3_resources_and_prefixes_count(aws: LocalAws, iam: Any, s3: Any, user: dict[str, str]) -> None:
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="configs/a")
    s3.put_object(Bucket="bucket", Key="models/a")
    condition = {"StringLike": {"s3:prefix": "configs/*"}}
    listing = _policy("s3:ListBucket", "arn:aws:s3:::bucket", Condition=condition)
    iam.put_user_policy(UserName="user", PolicyName="list", PolicyDocument=listing)
    reading = _policy("s3:GetObject", "arn:aws:s3:::bucket/configs/*")
    iam.put_user_policy(UserName="user", PolicyName="get", PolicyDocument=reading)
    theirs = aws.client("s3", **user)
    theirs.get_object(Bucket="bucket", Key="configs/a")
    theirs.list_objects_v2(Bucket="bucket", Prefix="configs/")
    assert error_of(theirs.get_object, Bucket="bucket", Key="models/a") == "AccessDenied"
    assert error_of(theirs.list_objects_v2, Bucket="bucket", Prefix="models/") == "AccessDenied"


def test_bucket_policy_lets_a_role_in(aws: LocalAws, iam: Any, s3: Any) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="role", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"body")
    key = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    theirs = aws.client(
        "s3",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
    )
    assert error_of(theirs.get_object, Bucket="bucket", Key="key") == "AccessDenied"
    policy = _policy("s3:GetObject", "arn:aws:s3:::bucket/*", Principal={"AWS": arn})
    s3.put_bucket_policy(Bucket="bucket", Policy=policy)
    assert theirs.get_object(Bucket="bucket", Key="key")["Body"].read() == b"body"


def test_a_condition_that_is_not_modelled_is_said(aws: LocalAws, iam: Any, user: dict[str, str]) -> None:
    policy = _policy("ec2:*", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})
    iam.put_user_policy(UserName="user", PolicyName="conditional", PolicyDocument=policy)
    with pytest.raises(ClientError, match="does not judge the condition"):
        aws.client("ec2", **user).describe_instances()
