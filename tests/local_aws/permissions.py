# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a policy says about a call.

Actions are judged for every service. Resources are known for S3 only; elsewhere a statement that
names a resource counts as if it named the right one. Conditions are judged for the keys of a
listing; a statement with another condition is refused as not modelled, rather than guessed at.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any

from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.principals import as_list, statements

# Where the action in a policy is not called as the operation.
_S3_ACTIONS = {
    "ListBuckets": "ListAllMyBuckets",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
_ANY = "*"


class Decision(enum.Enum):
    """What one policy says."""

    ALLOWED = enum.auto()
    DENIED = enum.auto()
    SILENT = enum.auto()


def wanted_access(request: AwsRequest) -> tuple[str, str, dict[str, str]]:
    """Return the action, the resource (`*` where it is not modelled) and the condition keys of a call."""
    if request.service != "s3":
        name = "InvokeFunction" if (request.service, request.operation) == ("lambda", "Invoke") else request.operation
        return f"{request.service}:{name}", _ANY, {}
    bucket, key = request.uri_params.get("Bucket", ""), request.uri_params.get("Key")
    resource = "arn:aws:s3:::" + (bucket if key is None else f"{bucket}/{key}")
    names = ("prefix", "delimiter", "max-keys")
    context = {f"s3:{name}": request.query.get(name, [""])[0] for name in names}
    return f"s3:{_S3_ACTIONS.get(request.operation, request.operation)}", resource, context


def decide(
    policy: Mapping[str, Any],
    action: str,
    resource: str,
    context: Mapping[str, str],
    principals: frozenset[str] | None = None,
) -> Decision:
    """Judge one call by one policy; with `principals`, by the policy of a resource."""
    decision = Decision.SILENT
    for statement in statements(policy):
        if not _concerns(statement, action, resource, principals) or not _holds(statement, context):
            continue
        if statement.get("Effect") == "Deny":
            return Decision.DENIED
        decision = Decision.ALLOWED
    return decision


def _concerns(statement: Mapping[str, Any], action: str, resource: str, principals: frozenset[str] | None) -> bool:
    if principals is not None and not _names_one(statement.get("Principal"), principals):
        return False
    if "NotAction" in statement:
        if _like(statement["NotAction"], action, re.IGNORECASE):
            return False
    elif not _like(statement.get("Action"), action, re.IGNORECASE):
        return False
    if resource == _ANY:
        return True
    if "NotResource" in statement:
        return not _like(statement["NotResource"], resource)
    return _like(statement.get("Resource"), resource)


def _names_one(principal: object, principals: frozenset[str]) -> bool:
    named = principal.get("AWS") if isinstance(principal, Mapping) else principal
    return not principals.isdisjoint(as_list(named))


def _like(patterns: object, text: str, flags: int = 0) -> bool:
    return any(_expression(pattern, flags).fullmatch(text) for pattern in as_list(patterns))


def _expression(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), flags | re.DOTALL)


def _holds(statement: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    return all(
        _condition_holds(operator, key, values, context)
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
    )


def _condition_holds(operator: str, key: str, values: object, context: Mapping[str, str]) -> bool:
    if key not in context or operator not in ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike"):
        message = f"The local AWS does not judge the condition {operator} on {key}."
        raise AwsError("NotImplementedByLocalAws", message, 501)
    found = _like(values, context[key]) if operator.endswith("Like") else context[key] in as_list(values)
    return found != ("Not" in operator)
