# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes by hand to an environment, one of each kind that a plan must find."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.account import Account, Host
from tests.local_aws.seed import BUCKETS

INGEST_FUNCTION = "AlpacaWebsocketLambda_qa"
INGEST_ROLE = "alpaca_instance_role_qa"
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
ANYONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True)
class Drift:
    """A change by hand, and the entry of a plan that tells it."""

    kind: str
    name: str
    action: str
    attribute: str = ""
    """What differs; nothing for a resource that is gone."""


def make_drifts(account: Account) -> dict[str, Drift]:
    """Change one resource of each kind, and return by the kind of drift what a plan must say.

    The environment has at least eight traders, all of them running.
    """
    hosts = account.traders("qa")
    makers: dict[str, Callable[[], Drift]] = {
        "type": lambda: _instance_type(account, hosts[0]),
        "profile": lambda: _profile(account, hosts[1]),
        "security groups": lambda: _security_groups(account, hosts[2]),
        "metadata options": lambda: _metadata_options(account, hosts[3]),
        "tags": lambda: _tags(account, hosts[4]),
        "image": lambda: _made_by_hand(account, hosts[5], "image_id", ImageId=_old_image(account)),
        "user data": lambda: _made_by_hand(account, hosts[6], "user_data", UserData="#!/bin/bash\ntrue\n"),
        "disk": lambda: _made_by_hand(account, hosts[7], "volume_encrypted", BlockDeviceMappings=[_plain_disk()]),
        "role's trust": lambda: _trust(account),
        "inline policy": lambda: _inline_policy(account),
        "attached policy": lambda: _attached_policy(account),
        "customer managed policy": lambda: _customer_managed_policy(account),
        "instance profile": lambda: _instance_profile(account),
        "bucket policy": lambda: _bucket_policy(account),
        "firewall": lambda: _firewall(account),
        "VPC's names": lambda: _vpc_names(account),
        "function's code": lambda: _code(account),
        "function's configuration": lambda: _configuration(account),
        "function's retries": lambda: _retries(account),
        "log retention": lambda: _log_retention(account),
        "topic": lambda: _topic(account),
        "schedule": lambda: _schedule(account),
        "missing schedule": lambda: _missing_schedule(account),
        "disabled schedule": lambda: _disabled_schedule(account),
        "bucket's tags": lambda: _bucket_tags(account),
    }
    return {kind: make() for kind, make in makers.items()}


# Hosts


def _instance_type(account: Account, host: Host) -> Drift:
    account.ec2.stop_instances(InstanceIds=[host.instance_id])
    account.ec2.modify_instance_attribute(InstanceId=host.instance_id, InstanceType={"Value": "t3.large"})
    return Drift("EC2 instance", host.name, "change", "instance_type")


def _profile(account: Account, host: Host) -> Drift:
    filters = [{"Name": "instance-id", "Values": [host.instance_id]}]
    (association,) = account.ec2.describe_iam_instance_profile_associations(Filters=filters)[
        "IamInstanceProfileAssociations"
    ]
    account.ec2.replace_iam_instance_profile_association(
        AssociationId=association["AssociationId"], IamInstanceProfile={"Name": "alpaca_instance_profile_qa"}
    )
    return Drift("EC2 instance", host.name, "change", "iam_instance_profile")


def _security_groups(account: Account, host: Host) -> Drift:
    vpc = host.described["VpcId"]
    group = account.ec2.create_security_group(GroupName="by-hand", Description="Made by hand", VpcId=vpc)["GroupId"]
    account.ec2.modify_instance_attribute(InstanceId=host.instance_id, Groups=[group])
    return Drift("EC2 instance", host.name, "change", "security_group_ids")


def _metadata_options(account: Account, host: Host) -> Drift:
    account.ec2.modify_instance_metadata_options(InstanceId=host.instance_id, HttpTokens="optional")
    return Drift("EC2 instance", host.name, "change", "http_tokens")


def _tags(account: Account, host: Host) -> Drift:
    account.ec2.create_tags(Resources=[host.instance_id], Tags=[{"Key": "Name", "Value": "renamed-by-hand"}])
    return Drift("EC2 instance", host.name, "change", "Name")


def _old_image(account: Account) -> str:
    filters = [{"Name": "name", "Values": ["trading-server-2026-01-05"]}]
    return account.ec2.describe_images(Owners=["self"], Filters=filters)["Images"][0]["ImageId"]


def _plain_disk() -> dict[str, Any]:
    return {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 14, "VolumeType": "gp3", "Encrypted": False}}


def _made_by_hand(account: Account, host: Host, attribute: str, **differing: Any) -> Drift:
    """Put another instance in a host's place, like it but for one attribute that EC2 cannot change."""
    described = host.described
    encrypted = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 14, "VolumeType": "gp3", "Encrypted": True}}
    alike = {
        "ImageId": described["ImageId"],
        "InstanceType": described["InstanceType"],
        "SubnetId": described["SubnetId"],
        "SecurityGroupIds": [group["GroupId"] for group in described["SecurityGroups"]],
        "IamInstanceProfile": {"Arn": described["IamInstanceProfile"]["Arn"]},
        "UserData": base64.b64decode(account.user_data(host)).decode(),
        "BlockDeviceMappings": [encrypted],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled"},
    }
    # It says of itself what was true of the other one.
    kept = {key: value for key, value in host.tags.items() if key != "UserDataDigest"}
    tags = [{"Key": key, "Value": value} for key, value in kept.items()]
    account.ec2.terminate_instances(InstanceIds=[host.instance_id])
    launch = {**alike, **differing, "TagSpecifications": [{"ResourceType": "instance", "Tags": tags}]}
    (made,) = account.ec2.run_instances(MinCount=1, MaxCount=1, **launch)["Instances"]
    account.ec2.stop_instances(InstanceIds=[made["InstanceId"]])
    return Drift("EC2 instance", host.name, "keep", attribute)


