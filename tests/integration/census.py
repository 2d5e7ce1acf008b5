# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that is in an account, by kind and name, through the public door."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.integration.account import LIVE
from tests.local_aws import LocalAws
from tests.local_aws.clients import Client

SEPARATOR = ": "


@dataclass(frozen=True)
class Entry:
    """One resource, with all that AWS says of it."""

    kind: str
    name: str
    described: Any

    def __str__(self) -> str:
        """All of it, as text that can be compared and searched."""
        return f"{self.kind} {self.name}{SEPARATOR}{json.dumps(self.described, sort_keys=True, default=str)}"


def take_census(aws: LocalAws) -> list[Entry]:
    """Return every resource of the account."""
    return [
        *_network(aws.client("ec2")),
        *_hosts(aws.client("ec2")),
        *_loose_parts(aws.client("ec2")),
        *_iam(aws.client("iam")),
        *_buckets(aws.client("s3")),
        *_functions(aws.client("lambda")),
        *_log_groups(aws.client("logs")),
        *_topics(aws.client("sns")),
        *_schedules(aws.client("scheduler")),
        *_rules(aws.client("events")),
        *_alarms(aws.client("cloudwatch")),
        *_parameters(aws.client("ssm")),
        *_secrets(aws.client("secretsmanager")),
    ]


def _all(client: Client, operation: str, path: str, **parameters: Any) -> list[Any]:
    """Return what is at a path of all pages of a listing."""
    return [found for found in client.get_paginator(operation).paginate(**parameters).search(path) if found is not None]


def _if_there(client: Client, operation: str, **parameters: Any) -> Any:
    """Return an answer without its metadata; None where there is nothing."""
    with suppress(ClientError):
        answer = getattr(client, operation)(**parameters)
        answer.pop("ResponseMetadata", None)
        return answer
    return None


def tag_of(described: dict[str, Any], key: str) -> str:
    """Return the value of a tag, empty where there is none."""
    return next((tag["Value"] for tag in described.get("Tags", []) if tag["Key"] == key), "")


def _network(ec2: Client) -> Iterator[Entry]:
    vpcs = {vpc["VpcId"]: tag_of(vpc, "Name") for vpc in _all(ec2, "describe_vpcs", "Vpcs[]")}
    for kind, operation, path in (
        ("VPC", "describe_vpcs", "Vpcs"),
        ("subnet", "describe_subnets", "Subnets"),
        ("internet gateway", "describe_internet_gateways", "InternetGateways"),
        ("route table", "describe_route_tables", "RouteTables"),
        ("security group", "describe_security_groups", "SecurityGroups"),
    ):
        for found in _all(ec2, operation, f"{path}[]"):
            # A VPC brings a route table and a group along, which have no name of their own.
            name = tag_of(found, "Name") or f"{vpcs.get(found.get('VpcId'), '')} without a name"
            yield Entry(kind, name.strip(), found)


def _hosts(ec2: Client) -> Iterator[Entry]:
    live = [{"Name": "instance-state-name", "Values": LIVE}]
    for found in _all(ec2, "describe_instances", "Reservations[].Instances[]", Filters=live):
        data = ec2.describe_instance_attribute(InstanceId=found["InstanceId"], Attribute="userData")["UserData"]
        digest = hashlib.sha256(data.get("Value", "").encode()).hexdigest()
        yield Entry("instance", tag_of(found, "Name"), {**found, "UserData": digest})
    for found in _all(ec2, "describe_volumes", "Volumes[]"):
        yield Entry("volume", tag_of(found, "Name"), found)


def _loose_parts(ec2: Client) -> Iterator[Entry]:
    """What is of no host, and would outlive all of them."""
    for kind, operation, path, parameters in (
        ("network interface", "describe_network_interfaces", "NetworkInterfaces[?!Attachment]", {}),
        ("snapshot", "describe_snapshots", "Snapshots[]", {"OwnerIds": ["self"]}),
        ("image", "describe_images", "Images[]", {"Owners": ["self"]}),
    ):
        for found in _all(ec2, operation, path, **parameters):
            yield Entry(kind, tag_of({"Tags": found.get("TagSet", found.get("Tags", []))}, "Name"), found)
    for found in ec2.describe_key_pairs()["KeyPairs"]:
        yield Entry("key pair", found["KeyName"], found)
    for found in ec2.describe_addresses()["Addresses"]:
        yield Entry("address", tag_of(found, "Name"), found)


