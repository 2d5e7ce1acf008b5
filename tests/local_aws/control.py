# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control API under /_local_aws/, for tests: the log of calls, calls held back, and an empty account."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from werkzeug.datastructures import Headers

from tests.local_aws.front import Controlled, Front, Site
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.s3_listing import put_many

PREFIX = "/_local_aws/"


class Control:
    """Answers what begins with PREFIX; none of it is logged as an API call."""

    def __init__(self, front: Front, of_server: Mapping[tuple[str, str], Callable[..., object]]) -> None:
        self._routes: dict[tuple[str, str], Callable[..., object]] = {
            **of_server,
            ("GET", "ready"): lambda: "ready",
            ("GET", "state"): lambda: str(front.state),
            ("GET", "networks"): lambda: front.networks,
            ("GET", "calls"): lambda: [asdict(call) for call in front.calls.all()],
            ("DELETE", "calls"): front.calls.forget,
            ("GET", "waiting"): lambda: front.gate.waiting,
            ("POST", "hold"): front.gate.hold,
            ("DELETE", "hold"): front.gate.release,
            ("POST", "lose"): front.losses.lose,
            ("POST", "halt"): front.halt.at,
            ("GET", "halt"): lambda: front.halt.last,
            ("DELETE", "halt"): front.halt.lift,
            ("POST", "objects"): put_many,
            ("POST", "reset"): front.reset,
        }
        self._sites = [part for part in front.parts if isinstance(part, Site)]
        for part in front.parts:
            if isinstance(part, Controlled):
                self._routes |= part.controls()

    def answer(self, request: AwsRequest) -> AwsResponse:
        """Return a JSON document, or what a site answers."""
        name = request.path.removeprefix(PREFIX)
        for site in self._sites:
            if name.startswith(site.folder):
                return site.visit(request, name.removeprefix(site.folder))
        route = self._routes.get((request.method, name))
        status = 200 if route else 404
        arguments = json.loads(request.body) if request.body else {}
        try:
            document = route(**arguments) if route else f"no such control: {request.method} {request.path}"
        except (LookupError, TypeError, ValueError) as error:  # the test asks for what cannot be
            status, document = 400, f"{type(error).__name__}: {error}"
        return AwsResponse(status, Headers({"Content-Type": "application/json"}), json.dumps(document).encode())
