# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Invoke call: at once, later, or not at all."""

from __future__ import annotations

import base64
import json
import uuid

from werkzeug.datastructures import Headers

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.front import Later
from tests.local_aws.functions.deployed import Deployed, find_deployed
from tests.local_aws.functions.events import Events
from tests.local_aws.functions.runner import AccountGoneError, Runner
from tests.local_aws.messages import AwsRequest, AwsResponse

_LARGEST = {"RequestResponse": 6 * 1024 * 1024, "Event": 1024 * 1024, "DryRun": 6 * 1024 * 1024}
_TAIL = 4096


def invoke(request: AwsRequest, account: Account, runner: Runner, events: Events) -> AwsResponse:
    """Answer an Invoke; what runs at once is waited for without the front's lock."""
    kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
    function = find_deployed(account, request.params["FunctionName"], request.params.get("Qualifier"))
    _check_payload(request.body, kind)
    if kind == "DryRun":
        return AwsResponse(204, Headers())
    if kind == "Event":
        return AwsResponse(202, Headers({"x-amzn-RequestId": events.submit(function, request.body)}))
    tail = request.headers.get("X-Amz-Log-Type") == "Tail"
    return Later(200, Headers(), finish=lambda: _run(runner, function, request.body, tail))


def _run(runner: Runner, function: Deployed, payload: bytes, tail: bool) -> AwsResponse:
    request_id = str(uuid.uuid4())
    try:
        outcome, _ = runner.run(function.region, function.name, function.qualifier, request_id, payload)
    except AccountGoneError as error:
        raise AwsError("ServiceException", "The local AWS was reset during the invocation.", 500) from error
    headers = Headers(
        {
            "Content-Type": "application/json",
            "x-amzn-RequestId": request_id,
            "X-Amz-Executed-Version": function.version,
        }
    )
    if outcome.failed:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if tail:
        headers["X-Amz-Log-Result"] = base64.b64encode(outcome.log.encode()[-_TAIL:]).decode()
    return AwsResponse(200, headers, outcome.payload)


def _check_payload(payload: bytes, kind: str) -> None:
    if kind not in _LARGEST:
        raise AwsError("InvalidParameterValueException", f"Unknown invocation type: {kind}")
    if len(payload) > _LARGEST[kind]:
        message = f"Request must be smaller than {_LARGEST[kind]} bytes for the InvokeFunction operation"
        raise AwsError("RequestTooLargeException", message, 413)
    try:
        json.loads(payload or b"{}")
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise AwsError("InvalidRequestContentException", message) from error
