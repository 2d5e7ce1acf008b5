# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bucket policies, and what moto's S3 takes in silence without doing it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.principals import as_list, statements, unknown_principals
from tests.local_aws.strict.rules import RULES

_POLICY_BYTES = 20 * 1024
_NOT_THERE = re.compile(
    "Abac|Analytics|Annotation|IntelligentTiering|InventoryConfiguration|Metadata(Table)?Configuration|"
    "MetricsConfiguration|RequestPayment|Torrent|CreateSession|DirectoryBuckets|RenameObject|ObjectEncryption"
)
_OBJECT_ACTION = re.compile(r"s3:(\w*Object(?!LockConfiguration)\w*|AbortMultipartUpload|ListMultipartUploadParts)")


@RULES.on("s3", "*")
def known_operation(request: AwsRequest, account: Account) -> None:
    """moto reads an unknown sub-resource as something else and answers 200."""
    if _NOT_THERE.search(request.operation):
        message = f"The local AWS does not implement s3:{request.operation}."
        raise AwsError("NotImplementedByLocalAws", message, 501)


@RULES.on("s3", "PutBucketPolicy")
def bucket_policy(request: AwsRequest, account: Account) -> None:
    """A bucket policy is checked as a whole before it replaces the old one."""
    bucket = request.uri_params.get("Bucket", "")
    if bucket not in account.s3.buckets:
        return
    if len(request.body) > _POLICY_BYTES:
        raise _malformed("Policy exceeds the maximum allowed document size.")
    try:
        policy = json.loads(request.body)
    except ValueError as error:
        raise _malformed("Policies must be valid JSON and the first byte must be '{'") from error
    if not isinstance(policy, Mapping) or not statements(policy):
        raise _malformed("Missing required field Statement")
    for statement in statements(policy):
        _check_statement(statement, bucket)
    if unknown_principals(policy, account):
        raise _malformed("Invalid principal in policy")


def _check_statement(statement: Mapping[str, Any], bucket: str) -> None:
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Missing required field Effect")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise _malformed("Missing required field Principal")
    resources = as_list(statement.get("Resource") or statement.get("NotResource"))
    if not resources:
        raise _malformed("Missing required field Resource")
    for resource in resources:
        if not re.match(rf"arn:aws:s3:::{re.escape(bucket)}(/|\*|$)", resource):
            raise _malformed("Policy has invalid resource")
    actions = as_list(statement.get("Action") or statement.get("NotAction"))
    if not actions:
        raise _malformed("Missing required field Action")
    for action in actions:
        if action != "*" and not action.lower().startswith("s3:"):
            raise _malformed("Policy has invalid action")
        if "Action" in statement and not _applies(action, resources):
            raise _malformed("Action does not apply to any resource(s) in statement")


def _applies(action: str, resources: list[str]) -> bool:
    """An action on objects needs a resource with a slash, one on buckets a resource without."""
    if "*" in action:
        return True
    of_objects = bool(_OBJECT_ACTION.fullmatch(action))
    if of_objects:
        return any("/" in resource or resource.endswith("*") for resource in resources)
    return any("/" not in resource for resource in resources)


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message)
