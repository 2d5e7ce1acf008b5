# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults by chance: each comes when asked for, from a seed, and harms nothing but what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.local_aws import LocalAws
from tests.selftest.conftest import Host
from tests.selftest.function_helpers import ECHO, document, make_role, zip_of
from tests.selftest.helpers import TRUST, error_of

CALLS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("ec2", "describe_vpcs", {}, "RequestLimitExceeded", "InternalError"),
    ("iam", "list_roles", {}, "Throttling", "ServiceFailure"),
    ("sts", "get_caller_identity", {}, "Throttling", "ServiceUnavailable"),
    ("s3", "list_buckets", {}, "SlowDown", "InternalError"),
    ("lambda", "list_functions", {}, "TooManyRequestsException", "ServiceException"),
    ("scheduler", "list_schedules", {}, "ThrottlingException", "InternalServerException"),
    ("ssm", "describe_parameters", {}, "ThrottlingException", "InternalServerError"),
    ("sns", "list_topics", {}, "Throttled", "InternalError"),
    ("cloudwatch", "describe_alarms", {}, "ThrottlingException", "ServiceUnavailable"),
]


@pytest.mark.parametrize(("service", "call", "parameters", "throttled", "failing"), CALLS)
def test_each_service_refuses_in_its_own_words(
    aws: LocalAws, service: str, call: str, parameters: dict[str, Any], throttled: str, failing: str
) -> None:
    method = getattr(aws.client(service), call)
    aws.set_faults(throttled=1)
    assert error_of(method, **parameters) == throttled
    aws.set_faults(failing=1)
    assert error_of(method, **parameters) == failing
    assert aws.faults() == {"throttled": 1, "failing": 1}
    aws.set_faults()
    method(**parameters)


def test_a_refused_call_has_no_effect_and_an_operation_gets_through_in_the_end(aws: LocalAws, iam: Any) -> None:
    aws.set_faults(throttled=1, in_a_row=2)
    for _ in range(2):
        assert error_of(iam.create_role, RoleName="role", AssumeRolePolicyDocument=TRUST) == "Throttling"
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)


def test_boto3_s_own_attempts_outlast_the_faults(aws: LocalAws) -> None:
    aws.set_faults(throttled=0.5, failing=0.5, in_a_row=2)
    patient = aws.client("ec2", config=Config(retries={"total_max_attempts": 5, "mode": "legacy"}))
    patient.describe_vpcs()
    assert aws.faults()["throttled"] + aws.faults()["failing"] == 2


def test_the_same_seed_brings_the_same_luck(aws: LocalAws, ec2: Any, iam: Any) -> None:
    def luck(seed: int, *, in_between: bool = False) -> list[bool]:
        aws.set_faults(seed=seed, throttled=0.3, in_a_row=99)
        fell = []
        for _ in range(40):
            fell.append(not answered(ec2.describe_vpcs))
            if in_between:
                answered(iam.list_roles)
        return fell

    def answered(call: Callable[[], object]) -> bool:
        try:
            call()
        except ClientError:
            return False
        return True

    assert luck(1) == luck(1, in_between=True)
    assert luck(1) != luck(2)
    assert 4 <= sum(luck(1)) <= 20


def test_answers_are_lost_after_the_call_took_effect(aws: LocalAws, iam: Any) -> None:
    aws.set_faults(lost=1)
    with pytest.raises(ConnectionClosedError):
        iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    # What only reads is answered.
    assert iam.get_role(RoleName="role")["Role"]["RoleName"] == "role"
    assert aws.faults()["lost"] == 1


def test_a_full_zone_takes_no_instance_and_another_does(aws: LocalAws, ec2: Any, host: Host) -> None:
    subnets = ec2.describe_subnets(Filters=[{"Name": "tag:Name", "Values": ["trading-dev"]}])["Subnets"]
    by_zone = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in subnets}
    early = host.run(SubnetId=by_zone["us-east-1a"], ClientToken="token")

    aws.set_faults(full_zone="us-east-1a")

    with pytest.raises(ClientError) as caught:
        host.run(SubnetId=by_zone["us-east-1a"])
    assert caught.value.response["Error"]["Code"] == "InsufficientInstanceCapacity"
    assert host.run(SubnetId=by_zone["us-east-1b"])["Placement"]["AvailabilityZone"] == "us-east-1b"
    # What was launched before is there.
    assert host.run(SubnetId=by_zone["us-east-1a"], ClientToken="token")["InstanceId"] == early["InstanceId"]


def test_a_new_instance_is_not_seen_at_once(aws: LocalAws, ec2: Any, host: Host) -> None:
    old = host.run()["InstanceId"]
    aws.set_faults(unseen_instances=2)
    new = host.run()["InstanceId"]
    tags = [{"Key": "key", "Value": "value"}]

    def shown() -> list[str]:
        return [each["Instances"][0]["InstanceId"] for each in ec2.describe_instances()["Reservations"]]

    assert shown() == [old]
    assert error_of(ec2.describe_instances, InstanceIds=[old, new]) == "InvalidInstanceID.NotFound"
    for _ in range(2):
        assert error_of(ec2.create_tags, Resources=[new], Tags=tags) == "InvalidInstanceID.NotFound"
    ec2.create_tags(Resources=[new], Tags=tags)
    assert shown() == [old, new]
    assert aws.faults()["unseen"] == 4


def test_a_new_role_is_not_seen_at_once(aws: LocalAws, iam: Any, s3: Any) -> None:
    s3.create_bucket(Bucket="bucket")
    aws.set_faults(unseen=1)
    arn = make_role(aws, "fresh", "lambda.amazonaws.com")

    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == []
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["fresh"]

    function = {
        "FunctionName": "function",
        "Role": arn,
        "Runtime": "python3.11",
        "Handler": "lambda_function.lambda_handler",
        "Code": {"ZipFile": zip_of(ECHO)},
    }
    functions = aws.client("lambda")
    with pytest.raises(ClientError, match=r"cannot be assumed by Lambda\."):
        functions.create_function(**function)
    functions.create_function(**function)

    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": arn},
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::bucket",
    }
    with pytest.raises(ClientError, match="Invalid principal in policy"):
        s3.put_bucket_policy(Bucket="bucket", Policy=document(statement))
    s3.put_bucket_policy(Bucket="bucket", Policy=document(statement))


def test_a_new_profile_is_not_seen_at_once(
    aws: LocalAws, host: Host, make_profile: Callable[[str], str], iam: Any
) -> None:
    aws.set_faults(unseen=1)
    make_profile("fresh")
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
    with pytest.raises(ClientError, match="Invalid IAM Instance Profile name"):
        host.run(IamInstanceProfile={"Name": "fresh"})
    host.run(IamInstanceProfile={"Name": "fresh"})


def test_pages_take_their_time_and_do_not_hold_up_others(aws: LocalAws, iam: Any, s3: Any) -> None:
    aws.set_faults(page_seconds=0.01)
    iam.list_roles()
    assert aws.faults()["slow"] == 1
    iam.get_account_summary()
    assert aws.faults()["slow"] == 1


def test_a_reset_ends_all_faults(aws: LocalAws, ec2: Any) -> None:
    aws.set_faults(throttled=1)
    aws.reset()
    ec2.describe_vpcs()
    assert aws.faults() == {}


def test_a_fault_that_is_not_known_is_refused(aws: LocalAws) -> None:
    with pytest.raises(RuntimeError, match="unexpected keyword argument 'gremlins'"):
        aws.set_faults(gremlins=1)
