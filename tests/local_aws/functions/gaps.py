# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What moto gets wrong about functions, closed in its own world."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.functions.deployed import find_function, lambda_backend
from tests.local_aws.gaps.registry import GAPS
from tests.local_aws.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaFunction

# What may differ between a version and the code and configuration that it was made from.
_NO_CHANGE = ("Version", "FunctionArn", "LastModified", "Description", "State", "LastUpdateStatus")


@GAPS.on("lambda", "UpdateFunctionCode", "UpdateFunctionConfiguration")
def last_modified(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """moto leaves the time of the creation."""
    from moto.core.utils import iso_8601_datetime_with_nanoseconds

    function, _ = find_function(account, request.params["FunctionName"])
    if not request.params.get("DryRun"):
        function.last_modified = iso_8601_datetime_with_nanoseconds()
    return ask_next(request)


@GAPS.on("lambda", "UpdateFunctionCode")
def publish_with_code(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """moto always publishes then; AWS only when something changed since the last version."""
    if not request.params.get("Publish") or request.params.get("DryRun"):
        return ask_next(request)
    body = json.dumps(json.loads(request.body) | {"Publish": False}).encode()
    response = ask_next(dataclasses.replace(request, body=body))
    return _publish(request, account, "") if response.status == 200 else response


@GAPS.on("lambda", "PublishVersion")
def publish_version(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """The same."""
    response = _publish(request, account, request.params.get("Description", ""))
    return dataclasses.replace(response, status=201)


def _publish(request: AwsRequest, account: Account, description: str) -> AwsResponse:
    function, _ = find_function(account, request.params["FunctionName"])
    versions = [each for each in _versions(account, function) if str(each.version) != "$LATEST"]
    function.code_or_config_updated = not versions or _settings(versions[-1]) != _settings(function)
    published = lambda_backend(account).publish_version(function.function_name, description)
    document = published.get_configuration() if published else {}
    return AwsResponse(200, Headers({"Content-Type": "application/json"}), json.dumps(document).encode())


def _versions(account: Account, function: LambdaFunction) -> list[LambdaFunction]:
    return list(lambda_backend(account).list_versions_by_function(function.function_name))


def _settings(function: LambdaFunction) -> dict[str, Any]:
    return {name: value for name, value in function.get_configuration().items() if name not in _NO_CHANGE}
