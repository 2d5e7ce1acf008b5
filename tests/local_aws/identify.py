# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds out which operation of which service a request calls, from botocore's service models."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from tests.local_aws.messages import AwsRequest

# Where the name in the signature is not the name of the client.
_CLIENT_NAMES = {"monitoring": "cloudwatch", "email": "ses", "states": "stepfunctions"}
_SCOPE = re.compile(r"Credential=([^/\s,]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")


def identify(request: AwsRequest) -> None:
    """Fill in who calls what; leave empty what cannot be known."""
    _read_signature(request)
    if request.service:
        _find_operation(request)


def _read_signature(request: AwsRequest) -> None:
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    if scope:
        request.access_key, _, request.region, service = scope.groups()
        request.service = _CLIENT_NAMES.get(service, service)
        return
    # A presigned URL carries the same in its query string; the old kind is S3's only.
    presigned = request.query.get("X-Amz-Credential", [""])[0].split("/")
    if len(presigned) == 5:
        request.access_key, _, request.region, request.service, _ = presigned
    elif "AWSAccessKeyId" in request.query and "Signature" in request.query:
        request.access_key = request.query["AWSAccessKeyId"][0]
        request.region, request.service = "us-east-1", "s3"


def _find_operation(request: AwsRequest) -> None:
    from botocore.exceptions import UnknownServiceError
    from moto.core.request import Request, determine_request_protocol
    from moto.core.routing import get_service_router
    from moto.core.utils import get_service_model
    from werkzeug.exceptions import HTTPException

    request.operation = _named_operation(request)
    try:
        model = get_service_model(request.service)
        request.protocol = str(model.protocol)
        request.protocol = determine_request_protocol(model, request.headers.get("Content-Type", ""))
        operation, uri_params = get_service_router(request.service).match(Request(request.environ()))
    except (UnknownServiceError, HTTPException, NotImplementedError):
        return
    request.operation_model, request.uri_params = operation, uri_params
    request.operation = str(operation.name)


def _named_operation(request: AwsRequest) -> str:
    """Return the name that the request itself gives, for services that no model describes."""
    target = request.headers.get("X-Amz-Target", "")
    if target:
        return target.rpartition(".")[2]
    if request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(request.body.decode("utf-8", "replace")).get("Action", [""])[0]
    return request.query.get("Action", [""])[0]


def parse_params(request: AwsRequest) -> dict[str, Any]:
    """Return the parameters of an identified request; none when it cannot be read."""
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request

    if request.operation_model is None:
        return {}
    parser = PROTOCOL_PARSERS[request.protocol](request.operation_model, map_type=dict)
    wsgi = Request(request.environ())
    parsed: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": wsgi.values,
            "headers": wsgi.headers,
            "body": wsgi.data,
            "url_path": wsgi.path,
            "url_params": request.uri_params,
        }
    )
    return parsed
