# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The front: every request passes a row of parts, each of which answers it or asks the next."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.local_aws.calls import Call, CallLog, is_mutating
from tests.local_aws.errors import AwsError, error_response
from tests.local_aws.gate import Gate
from tests.local_aws.identify import identify
from tests.local_aws.messages import AwsRequest, AwsResponse

AskNext = Callable[[AwsRequest], AwsResponse]


class Part(Protocol):
    """A replaceable piece of the local AWS."""

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Answer the request, or return what the parts after this one answer; may raise AwsError."""

    def reset(self) -> None:
        """Forget everything, as in an empty account."""


class Front:
    """Identifies each request, asks the parts in order, and keeps the log of calls."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.calls = CallLog()
        self.gate = Gate()
        # One call at a time: moto keeps its world in plain dictionaries that are not safe for threads.
        self.lock = threading.RLock()

    def answer(self, request: AwsRequest) -> AwsResponse:
        """Return the answer to a request, whatever happens."""
        try:
            with self.lock:
                identify(request)
            self.gate.enter(request.operation)
            with self.lock:
                response = self._ask(0, request)
        except AwsError as error:
            response = error_response(request, error)
        except Exception as error:  # a fault of ours must reach the caller as an answer, not as a broken line
            traceback.print_exc()
            response = error_response(request, AwsError("InternalError", f"{type(error).__name__}: {error}", 500))
        self.calls.add(
            Call(
                service=request.service,
                operation=request.operation,
                status=response.status,
                mutating=is_mutating(request.operation),
                access_key=request.access_key,
            )
        )
        return response

    def reset(self) -> None:
        """Empty the account and the log, and hold nothing back any more."""
        self.gate.release()
        with self.lock:
            for part in self.parts:
                part.reset()
            self.calls.forget()

    def _ask(self, index: int, request: AwsRequest) -> AwsResponse:
        if index == len(self.parts):
            name = f"{request.service}:{request.operation}"
            raise AwsError("NotImplementedByLocalAws", f"The local AWS does not implement {name}.", 501)
        return self.parts[index].handle(request, lambda changed: self._ask(index + 1, changed))
