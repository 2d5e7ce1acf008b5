# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The strict rules of IAM and of bucket policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.selftest.helpers import TRUST, error_of

ACCOUNT = "123456789012"


def _policy(size: int = 0, action: str = "s3:GetObject", resource: str = "*", **more: Any) -> str:
    statement = {"Sid": "x" * size, "Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=1)


def _trust(principal: object, size: int = 0) -> str:
    statement = {"Sid": "x" * size, "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"RoleName": "r" * 65}, "ValidationError"),
        ({"RoleName": "a role"}, "ValidationError"),
        ({"AssumeRolePolicyDocument": "{"}, "MalformedPolicyDocument"),
        ({"AssumeRolePolicyDocument": _trust({"Service": "ec2.amazonaws.com"}, 2_000)}, "LimitExceeded"),
        ({"AssumeRolePolicyDocument": _trust({"AWS": f"arn:aws:iam::{ACCOUNT}:role/none"})}, "MalformedPolicyDocument"),
        ({"Tags": [{"Key": "k" * 129, "Value": ""}]}, "ValidationError"),
        ({"Tags": [{"Key": "k", "Value": "v" * 257}]}, "ValidationError"),
        ({"Tags": [{"Key": "k", "Value": "$(v)"}]}, "ValidationError"),
        ({"Tags": [{"Key": "aws:k", "Value": ""}]}, "InvalidInput"),
        ({"Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]}, "LimitExceeded"),
    ],
)
def test_a_role_that_cannot_be(iam: Any, changes: dict[str, Any], code: str) -> None:
    assert error_of(iam.create_role, **{"RoleName": "role", "AssumeRolePolicyDocument": TRUST, **changes}) == code
    assert iam.list_roles()["Roles"] == []


def test_tags_of_a_role_add_up(iam: Any) -> None:
    tags = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST, Tags=tags)
    iam.tag_role(RoleName="role", Tags=tags[:1])
    assert error_of(iam.tag_role, RoleName="role", Tags=[{"Key": "more", "Value": ""}]) == "LimitExceeded"


def test_inline_policies_share_a_quota(iam: Any) -> None:
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="role", PolicyName="one", PolicyDocument=_policy(5_000))
    iam.put_role_policy(RoleName="role", PolicyName="two", PolicyDocument=_policy(5_000))
    iam.put_role_policy(RoleName="role", PolicyName="two", PolicyDocument=_policy(5_000))
    three = {"RoleName": "role", "PolicyName": "three", "PolicyDocument": _policy(100)}
    assert error_of(iam.put_role_policy, **three) == "LimitExceeded"
    three["PolicyDocument"] = "no policy"
    assert error_of(iam.put_role_policy, **three) == "MalformedPolicyDocument"


def test_managed_policies_have_a_quota(iam: Any) -> None:
    iam.create_policy(PolicyName="fits", PolicyDocument=_policy(6_000))
    assert error_of(iam.create_policy, PolicyName="big", PolicyDocument=_policy(6_144)) == "LimitExceeded"


def test_a_role_carries_ten_managed_policies(iam: Any) -> None:
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    arns = [iam.create_policy(PolicyName=f"p{n}", PolicyDocument=_policy())["Policy"]["Arn"] for n in range(11)]
    for arn in arns[:10]:
        iam.attach_role_policy(RoleName="role", PolicyArn=arn)
    iam.attach_role_policy(RoleName="role", PolicyArn=arns[0])
    assert error_of(iam.attach_role_policy, RoleName="role", PolicyArn=arns[10]) == "LimitExceeded"


def test_aws_managed_policies_are_there(iam: Any) -> None:
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="role", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")


def test_a_profile_carries_one_role(iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="profile")
    for name in ("one", "two"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="one")
    two = {"InstanceProfileName": "profile", "RoleName": "two"}
    assert error_of(iam.add_role_to_instance_profile, **two) == "LimitExceeded"


def test_only_what_is_in_a_profile_is_taken_out_of_it(iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="profile")
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    named = {"InstanceProfileName": "profile", "RoleName": "role"}
    assert error_of(iam.remove_role_from_instance_profile, **named) == "NoSuchEntity"
    iam.add_role_to_instance_profile(**named)
    iam.remove_role_from_instance_profile(**named)


def test_a_policy_that_is_used_or_has_old_versions_stays(iam: Any) -> None:
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    arn = iam.create_policy(PolicyName="policy", PolicyDocument=_policy())["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="role", PolicyArn=arn)
    assert error_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.detach_role_policy(RoleName="role", PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=_policy(), SetAsDefault=True)
    assert error_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)


OBJECTS = "arn:aws:s3:::bucket/*"
ANYONE: dict[str, Any] = {"Principal": "*"}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("{", "Policies must be valid JSON"),
        ("{}", "Missing required field Statement"),
        (_policy(21_000, resource=OBJECTS, **ANYONE), "maximum allowed document size"),
        (_policy(resource=OBJECTS), "Missing required field Principal"),
        (_policy(resource=OBJECTS, Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/none"}), "Invalid principal"),
        (_policy(resource="arn:aws:s3:::bucket2/*", **ANYONE), "Policy has invalid resource"),
        (_policy(action="ec2:RunInstances", resource=OBJECTS, **ANYONE), "Policy has invalid action"),
        (_policy(action="s3:ListBucket", resource=OBJECTS, **ANYONE), "Action does not apply"),
        (_policy(action="s3:GetObject", resource="arn:aws:s3:::bucket", **ANYONE), "Action does not apply"),
    ],
)
def test_a_bucket_policy_that_cannot_be(s3: Any, policy: str, message: str) -> None:
    s3.create_bucket(Bucket="bucket")
    with pytest.raises(ClientError, match=message) as caught:
        s3.put_bucket_policy(Bucket="bucket", Policy=policy)
    assert caught.value.response["Error"]["Code"] == "MalformedPolicy"
    assert error_of(s3.get_bucket_policy, Bucket="bucket") == "NoSuchBucketPolicy"


def test_a_bucket_policy_for_a_role(s3: Any, iam: Any) -> None:
    s3.create_bucket(Bucket="bucket")
    arn = iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    root = f"arn:aws:iam::{ACCOUNT}:root"
    policy = _policy(resource=OBJECTS, Principal={"AWS": [arn, root]})
    s3.put_bucket_policy(Bucket="bucket", Policy=policy)
    listing = _policy(action="s3:ListBucket", resource="arn:aws:s3:::bucket", Principal={"AWS": arn})
    s3.put_bucket_policy(Bucket="bucket", Policy=listing)
    assert json.loads(s3.get_bucket_policy(Bucket="bucket")["Policy"]) == json.loads(listing)
    assert error_of(s3.put_bucket_policy, Bucket="other", Policy=policy) == "NoSuchBucket"
