# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may do what: every kind of deed, and which of an environment's roles may do it to their own environment.

No role may do any of it to another environment, and whoever is not named may not do it at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tests.security.stack import (
    ENVIRONMENTS,
    INGEST,
    SCHEDULER,
    STARTS_FEED,
    STARTS_FLEET,
    STOPS,
    TRADER,
    WITH_COMMANDS,
    WITH_TOKEN,
    Clients,
    Target,
)

Call = Callable[[Clients, Target], object]

_EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
_ANYBODY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
)


@dataclass(frozen=True)
class Deed:
    """One thing that somebody could do to an environment."""

    name: str
    call: Call
    # Which roles may, and in which environments.
    by: Mapping[str, Collection[str]]
    # AWS knows no narrower resource, or all environments share it.
    is_shared: bool = False

    def doers(self, environment: str) -> set[tuple[str, str]]:
        """Who may do it to this environment: roles, each with its own environment."""
        return {
            (own, kind) for kind, within in self.by.items() for own in within if own == environment or self.is_shared
        }


def _deed(name: str, call: Call, *by: str | tuple[str, Collection[str]], is_shared: bool = False) -> Deed:
    pairs = [(each, ENVIRONMENTS) if isinstance(each, str) else each for each in by]
    return Deed(name, call, dict(pairs), is_shared)


def _ec2(operation: str, host: str) -> Call:
    return lambda client, target: getattr(client("ec2"), operation)(InstanceIds=[getattr(target, host)])


def _tag(host: str, key: str, value: str = "x", *, operation: str = "create_tags") -> Call:
    return lambda client, target: getattr(client("ec2"), operation)(
        Resources=[getattr(target, host)], Tags=[{"Key": key, "Value": value}]
    )


def _run(host: str, document: str = "AWS-RunShellScript") -> Call:
    return lambda client, target: client("ssm").send_command(
        InstanceIds=[getattr(target, host)], DocumentName=document, Parameters={"commands": ["true"]}
    )


def _run_on_all(tag: str, value: str) -> Call:
    return lambda client, target: client("ssm").send_command(
        Targets=[{"Key": f"tag:{tag}", "Values": [value]}],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["true"]},
    )


def _read(key: str) -> Call:
    return lambda client, target: client("s3").get_object(Bucket=target.bucket, Key=key.format(model=target.model))


def _write(key: str) -> Call:
    return lambda client, target: client("s3").put_object(
        Bucket=target.bucket, Key=key.format(model=target.model), Body=b"x"
    )


def _delete(key: str) -> Call:
    return lambda client, target: client("s3").delete_object(Bucket=target.bucket, Key=key.format(model=target.model))


def _list(prefix: str) -> Call:
    return lambda client, target: client("s3").list_objects_v2(Bucket=target.bucket, Prefix=prefix)


def _bucket(operation: str, **parameters: Any) -> Call:
    return lambda client, target: getattr(client("s3"), operation)(Bucket=target.bucket, **parameters)


def _invoke(function: str) -> Call:
    return lambda client, target: client("lambda").invoke(
        FunctionName=target.function(function), InvocationType="DryRun"
    )


def _function(operation: str, **parameters: Any) -> Call:
    return lambda client, target: getattr(client("lambda"), operation)(
        FunctionName=target.function(STARTS_FLEET), **parameters
    )


def _log(function: str) -> Call:
    return lambda client, target: client("logs").put_log_events(
        logGroupName=f"/aws/lambda/{target.function(function)}",
        logStreamName="a-stream",
        logEvents=[{"timestamp": 4070908800000, "message": "x"}],
    )


def _role(operation: str, **parameters: Any) -> Call:
    return lambda client, target: getattr(client("iam"), operation)(RoleName=target.role(TRADER), **parameters)


def _new_function(client: Clients, target: Target) -> object:
    return client("lambda").create_function(
        FunctionName="another",
        Runtime="python3.13",
        Role=target.role_arn(STARTS_FLEET),
        Handler="x.x",
        Code={"ZipFile": b"x"},
    )


