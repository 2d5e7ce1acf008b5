# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's errors, in the shape that each protocol gives them."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from werkzeug.datastructures import Headers

from tests.local_aws.messages import AwsRequest, AwsResponse


class AwsError(Exception):
    """An error that the service would return."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def error_response(request: AwsRequest, error: AwsError) -> AwsResponse:
    """Return the answer that botocore reads as `error`."""
    protocol = request.protocol or "rest-xml"
    request_id = str(uuid.uuid4())
    headers = Headers({"x-amzn-RequestId": request_id})
    if protocol in ("json", "rest-json"):
        headers["Content-Type"] = "application/json"
        headers["x-amzn-ErrorType"] = error.code
        text = json.dumps({"__type": error.code, "message": error.message, "Message": error.message})
    else:
        headers["Content-Type"] = "text/xml"
        text = _xml(protocol, error, request_id)
    return AwsResponse(error.status, headers, text.encode())


def _xml(protocol: str, error: AwsError, request_id: str) -> str:
    detail = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if protocol == "ec2":
        return f"{head}<Response><Errors><Error>{detail}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    if protocol == "query":
        blame = "Sender" if error.status < 500 else "Receiver"
        return (
            f"{head}<ErrorResponse><Error><Type>{blame}</Type>{detail}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return f"{head}<Error>{detail}<RequestId>{request_id}</RequestId></Error>"
