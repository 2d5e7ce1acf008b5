# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part: answers the calls about sessions, and the connections of their clients."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.local_aws.front import AskNext, Front
from tests.local_aws.hosts import Hosts
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.sessions.faults import Faults
from tests.local_aws.sessions.operations import DATA_CHANNEL, Operations
from tests.local_aws.sessions.program import write_program
from tests.local_aws.sessions.session import Session
from tests.session_manager.stream import RESEND_PAUSE
from tests.session_manager.websocket import WebSocket, WebSocketClosedError


class Sessions:
    """Shells on the hosts of another part."""

    def __init__(self, hosts: Hosts) -> None:
        self._fleet = hosts.fleet
        self._faults = Faults()
        self._operations = Operations(hosts.fleet, hosts.agents, self._faults)
        self._stopped = threading.Event()

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Pass on what is not about sessions."""
        answer = self._operations.answers.get(request.operation) if request.service == "ssm" else None
        return answer(request) if answer else ask_next(request)

    def converse(self, request: AwsRequest, connection: socket.socket) -> bool:
        """Carry a data channel for as long as its client is connected; False when there is none of that name."""
        with self._fleet.lock:
            name = unquote(request.path.removeprefix(DATA_CHANNEL)) if request.path.startswith(DATA_CHANNEL) else ""
            session = self._operations.sessions.get(name)
        if session is None:
            return False
        with contextlib.suppress(WebSocketClosedError):
            session.serve(WebSocket.accept(connection, request.headers.items(), request.target))
        return True

    def start(self, front: Front) -> None:
        """Begin to look after sessions, and make a program of the client."""
        write_program(front.state)
        threading.Thread(target=self._look_after, name="sessions", daemon=True).start()

    def stop(self) -> None:
        """End every session."""
        self._stopped.set()
        self.reset()

    def reset(self) -> None:
        """End every session, and have no history."""
        for session in self._live():
            session.end()
        self._operations.sessions.clear()
        self._faults.forget()

    def controls(self) -> dict[tuple[str, str], Callable[..., object]]:
        """Return what tests ask and set."""
        return {
            ("GET", "sessions"): self._show,
            ("POST", "sessions/cut"): self._faults.cut,
            ("POST", "sessions/slow"): self._faults.slow,
            ("POST", "sessions/drop_acknowledgements"): self._faults.drop_acknowledgements,
        }

    def _live(self) -> list[Session]:
        with self._fleet.lock:
            return [session for session in self._operations.sessions.values() if not session.is_over]

    def _show(self) -> list[dict[str, Any]]:
        return [
            {
                "id": session.id,
                "instance_id": session.host.id,
                "status": session.status,
                "connections": session.connections,
                "duplicates": session.channel.duplicates,
            }
            for session in self._live()
        ]

    def _look_after(self) -> None:
        while not self._stopped.is_set():
            time.sleep(RESEND_PAUSE)
            for session in self._live():
                with self._fleet.lock:
                    is_gone = self._operations.is_gone(session)
                if is_gone:
                    session.end()
                else:
                    session.channel.resend()