def _new_host(client: Clients, target: Target) -> object:
    return client("ec2").run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        IamInstanceProfile={"Name": f"trading_server_instance_profile_{target.environment}"},
    )


def _new_schedule(client: Clients, target: Target) -> object:
    return client("scheduler").create_schedule(
        Name="another",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:lambda:us-east-1:123456789012:function:x", "RoleArn": target.role_arn(SCHEDULER)},
    )


HOSTS = [
    _deed("start the ingest node", _ec2("start_instances", "ingest"), STARTS_FEED),
    _deed("start a trader", _ec2("start_instances", "trader"), STARTS_FLEET),
    _deed("start a host of no role", _ec2("start_instances", "guest")),
    _deed("stop the ingest node", _ec2("stop_instances", "ingest"), STARTS_FEED, STOPS),
    _deed("stop a trader", _ec2("stop_instances", "trader"), STARTS_FLEET, STOPS),
    _deed("stop a host of no role", _ec2("stop_instances", "guest")),
    _deed("reboot a trader", _ec2("reboot_instances", "trader")),
    _deed("terminate the ingest node", _ec2("terminate_instances", "ingest")),
    _deed("terminate a trader", _ec2("terminate_instances", "trader")),
    _deed("note a repair of the ingest node", _tag("ingest", "Repairs"), STARTS_FEED),
    _deed("note a repair of a trader", _tag("trader", "Repairs"), STARTS_FLEET),
    _deed("note the stop of the ingest node", _tag("ingest", "StoppedAt"), STOPS),
    _deed("note the stop of a trader", _tag("trader", "StoppedAt"), STOPS),
    _deed("note a repair of a host of no role", _tag("guest", "Repairs")),
    _deed("adopt a host of no role", _tag("guest", "Role", "trader")),
    _deed("move a trader to another environment", _tag("trader", "Environment", "qa")),
    _deed("make a trader an ingest node", _tag("trader", "Role", "ingest")),
    _deed("give a trader another model", _tag("trader", "ModelNumber")),
    _deed("retire a trader", _tag("trader", "Retired")),
    _deed("take a trader's environment away", _tag("trader", "Environment", operation="delete_tags")),
    _deed(
        "give a trader other user data",
        lambda client, target: client("ec2").modify_instance_attribute(
            InstanceId=target.trader, UserData={"Value": b"x"}
        ),
    ),
    _deed("launch a host", _new_host),
]
COMMANDS = [
    _deed("run a command on the ingest node", _run("ingest"), STARTS_FEED),
    _deed("run a command on a trader", _run("trader"), STARTS_FLEET, STOPS, (INGEST, WITH_COMMANDS)),
    _deed("run a command on a host of no role", _run("guest")),
    _deed("run another document on the ingest node", _run("ingest", "AWS-RunPowerShellScript")),
    _deed("run another document on a trader", _run("trader", "AWS-RunPowerShellScript")),
    _deed("run a command on all traders of the account", _run_on_all("Role", "trader")),
    _deed("run a command on all ingest nodes of the account", _run_on_all("Role", "ingest")),
    _deed(
        "open a session on the ingest node",
        lambda client, target: client("ssm").start_session(Target=target.ingest),
    ),
    _deed("open a session on a trader", lambda client, target: client("ssm").start_session(Target=target.trader)),
    _deed("cancel a command", lambda client, target: client("ssm").cancel_command(CommandId="0" * 36)),
    _deed(
        "write a parameter",
        lambda client, target: client("ssm").put_parameter(
            Name=f"/trading/{target.environment}", Value="x", Type="String"
        ),
    ),
]
FILES = [
    _deed("read a model", _read("{model}/model.pkl"), TRADER),
    _deed("write a model", _write("{model}/model.pkl")),
    _deed("write a new model", _write("models/long/SOXL/evil-outer_1_inner_1/model.pkl")),
    _deed("write beside the models", _write("models/logs/x")),
    _deed("delete a model", _delete("{model}/model.pkl")),
    _deed("write a log", _write("{model}/logs/app.log"), TRADER),
    _deed("write trades", _write("{model}/trades/trades_2099-02-02.csv"), TRADER),
    _deed("delete a log", _delete("{model}/logs/app.log")),
    _deed("delete trades", _delete("{model}/trades/trades_2099-02-02.csv")),
    _deed("read a log", _read("{model}/logs/app.log"), INGEST, TRADER),
    _deed("read trades", _read("{model}/trades/trades_2099-02-02.csv"), INGEST, TRADER),
    _deed("read a config", _read("configs/config.json"), INGEST, TRADER),
    _deed("write a config", _write("configs/config.json")),
    _deed("list the models", _list("models/long/"), INGEST, TRADER),
    _deed("list the configs", _list("configs/"), INGEST, TRADER),
    # The bucket's policy lets the traders list all of it, as the old stack's did.
    _deed("list the bucket", _list(""), TRADER),
    _deed("read the bucket's policy", _bucket("get_bucket_policy")),
    _deed("change the bucket's policy", _bucket("put_bucket_policy", Policy=_ANYBODY)),
    _deed("delete the bucket's policy", _bucket("delete_bucket_policy")),
    _deed("delete the bucket", _bucket("delete_bucket")),
    _deed("open the bucket to the world", _bucket("put_bucket_acl", ACL="public-read")),
    _deed(
        "write into the bucket for Ansible's files",
        lambda client, target: client("s3").put_object(
            Bucket=f"algo-trading-ssm-{target.environment}-123456789012", Key="x", Body=b"x"
        ),
    ),
    _deed(
        "list the bucket for Ansible's files",
        lambda client, target: client("s3").list_objects_v2(
            Bucket=f"algo-trading-ssm-{target.environment}-123456789012"
        ),
    ),
]
SECRETS = [
    _deed(
        "read NATS's token",
        lambda client, target: client("secretsmanager").get_secret_value(SecretId=target.token_id),
        (INGEST, WITH_TOKEN),
        (TRADER, WITH_TOKEN),
    ),
    _deed(
        "make NATS's token",
        lambda client, target: client("secretsmanager").create_secret(Name=target.token_id, SecretString="x"),
        (INGEST, WITH_TOKEN),
    ),
    _deed(
        "change NATS's token",
        lambda client, target: client("secretsmanager").put_secret_value(SecretId=target.token_id, SecretString="x"),
    ),
    _deed(
        "delete NATS's token",
        lambda client, target: client("secretsmanager").delete_secret(SecretId=target.token_id),
    ),
    _deed(
        "read somebody else's secret",
        lambda client, target: client("secretsmanager").get_secret_value(SecretId="somebody/else"),
    ),
    _deed(
        "change the workload's credential",
        lambda client, target: client("secretsmanager").put_secret_value(SecretId="github/ssh-key", SecretString="x"),
    ),
    _deed("list the secrets", lambda client, target: client("secretsmanager").list_secrets()),
]
CONTROLLERS = [
    _deed("invoke the function that starts the feed", _invoke(STARTS_FEED), SCHEDULER),
    _deed("invoke the function that starts the fleet", _invoke(STARTS_FLEET), STARTS_FEED),
    _deed("invoke the function that stops", _invoke(STOPS), SCHEDULER),
    _deed("change a function's code", _function("update_function_code", ZipFile=b"x")),
    _deed("change a function's settings", _function("update_function_configuration", MemorySize=128)),
    _deed("delete a function", _function("delete_function")),
    _deed(
        "let the world invoke a function",
        _function("add_permission", StatementId="x", Action="lambda:InvokeFunction", Principal="*"),
    ),
    _deed("make a function", _new_function),
    _deed("make a schedule", _new_schedule),
    _deed(
        "delete a schedule",
        lambda client, target: client("scheduler").delete_schedule(
            Name=f"trading-server-shutdown-schedule-{target.environment}"
        ),
    ),
    _deed(
        "raise an alert",
        lambda client, target: client("sns").publish(TopicArn=target.topic, Message="x"),
        STARTS_FEED,
        STARTS_FLEET,
        STOPS,
    ),
    _deed("delete the topic of alerts", lambda client, target: client("sns").delete_topic(TopicArn=target.topic)),
    _deed(
        "have the alerts sent elsewhere",
        lambda client, target: client("sns").subscribe(
            TopicArn=target.topic, Protocol="email", Endpoint="x@example.org"
        ),
    ),
    _deed("write the log of the function that starts the feed", _log(STARTS_FEED), STARTS_FEED),
    _deed("write the log of the function that starts the fleet", _log(STARTS_FLEET), STARTS_FLEET),
    _deed("write the log of the function that stops", _log(STOPS), STOPS),
    _deed(
        "delete a log group",
        lambda client, target: client("logs").delete_log_group(
            logGroupName=f"/aws/lambda/{target.function(STARTS_FLEET)}"
        ),
    ),
]
IAM = [
    _deed("give a role a policy", _role("put_role_policy", PolicyName="x", PolicyDocument=_EVERYTHING)),
    _deed(
        "attach a policy to a role",
        _role("attach_role_policy", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
    ),
    _deed("let another assume a role", _role("update_assume_role_policy", PolicyDocument=_ANYBODY)),
    _deed("delete a role", _role("delete_role")),
    _deed("read a role", _role("get_role")),
    _deed(
        "assume a role",
        lambda client, target: client("sts").assume_role(RoleArn=target.role_arn(STARTS_FLEET), RoleSessionName="test"),
    ),
    _deed(
        "change a managed policy",
        lambda client, target: client("iam").create_policy_version(
            PolicyArn=f"arn:aws:iam::123456789012:policy/trading_server_lambda_policy_{target.environment}",
            PolicyDocument=_EVERYTHING,
            SetAsDefault=True,
        ),
    ),
    _deed(
        "put a role into a profile",
        lambda client, target: client("iam").add_role_to_instance_profile(
            InstanceProfileName=f"alpaca_instance_profile_{target.environment}", RoleName=target.role(TRADER)
        ),
    ),
    _deed("make a user", lambda client, target: client("iam").create_user(UserName="x")),
    _deed("make an access key", lambda client, target: client("iam").create_access_key(UserName="x")),
]
SHARED = [
    _deed(
        "read the workload's credential",
        lambda client, target: client("secretsmanager").get_secret_value(SecretId="github/ssh-key"),
        INGEST,
        TRADER,
        is_shared=True,
    ),
    _deed(
        "see hosts",
        lambda client, target: client("ec2").describe_instances(InstanceIds=[target.trader]),
        INGEST,
        STARTS_FEED,
        STARTS_FLEET,
        STOPS,
        is_shared=True,
    ),
    _deed(
        "see the health of hosts",
        lambda client, target: client("ec2").describe_instance_status(InstanceIds=[target.trader]),
        STARTS_FEED,
        STARTS_FLEET,
        is_shared=True,
    ),
    _deed(
        "see agents",
        lambda client, target: client("ssm").describe_instance_information(),
        STARTS_FEED,
        STARTS_FLEET,
        STOPS,
        is_shared=True,
    ),
    _deed(
        "read what a command said",
        lambda client, target: client("ssm").get_command_invocation(CommandId="0" * 36, InstanceId=target.trader),
        (INGEST, WITH_COMMANDS),
        STARTS_FEED,
        STARTS_FLEET,
        STOPS,
        is_shared=True,
    ),
]
DEEDS = [*HOSTS, *COMMANDS, *FILES, *SECRETS, *CONTROLLERS, *IAM, *SHARED]
