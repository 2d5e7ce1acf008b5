# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Systems Manager's answers have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from werkzeug.datastructures import Headers

from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsResponse

Entry = TypeVar("Entry")


def json_answer(document: Mapping[str, Any]) -> AwsResponse:
    """Write an answer of the JSON protocol."""
    return AwsResponse(200, Headers({"Content-Type": "application/x-amz-json-1.1"}), json.dumps(document).encode())


def page(
    entries: Sequence[Entry], params: Mapping[str, Any], fewest: int, most: int, default: int
) -> tuple[Sequence[Entry], str]:
    """Return the page that a call asks for, and the token of the next one."""
    size = params.get("MaxResults", default)
    if not fewest <= size <= most:
        bound = f"less than or equal to {most}" if size > most else f"greater than or equal to {fewest}"
        raise invalid(f"Value '{size}' at 'maxResults' failed to satisfy constraint: Member must have value {bound}")
    token = params.get("NextToken") or "0"
    if not token.isdigit() or int(token) > len(entries):
        raise AwsError("InvalidNextToken", "The specified token isn't valid.")
    start = int(token)
    end = start + size
    return entries[start:end], str(end) if end < len(entries) else ""


def invalid(message: str) -> AwsError:
    """Return what Systems Manager says to a value out of its bounds."""
    return AwsError("ValidationException", f"1 validation error detected: {message}")