# IAM and S3


def _trust(account: Account) -> Drift:
    account.iam.update_assume_role_policy(
        RoleName="trading_server_lambda_role_qa", PolicyDocument=json.dumps(ANYONE | _lambda_too())
    )
    return Drift("IAM role", "trading_server_lambda_role_qa", "change", "assume_role_policy_document")


def _lambda_too() -> dict[str, Any]:
    """The functions of the local AWS must still be able to assume their role."""
    principals = [{"AWS": "*"}, {"Service": "lambda.amazonaws.com"}]
    return {
        "Statement": [
            {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} for principal in principals
        ]
    }


def _inline_policy(account: Account) -> Drift:
    document = json.dumps(ANYTHING)
    account.iam.put_role_policy(RoleName=INGEST_ROLE, PolicyName="s3-config-read-qa", PolicyDocument=document)
    return Drift("IAM role", INGEST_ROLE, "change", "inline_policies")


def _attached_policy(account: Account) -> Drift:
    role = "trading_server_shutdown_lambda_role_qa"
    account.iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    return Drift("IAM role", role, "change", "managed_policies")


def _customer_managed_policy(account: Account) -> Drift:
    name = "alpaca_websocket_lambda_policy_qa"
    account.iam.create_policy_version(
        PolicyArn=f"arn:aws:iam::123456789012:policy/{name}", PolicyDocument=json.dumps(ANYTHING), SetAsDefault=True
    )
    return Drift("IAM policy", name, "change", "document")


def _instance_profile(account: Account) -> Drift:
    account.iam.remove_role_from_instance_profile(
        InstanceProfileName="trading_server_instance_profile_qa", RoleName="trading_server_instance_role_qa"
    )
    return Drift("instance profile", "trading_server_instance_profile_qa", "change", "role")


def _bucket_policy(account: Account) -> Drift:
    policy = account.bucket_policy("qa")
    policy["Statement"] = [each for each in policy["Statement"] if each["Sid"] != "AllowPutObject"]
    account.s3.put_bucket_policy(Bucket=BUCKETS["qa"], Policy=json.dumps(policy))
    return Drift("bucket policy", BUCKETS["qa"], "change")


def _vpc_names(account: Account) -> Drift:
    (vpc,) = account.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["trading-qa"]}])["Vpcs"]
    account.ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": False})
    return Drift("VPC", "trading-qa", "change", "enable_dns_hostnames")


def _firewall(account: Account) -> Drift:
    (group,) = account.ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": ["trading-qa"]}])[
        "SecurityGroups"
    ]
    everybody = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    account.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[everybody])
    return Drift("security group", "trading-qa", "change")


# Functions and schedules


def _code(account: Account) -> Drift:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        package.writestr("lambda_function.py", "def lambda_handler(event, context):\n    return event\n")
    functions = account.aws.client("lambda")
    functions.update_function_code(FunctionName="TradingServerLambda_qa", ZipFile=content.getvalue())
    return Drift("Lambda function", "TradingServerLambda_qa", "change", "code_sha256")


def _configuration(account: Account) -> Drift:
    account.aws.client("lambda").update_function_configuration(FunctionName=INGEST_FUNCTION, Timeout=3)
    return Drift("Lambda function", INGEST_FUNCTION, "change", "timeout")


def _retries(account: Account) -> Drift:
    account.aws.client("lambda").put_function_event_invoke_config(FunctionName=INGEST_FUNCTION, MaximumRetryAttempts=0)
    return Drift("event invoke config", INGEST_FUNCTION, "change", "maximum_retry_attempts")


def _log_retention(account: Account) -> Drift:
    name = f"/aws/lambda/{INGEST_FUNCTION}"
    account.aws.client("logs").put_retention_policy(logGroupName=name, retentionInDays=1)
    return Drift("log group", name, "change")


def _topic(account: Account) -> Drift:
    account.aws.client("sns").delete_topic(TopicArn="arn:aws:sns:us-east-1:123456789012:trading-alerts-qa")
    return Drift("SNS topic", "trading-alerts-qa", "create")


def _schedule(account: Account) -> Drift:
    name = "trading-server-shutdown-schedule-qa"
    _update_schedule(account, name, ScheduleExpression="cron(5 23 ? * * *)")
    return Drift("schedule", name, "change", "schedule_expression")


def _disabled_schedule(account: Account) -> Drift:
    name = "trading-server-shutdown-early-schedule-qa"
    _update_schedule(account, name, State="DISABLED")
    return Drift("schedule", name, "change", "enabled")


def _update_schedule(account: Account, name: str, **changes: str) -> None:
    """UpdateSchedule replaces everything, so that all of it is given again."""
    scheduler = account.aws.client("scheduler")
    schedule = scheduler.get_schedule(Name=name)
    kept = ("Description", "FlexibleTimeWindow", "ScheduleExpression", "ScheduleExpressionTimezone", "Target")
    scheduler.update_schedule(Name=name, **{key: schedule[key] for key in kept} | changes)


def _missing_schedule(account: Account) -> Drift:
    name = "alpaca-websocket-lambda-daily-9am-est-qa"
    account.aws.client("scheduler").delete_schedule(Name=name)
    return Drift("schedule", name, "create")


def _bucket_tags(account: Account) -> Drift:
    name = "algo-trading-ssm-qa-123456789012"
    account.s3.delete_bucket_tagging(Bucket=name)
    return Drift("bucket", name, "change", "tags")
