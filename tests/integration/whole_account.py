# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists all that is in an account, in whatever environment, so that nothing can be forgotten."""

from __future__ import annotations

import json
from typing import Any

from tests.local_aws import LocalAws

# Service, operation and key of each list. What is in them tells a resource's name and its settings.
LISTS = [
    ("ec2", "describe_vpcs", "Vpcs"),
    ("ec2", "describe_subnets", "Subnets"),
    ("ec2", "describe_internet_gateways", "InternetGateways"),
    ("ec2", "describe_route_tables", "RouteTables"),
    ("ec2", "describe_security_groups", "SecurityGroups"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces"),
    ("ec2", "describe_volumes", "Volumes"),
    ("ec2", "describe_snapshots", "Snapshots"),
    ("ec2", "describe_key_pairs", "KeyPairs"),
    ("ec2", "describe_addresses", "Addresses"),
    ("ec2", "describe_images", "Images"),
    ("lambda", "list_functions", "Functions"),
    ("logs", "describe_log_groups", "logGroups"),
    ("sns", "list_topics", "Topics"),
    ("sns", "list_subscriptions", "Subscriptions"),
    ("scheduler", "list_schedules", "Schedules"),
    ("events", "list_rules", "Rules"),
    ("secretsmanager", "list_secrets", "SecretList"),
    ("ssm", "describe_parameters", "Parameters"),
    ("cloudwatch", "describe_alarms", "MetricAlarms"),
]
# Amazon's own.
SHARED = {"describe_images": {"Owners": ["self"]}, "describe_snapshots": {"OwnerIds": ["self"]}}


def whole_account(aws: LocalAws) -> dict[str, Any]:
    """Every resource, by service and list, as text that can be compared and searched."""
    found: dict[str, Any] = {"ec2 instances": _instances(aws), "iam": _iam(aws), "s3": _buckets(aws)}
    for service, operation, key in LISTS:
        answer = getattr(aws.client(service), operation)(**SHARED.get(operation, {}))
        assert not answer.get("NextToken"), f"{operation} has further pages"
        found[f"{service} {key}"] = sorted(_text(each) for each in answer[key])
    return found


def _instances(aws: LocalAws) -> list[str]:
    """Terminated ones stay visible for an hour."""
    pages = aws.client("ec2").get_paginator("describe_instances").paginate()
    instances = pages.search("Reservations[].Instances[]")
    return sorted(_text(each) for each in instances if each["State"]["Name"] != "terminated")


def _iam(aws: LocalAws) -> dict[str, Any]:
    """Roles with all that is in them, profiles and own policies."""
    iam = aws.client("iam")
    details = iam.get_paginator("get_account_authorization_details").paginate(Filter=["Role", "LocalManagedPolicy"])
    profiles = iam.get_paginator("list_instance_profiles").paginate()
    return {
        "roles": sorted(_text(each) for each in details.search("RoleDetailList[]")),
        "policies": sorted(_text(each) for each in details.search("Policies[]")),
        "profiles": sorted(_text(each) for each in profiles.search("InstanceProfiles[]")),
    }


def _buckets(aws: LocalAws) -> dict[str, Any]:
    """Each bucket with its objects and what it is set to."""
    s3 = aws.client("s3")
    return {each["Name"]: _bucket(s3, each["Name"]) for each in s3.list_buckets()["Buckets"]}


def _bucket(s3: Any, name: str) -> dict[str, Any]:
    versions = s3.get_paginator("list_object_versions").paginate(Bucket=name)
    settings = (
        "get_bucket_policy",
        "get_bucket_versioning",
        "get_bucket_tagging",
        "get_bucket_lifecycle_configuration",
        "get_bucket_encryption",
        "get_public_access_block",
    )
    return {
        "objects": sorted(_text(each) for each in versions.search("[Versions, DeleteMarkers][][]") if each),
        **{setting: _setting(s3, setting, name) for setting in settings},
    }


def _setting(s3: Any, setting: str, name: str) -> str:
    try:
        return _text({**getattr(s3, setting)(Bucket=name), "ResponseMetadata": None})
    except s3.exceptions.ClientError as error:
        return error.response["Error"]["Code"]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
