# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The front: every request passes a row of parts, each of which answers it or asks the next."""

from __future__ import annotations

import shutil
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Protocol, runtime_checkable

from werkzeug.datastructures import Headers

from tests.local_aws.calls import Call, CallLog, is_mutating
from tests.local_aws.errors import AwsError, error_response
from tests.local_aws.gate import Gate
from tests.local_aws.halt import Halt, HaltedError
from tests.local_aws.identify import identify
from tests.local_aws.losses import Losses
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.networks import claim_networks

AskNext = Callable[[AwsRequest], AwsResponse]


class Part(Protocol):
    """A replaceable piece of the local AWS."""

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Answer the request, or return what the parts after this one answer; may raise AwsError."""

    def reset(self) -> None:
        """Forget everything, as in an empty account."""


@runtime_checkable
class Controlled(Protocol):
    """A part of which tests ask and set something."""

    def controls(self) -> dict[tuple[str, str], Callable[..., object]]:
        """Return the control API's routes, (method, name), each with what answers it; its arguments come as JSON."""


@runtime_checkable
class Worker(Controlled, Protocol):
    """A part that also works between calls, in threads of its own."""

    def start(self, front: Front) -> None:
        """Begin; the endpoint listens at `front.endpoint_url`."""

    def stop(self) -> None:
        """End what was begun, and leave nothing behind."""


@runtime_checkable
class Site(Protocol):
    """A part that also answers plain HTTP below a folder of the control API, as the metadata of a host."""

    folder: str

    def visit(self, request: AwsRequest, path: str) -> AwsResponse:
        """Answer a request for what is in the folder."""


@runtime_checkable
class Conversation(Protocol):
    """A part that also speaks on connections that clients keep open."""

    def converse(self, request: AwsRequest, connection: socket) -> bool:
        """Carry a connection to its end; False when the part knows nothing of it."""


@dataclass
class Later(AwsResponse):
    """What a part returns for an answer that takes time; the front waits for it without its lock."""

    finish: Callable[[], AwsResponse] | None = None


class Front:
    """Identifies each request, asks the parts in order, and keeps the log of calls."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.calls = CallLog()
        self.endpoint_url = ""
        self.state = Path()
        self.gate = Gate()
        self.losses = Losses()
        self.halt = Halt()
        self._networks = claim_networks()
        # One call at a time: moto keeps its world in plain dictionaries that are not safe for threads.
        self.lock = threading.RLock()

    def answer(self, request: AwsRequest) -> AwsResponse:
        """Return the answer to a request, whatever happens."""
        try:
            with self.lock:
                identify(request)
            self.gate.enter(request.operation)
            with self.halt.around(request.operation):
                with self.lock:
                    response = self._ask(0, request)
                if isinstance(response, Later) and response.finish:
                    response = response.finish()
        except HaltedError:
            return AwsResponse(503, Headers(), is_lost=True)
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
                invocation=request.headers.get("amz-sdk-invocation-id", ""),
            )
        )
        if response.status < 400 and self.losses.take(request.service, request.operation):
            response.is_lost = True
        return response

    def converse(self, request: AwsRequest, connection: socket) -> bool:
        """Let a part carry a connection to its end; False when no part knows anything of it."""
        return any(part.converse(request, connection) for part in self.parts if isinstance(part, Conversation))

    @property
    def workers(self) -> list[Worker]:
        """The parts that work between calls."""
        return [part for part in self.parts if isinstance(part, Worker)]

    @property
    def networks(self) -> dict[str, str]:
        """The network of each environment, this server's alone."""
        return self._networks.cidrs

    def start(self, endpoint_url: str) -> None:
        """Let the parts begin that work between calls."""
        self.endpoint_url = endpoint_url
        self.state = Path(tempfile.mkdtemp(prefix="local_aws-"))
        for worker in self.workers:
            worker.start(self)

    def stop(self) -> None:
        """Let them end."""
        for worker in reversed(self.workers):
            worker.stop()
        shutil.rmtree(self.state, ignore_errors=True)
        self._networks.release()

    def reset(self) -> None:
        """Empty the account and the log, and hold nothing back any more."""
        self.gate.release()
        self.halt.lift()
        self.losses.forget()
        with self.lock:
            for part in self.parts:
                part.reset()
            self.calls.forget()

    def _ask(self, index: int, request: AwsRequest) -> AwsResponse:
        if index == len(self.parts):
            name = f"{request.service}:{request.operation}"
            raise AwsError("NotImplementedByLocalAws", f"The local AWS does not implement {name}.", 501)
        return self.parts[index].handle(request, lambda changed: self._ask(index + 1, changed))