def _iam(iam: Client) -> Iterator[Entry]:
    for role in _all(iam, "list_roles", "Roles[]"):
        name = role["RoleName"]
        inline = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in _all(iam, "list_role_policies", "PolicyNames[]", RoleName=name)
        }
        attached = _all(iam, "list_attached_role_policies", "AttachedPolicies[].PolicyArn", RoleName=name)
        yield Entry("role", name, {**role, "inline": inline, "attached": sorted(attached)})
    for policy in _all(iam, "list_policies", "Policies[]", Scope="Local"):
        arn = policy["Arn"]
        versions = [
            iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
            for version in _all(iam, "list_policy_versions", "Versions[].VersionId", PolicyArn=arn)
        ]
        yield Entry("policy", policy["PolicyName"], {**policy, "versions": versions})
    for profile in _all(iam, "list_instance_profiles", "InstanceProfiles[]"):
        roles = [role["RoleName"] for role in profile["Roles"]]
        yield Entry("instance profile", profile["InstanceProfileName"], {**profile, "Roles": roles})


def _buckets(s3: Client) -> Iterator[Entry]:
    for name in _all(s3, "list_buckets", "Buckets[].Name"):
        settings = {
            operation: _if_there(s3, f"get_{operation}", Bucket=name)
            for operation in (
                "bucket_versioning",
                "bucket_encryption",
                "public_access_block",
                "bucket_lifecycle_configuration",
                "bucket_tagging",
            )
        }
        objects = _all(s3, "list_object_versions", "[Versions, DeleteMarkers][][].[Key, ETag]", Bucket=name)
        yield Entry("bucket", name, {"settings": settings, "objects": objects})
        policy = _if_there(s3, "get_bucket_policy", Bucket=name)
        if policy:
            yield Entry("bucket policy", name, json.loads(policy["Policy"]))


def _functions(functions: Client) -> Iterator[Entry]:
    for found in _all(functions, "list_functions", "Functions[]"):
        name = {"FunctionName": found["FunctionName"]}
        policy = _if_there(functions, "get_policy", **name)
        yield Entry(
            "function",
            found["FunctionName"],
            {
                **found,
                "policy": json.loads(policy["Policy"]) if policy else None,
                "event_invoke": _if_there(functions, "get_function_event_invoke_config", **name),
                "tags": functions.list_tags(Resource=found["FunctionArn"])["Tags"],
            },
        )


def _log_groups(logs: Client) -> Iterator[Entry]:
    for found in _all(logs, "describe_log_groups", "logGroups[]"):
        yield Entry("log group", found["logGroupName"], found)


def _topics(sns: Client) -> Iterator[Entry]:
    for arn in _all(sns, "list_topics", "Topics[].TopicArn"):
        attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        yield Entry("topic", arn.rpartition(":")[2], attributes)
    for found in _all(sns, "list_subscriptions", "Subscriptions[]"):
        # Its own ARN is chance.
        told = {key: found[key] for key in ("TopicArn", "Protocol", "Endpoint")}
        yield Entry("subscription", f"{found['TopicArn'].rpartition(':')[2]} {found['Endpoint']}", told)


def _schedules(scheduler: Client) -> Iterator[Entry]:
    for name in _all(scheduler, "list_schedules", "Schedules[].Name"):
        yield Entry("schedule", name, _if_there(scheduler, "get_schedule", Name=name))


def _rules(events: Client) -> Iterator[Entry]:
    for found in _all(events, "list_rules", "Rules[]"):
        targets = events.list_targets_by_rule(Rule=found["Name"])["Targets"]
        yield Entry("rule", found["Name"], {**found, "targets": targets})


def _alarms(cloudwatch: Client) -> Iterator[Entry]:
    for found in _all(cloudwatch, "describe_alarms", "MetricAlarms[]"):
        yield Entry("alarm", found["AlarmName"], found)


def _parameters(ssm: Client) -> Iterator[Entry]:
    for name in _all(ssm, "describe_parameters", "Parameters[].Name"):
        yield Entry("parameter", name, ssm.get_parameter(Name=name)["Parameter"]["Value"])


def _secrets(secrets: Client) -> Iterator[Entry]:
    for found in _all(secrets, "list_secrets", "SecretList[]"):
        yield Entry("secret", found["Name"], {"tags": found.get("Tags")})
