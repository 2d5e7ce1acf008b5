# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control API under /_local_aws/, for tests: the log of calls, calls held back, and an empty account."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from werkzeug.datastructures import Headers

from tests.local_aws.front import Front
from tests.local_aws.messages import AwsRequest, AwsResponse

PREFIX = "/_local_aws/"


class Control:
    """Answers what begins with PREFIX; none of it is logged as an API call."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._routes: dict[tuple[str, str], Callable[[], object]] = {
            ("GET", "ready"): lambda: "ready",
            ("GET", "calls"): lambda: [asdict(call) for call in front.calls.all()],
            ("DELETE", "calls"): front.calls.forget,
            ("GET", "waiting"): lambda: front.gate.waiting,
            ("DELETE", "hold"): front.gate.release,
            ("POST", "reset"): front.reset,
        }

    def answer(self, request: AwsRequest) -> AwsResponse:
        """Return a JSON document."""
        route = self._routes.get((request.method, request.path.removeprefix(PREFIX)))
        if (request.method, request.path) == ("POST", f"{PREFIX}hold"):
            route = partial(self._front.gate.hold, **json.loads(request.body))
        status = 200 if route else 404
        document = route() if route else f"no such control: {request.method} {request.path}"
        return AwsResponse(status, Headers({"Content-Type": "application/json"}), json.dumps(document).encode())
