# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who calls: the account's owner may do everything, other keys what their policies say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.environment import ACCESS_KEY
from tests.local_aws.errors import AwsError
from tests.local_aws.front import AskNext
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.permissions import Access, Decision, decide
from tests.local_aws.wanted_access import wanted_accesses


@dataclass(frozen=True)
class Caller:
    """A user or an assumed role, with its identity policies."""

    arn: str
    principals: frozenset[str]
    policies: list[dict[str, Any]]


class Credentials:
    """Refuses unsigned requests, unknown keys, and what a known key may not do. Signatures are not verified."""

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Let through what the caller may do."""
        if not request.access_key:
            raise _unsigned(request)
        if request.access_key != ACCESS_KEY:
            self._check(request)
        return ask_next(request)

    def reset(self) -> None:
        """moto's IAM keeps the keys."""

    def _check(self, request: AwsRequest) -> None:
        account = Account(request.region)
        caller = find_caller(request, account)
        if request.operation == "GetCallerIdentity":
            return
        for access in wanted_accesses(request, account):
            decisions = [decide(policy, access) for policy in caller.policies]
            if request.service == "s3":
                decisions += _bucket_decisions(request, access, account, caller)
            if Decision.DENIED in decisions or Decision.ALLOWED not in decisions:
                raise _denied(request, caller, access)


def find_caller(request: AwsRequest, account: Account) -> Caller:
    """Return whose access key a request carries."""
    from moto.iam.access_control import CreateAccessKeyFailure, IAMPolicy, create_access_key

    headers: Any = request.headers.copy()
    # A presigned URL carries it in its query string.
    for token in request.query.get("X-Amz-Security-Token", []):
        headers["X-Amz-Security-Token"] = token
    try:
        key = create_access_key(ACCOUNT_ID, "aws", request.access_key, headers)
    except CreateAccessKeyFailure as error:
        raise _unknown_key(request) from error
    policies = [IAMPolicy(policy)._policy_json for policy in key.collect_policies()]
    principals = {key.arn, f"arn:aws:iam::{ACCOUNT_ID}:root", ACCOUNT_ID, "*"}
    role_name = getattr(key, "_owner_role_name", None)
    principals |= {role.arn for role in account.iam.roles.values() if role.name == role_name}
    return Caller(key.arn, frozenset(principals), policies)


def _bucket_decisions(request: AwsRequest, access: Access, account: Account, caller: Caller) -> list[Decision]:
    bucket = account.s3.buckets.get(request.uri_params.get("Bucket", ""))
    if bucket is None or not bucket.policy:
        return []
    return [decide(json.loads(bucket.policy), access, caller.principals)]


def _unsigned(request: AwsRequest) -> AwsError:
    if request.protocol == "rest-xml" or not request.service:
        return AwsError("AccessDenied", "Access Denied: the request is not signed.", 403)
    return AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403)


def _unknown_key(request: AwsRequest) -> AwsError:
    if request.service == "ec2":
        message = "AWS was not able to validate the provided access credentials"
        return AwsError("AuthFailure", message, 401)
    if request.service == "s3":
        message = "The AWS Access Key Id you provided does not exist in our records."
        return AwsError("InvalidAccessKeyId", message, 403)
    message = "The security token included in the request is invalid."
    if request.protocol == "query":
        return AwsError("InvalidClientTokenId", message, 403)
    return AwsError("UnrecognizedClientException", message, 403 if request.protocol == "rest-json" else 400)


def _denied(request: AwsRequest, caller: Caller, access: Access) -> AwsError:
    if request.service == "ec2":
        message = f"You are not authorized to perform this operation. User: {caller.arn} is not authorized to perform: "
        return AwsError("UnauthorizedOperation", f"{message}{access.action}", 403)
    message = (
        f"User: {caller.arn} is not authorized to perform: {access.action} on resource: {access.resource or '*'} "
        f"because no identity-based policy allows the {access.action} action"
    )
    if request.service == "s3" or request.protocol == "query":
        return AwsError("AccessDenied", message, 403)
    return AwsError("AccessDeniedException", message, 403 if request.protocol == "rest-json" else 400)
