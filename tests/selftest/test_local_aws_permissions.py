# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the roles of the stack may do: resources, tags, roles that are passed on."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws import LocalAws
from tests.local_aws.errors import AwsError
from tests.local_aws.permissions import Access, Decision, decide
from tests.selftest.conftest import Host
from tests.selftest.helpers import TRUST, error_of, instance_tags

_ACCOUNT = "123456789012"
_EC2 = f"arn:aws:ec2:us-east-1:{_ACCOUNT}:instance"
_DOCUMENT = "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"
_REFUSALS = ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthorizationErrorException")

Statement = dict[str, Any]


def _allow(action: str | list[str], resource: str | list[str] = "*", **condition: Any) -> Statement:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": {"StringEquals": condition}} if condition else {})


@pytest.fixture
def role(aws: LocalAws, iam: Any) -> Callable[..., Callable[[str], Any]]:
    """Make a role with these statements, and return what makes its clients."""

    def make(*statements: Statement) -> Callable[[str], Any]:
        arn = iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName="role", PolicyName="policy", PolicyDocument=document)
        keys = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        return lambda service: aws.client(
            service,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    return make


def _may(call: Callable[..., Any], **parameters: Any) -> bool:
    """Say whether a call passes the policies, whatever becomes of it then."""
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"] not in _REFUSALS
    return True


def test_ec2_by_tag(host: Host, role: Any) -> None:
    dev = host.run(TagSpecifications=instance_tags(("Environment", "dev")))["InstanceId"]
    prod = host.run(TagSpecifications=instance_tags(("Environment", "prod")))["InstanceId"]
    bare = host.run()["InstanceId"]
    ec2 = role(
        _allow("ec2:StopInstances", f"{_EC2}/*", **{"ec2:ResourceTag/Environment": "dev"}),
        _allow("ec2:StartInstances", f"{_EC2}/*", **{"aws:resourceTag/Environment": "dev"}),
        _allow("ec2:DescribeInstances"),
        _allow("ec2:DescribeInstanceStatus", f"{_EC2}/*"),
    )("ec2")
    for call in (ec2.stop_instances, ec2.start_instances):
        assert [_may(call, InstanceIds=ids) for ids in ([dev], [prod], [bare], [dev, prod])] == [
            True,
            False,
            False,
            False,
        ]
    assert _may(ec2.describe_instances)
    # A description is of everything, and a narrower resource allows none.
    assert not _may(ec2.describe_instance_status)


def test_tags_by_their_keys(host: Host, role: Any) -> None:
    dev = host.run(TagSpecifications=instance_tags(("Environment", "dev")))
    prod = host.run(TagSpecifications=instance_tags(("Environment", "prod")))["InstanceId"]
    volume = dev["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    allowed = _allow(["ec2:CreateTags", "ec2:DeleteTags"], f"{_EC2}/*", **{"aws:ResourceTag/Environment": "dev"})
    allowed["Condition"]["ForAllValues:StringEquals"] = {"aws:TagKeys": ["Repairs"]}
    ec2 = role(allowed)("ec2")
    right, wrong, more = ({"Key": key, "Value": "1"} for key in ("Repairs", "repairs", "Name"))
    for call in (ec2.create_tags, ec2.delete_tags):
        assert [_may(call, Resources=[dev["InstanceId"]], Tags=tags) for tags in ([right], [wrong], [right, more])] == [
            True,
            False,
            False,
        ]
        for resources in ([prod], [dev["InstanceId"], prod], [volume]):
            assert not _may(call, Resources=resources, Tags=[right])


def test_commands_by_document_and_tag(host: Host, role: Any) -> None:
    tags = instance_tags(("Environment", "dev"), ("Role", "trader"))
    trader = host.run(TagSpecifications=tags)["InstanceId"]
    ingest = host.run(TagSpecifications=instance_tags(("Environment", "dev"), ("Role", "ingest")))["InstanceId"]
    wanted = {"ssm:resourceTag/Environment": "dev", "ssm:resourceTag/Role": "trader"}
    ssm = role(
        _allow("ssm:SendCommand", _DOCUMENT),
        _allow("ssm:SendCommand", f"{_EC2}/*", **wanted),
        _allow(["ssm:GetCommandInvocation", "ssm:ListCommandInvocations"]),
    )("ssm")
    script = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    assert _may(ssm.send_command, InstanceIds=[trader], **script)
    assert not _may(ssm.send_command, InstanceIds=[trader, ingest], **script)
    assert not _may(ssm.send_command, InstanceIds=[trader], DocumentName="AWS-RunPatchBaseline")
    assert _may(ssm.send_command, Targets=[{"Key": "tag:Role", "Values": ["trader"]}], **script)
    assert not _may(ssm.send_command, Targets=[{"Key": "tag:Environment", "Values": ["dev"]}], **script)
    asked = {"CommandId": "0" * 36, "InstanceId": trader}
    assert _may(ssm.get_command_invocation, **asked)
    assert not _may(ssm.list_commands)


def test_a_document_has_no_tags(host: Host, role: Any) -> None:
    trader = host.run(TagSpecifications=instance_tags(("Role", "trader")))["InstanceId"]
    both = [_DOCUMENT, f"{_EC2}/*"]
    ssm = role(_allow("ssm:SendCommand", both, **{"aws:ResourceTag/Role": "trader"}))("ssm")
    assert not _may(ssm.send_command, InstanceIds=[trader], DocumentName="AWS-RunShellScript")


def test_secrets_by_name(aws: LocalAws, role: Any) -> None:
    owner = aws.client("secretsmanager")
    for name in ("github/ssh-key", "trading/nats-dev"):
        owner.create_secret(Name=name, SecretString="x")
    arn = f"arn:aws:secretsmanager:us-east-1:{_ACCOUNT}:secret:github/ssh-key*"
    theirs = role(_allow("secretsmanager:GetSecretValue", arn))("secretsmanager")
    assert _may(theirs.get_secret_value, SecretId="github/ssh-key")
    assert _may(theirs.get_secret_value, SecretId=owner.describe_secret(SecretId="github/ssh-key")["ARN"])
    assert not _may(theirs.get_secret_value, SecretId="trading/nats-dev")
    assert not _may(theirs.get_secret_value, SecretId="missing")


@pytest.mark.parametrize(
    ("service", "call", "allowed", "right", "wrong"),
    [
        (
            "lambda",
            "invoke",
            _allow("lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{_ACCOUNT}:function:fleet"),
            {"FunctionName": "fleet"},
            {"FunctionName": f"arn:aws:lambda:us-east-1:{_ACCOUNT}:function:shutdown"},
        ),
        (
            "sns",
            "publish",
            _allow("sns:Publish", f"arn:aws:sns:us-east-1:{_ACCOUNT}:alerts"),
            {"TopicArn": f"arn:aws:sns:us-east-1:{_ACCOUNT}:alerts", "Message": "x"},
            {"TopicArn": f"arn:aws:sns:us-east-1:{_ACCOUNT}:other", "Message": "x"},
        ),
        (
            "logs",
            "create_log_stream",
            _allow("logs:*", f"arn:aws:logs:us-east-1:{_ACCOUNT}:log-group:/aws/lambda/fleet:*"),
            {"logGroupName": "/aws/lambda/fleet", "logStreamName": "s"},
            {"logGroupName": "/aws/lambda/fleet-other", "logStreamName": "s"},
        ),
        (
            "sts",
            "assume_role",
            _allow("sts:AssumeRole", f"arn:aws:iam::{_ACCOUNT}:role/role"),
            {"RoleArn": f"arn:aws:iam::{_ACCOUNT}:role/role", "RoleSessionName": "session"},
            {"RoleArn": f"arn:aws:iam::{_ACCOUNT}:role/other", "RoleSessionName": "session"},
        ),
    ],
)
def test_by_name(
    role: Any, service: str, call: str, allowed: Statement, right: dict[str, str], wrong: dict[str, str]
) -> None:
    client = role(allowed)(service)
    assert _may(getattr(client, call), **right)
    assert not _may(getattr(client, call), **wrong)


def test_a_role_is_passed_on_to_one_service_only(role: Any, iam: Any) -> None:
    arn = iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("lambda_function.py", "")
    make = {
        "FunctionName": "f",
        "Runtime": "python3.13",
        "Handler": "lambda_function.lambda_handler",
        "Code": {"ZipFile": archive.getvalue()},
    }
    client = role(
        _allow("lambda:CreateFunction"), _allow("iam:PassRole", arn, **{"iam:PassedToService": "lambda.amazonaws.com"})
    )
    assert _may(client("lambda").create_function, Role=arn, **make)
    assert not _may(client("lambda").create_function, Role=arn.replace("other", "role"), **make)


def test_a_launch_passes_its_role_on(host: Host, role: Any, make_profile: Callable[[str], str]) -> None:
    make_profile("profile")
    host.ec2 = role(_allow("ec2:*"))("ec2")
    host.run()
    assert error_of(host.run, IamInstanceProfile={"Name": "profile"}) == "UnauthorizedOperation"


@pytest.mark.parametrize(
    ("operator", "absent", "present"),
    [
        ("StringEquals", Decision.SILENT, Decision.ALLOWED),
        ("StringEqualsIfExists", Decision.ALLOWED, Decision.ALLOWED),
        ("StringNotEquals", Decision.ALLOWED, Decision.SILENT),
        ("StringLike", Decision.SILENT, Decision.ALLOWED),
        ("ArnNotLike", Decision.ALLOWED, Decision.SILENT),
    ],
)
def test_conditions_on_a_key_that_is_absent(operator: str, absent: Decision, present: Decision) -> None:
    statement = _allow("ec2:StopInstances") | {"Condition": {operator: {"ec2:ResourceTag/Role": "trader"}}}
    policy = {"Statement": statement}
    bare = Access("ec2:StopInstances", "*", families=("ec2:resourcetag/",))
    tagged = Access("ec2:StopInstances", "*", {"ec2:resourcetag/role": "trader"})
    assert (decide(policy, bare), decide(policy, tagged)) == (absent, present)


@pytest.mark.parametrize(
    ("operator", "keys", "decision"),
    [
        ("ForAllValues:StringEquals", ["Repairs"], Decision.ALLOWED),
        ("ForAllValues:StringEquals", ["Repairs", "Name"], Decision.SILENT),
        ("ForAllValues:StringEquals", [], Decision.ALLOWED),
        ("ForAllValues:StringLike", ["Repairs", "Role"], Decision.SILENT),
        ("ForAllValues:StringNotEquals", ["Name", "Role"], Decision.ALLOWED),
        ("ForAnyValue:StringEquals", ["Repairs", "Name"], Decision.ALLOWED),
        ("ForAnyValue:StringEquals", [], Decision.SILENT),
        ("ForAnyValue:StringEqualsIfExists", [], Decision.ALLOWED),
    ],
)
def test_conditions_on_many_values(operator: str, keys: list[str], decision: Decision) -> None:
    statement = _allow("ec2:CreateTags") | {"Condition": {operator: {"aws:TagKeys": ["Repairs"]}}}
    access = Access("ec2:CreateTags", "*", many={"aws:tagkeys": frozenset(keys)})
    assert decide({"Statement": statement}, access) == decision


@pytest.mark.parametrize(
    ("operator", "key"),
    [
        ("StringEquals", "aws:TagKeys"),
        ("ForAllValues:StringEquals", "aws:RequestTag/Name"),
        ("ForAllValues:StringEquals", "aws:ResourceTag/Name"),
        ("ForSomeValues:StringEquals", "aws:TagKeys"),
        ("ForAllValues:NumericEquals", "aws:TagKeys"),
    ],
)
def test_conditions_that_are_not_judged(operator: str, key: str) -> None:
    statement = _allow("ec2:CreateTags") | {"Condition": {operator: {key: "x"}}}
    access = Access("ec2:CreateTags", "*", many={"aws:tagkeys": frozenset()}, families=("aws:resourcetag/",))
    with pytest.raises(AwsError, match="does not judge the condition"):
        decide({"Statement": statement}, access)
