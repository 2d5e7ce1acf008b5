# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The agent's end of a session's data channel: between a websocket and a shell."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable

from tests.local_aws.hosts.agents import VERSION
from tests.local_aws.hosts.host import Host
from tests.local_aws.sessions.documents import Program
from tests.local_aws.sessions.faults import Faults
from tests.local_aws.sessions.shell import Shell
from tests.session_manager.frames import (
    ACKNOWLEDGE,
    DATA,
    HANDSHAKE_COMPLETE,
    HANDSHAKE_REQUEST,
    HANDSHAKE_RESPONSE,
    INPUT,
    OUTPUT,
    SIZE,
    BadFrameError,
    Frame,
    compact,
    decode,
)
from tests.session_manager.stream import Stream
from tests.session_manager.websocket import WebSocket, WebSocketClosedError


class Channel:
    """Outlives its connections: a client may come again, and gets what it has not acknowledged."""

    def __init__(self, host: Host, program: Program, faults: Faults, ended: Callable[[], None]) -> None:
        self._host = host
        self._program = program
        self._faults = faults
        self._ended = ended
        self._lock = threading.RLock()
        self._stream = Stream(OUTPUT, self._take)
        self._connection: WebSocket | None = None
        self._shell: Shell | None = None
        self._began = 0.0
        self._closed = False

    @property
    def duplicates(self) -> int:
        """How many messages of the client came again."""
        return self._stream.duplicates

    def carry(self, connection: WebSocket) -> bool:
        """Use this connection until it ends, and say whether the channel then has none."""
        with self._lock:
            earlier, self._connection = self._connection, connection
        if earlier:
            earlier.abort()
        self._stream.attach(self._sender(connection))
        self._begin()
        while (message := connection.receive()) is not None:
            # What is damaged was not received, and is sent again.
            with contextlib.suppress(BadFrameError):
                self._handle(decode(message if isinstance(message, bytes) else message.encode()), connection)
        with self._lock:
            if self._connection is not connection:
                return False
            self._connection = None
            self._stream.detach()
            return True

    def resend(self) -> None:
        """Send again what has not been acknowledged in time."""
        self._stream.resend()

    def finish(self, seconds: float) -> None:
        """Let the client have all output, if it takes it in time."""
        self._stream.wait_until_acknowledged(seconds)

    def close(self, last: Frame) -> None:
        """End the shell, and the connection with a last message."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            connection, shell = self._connection, self._shell
        self._stream.close()
        if shell:
            shell.close()
        if connection:
            with contextlib.suppress(WebSocketClosedError):
                connection.send(last.encode())
            connection.close()

    def _begin(self) -> None:
        with self._lock:
            if self._began:
                return
            self._began = time.monotonic()
        if self._program.session_type:
            action = {"SessionType": self._program.session_type, "Properties": None}
            actions = [{"ActionType": "SessionType", "ActionParameters": action}]
            request = {"AgentVersion": VERSION, "RequestedClientActions": actions}
            self._stream.send(HANDSHAKE_REQUEST, compact(request))
        else:
            self._start_shell()

    def _start_shell(self) -> None:
        with self._lock:
            if not self._closed and self._shell is None:
                delay = lambda: self._faults.delay(self._host.id)  # noqa: E731 - shorter than a method
                self._shell = Shell(self._host, self._program, self._say, self._ended, delay)

    def _say(self, data: bytes) -> None:
        self._stream.wait_for_room()
        self._stream.send(DATA, data)

    def _handle(self, frame: Frame, connection: WebSocket) -> None:
        if frame.type == INPUT:
            self._stream.receive(frame, self._acknowledger(connection))
        elif frame.type == ACKNOWLEDGE:
            self._stream.acknowledged(frame)

    def _take(self, frame: Frame) -> None:
        if frame.payload_type == HANDSHAKE_RESPONSE:
            self._complete_handshake(frame)
        elif self._shell and frame.payload_type == DATA:
            self._shell.write(frame.payload)
        elif self._shell and frame.payload_type == SIZE:
            size = frame.document()
            self._shell.resize(size["cols"], size["rows"])

    def _complete_handshake(self, frame: Frame) -> None:
        actions = frame.document().get("ProcessedClientActions", [])
        if any(action.get("ActionStatus") != 1 for action in actions):
            self._ended()
            return
        took = time.monotonic() - self._began
        complete = {"HandshakeTimeToComplete": int(took * 1e9), "CustomerMessage": ""}
        self._stream.send(HANDSHAKE_COMPLETE, compact(complete))
        self._start_shell()

    def _sender(self, connection: WebSocket) -> Callable[[Frame], None]:
        def send(frame: Frame) -> None:
            data = frame.encode()
            if self._faults.is_cut_by(self._host.id, len(frame.payload)):
                connection.send_half(data)
                return
            # Who receives learns of the loss as well, and does something about it.
            with contextlib.suppress(WebSocketClosedError):
                connection.send(data)

        return send

    def _acknowledger(self, connection: WebSocket) -> Callable[[Frame], None]:
        def acknowledge(frame: Frame) -> None:
            if not self._faults.loses_acknowledgement(self._host.id):
                with contextlib.suppress(WebSocketClosedError):
                    connection.send(frame.encode())

        return acknowledge


def read_token(connection: WebSocket) -> str:
    """Return the token with which a client opens a channel; nothing when it does not."""
    message = connection.receive()
    if not isinstance(message, str):
        return ""
    try:
        opening = json.loads(message)
    except ValueError:
        return ""
    token = opening.get("TokenValue") if isinstance(opening, dict) else None
    return token if isinstance(token, str) else ""
