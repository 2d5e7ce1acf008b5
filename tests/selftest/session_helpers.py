# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clients of Session Manager: one that does what a test tells it, frame by frame, and the program."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.selftest.living import Living, wait_for
from tests.session_manager.frames import (
    ACKNOWLEDGE,
    CHANNEL_CLOSED,
    DATA,
    INPUT,
    OUTPUT,
    Frame,
    acknowledged_number,
    acknowledgement,
    compact,
    data_frame,
    decode,
)
from tests.session_manager.websocket import WebSocket, WebSocketClosedError


def start_session(living: Living, instance_id: str, **parameters: Any) -> dict[str, str]:
    """Start a session, and return what its client needs to know."""
    answer = living.ssm.start_session(Target=instance_id, **parameters)
    return {name: answer[name] for name in ("SessionId", "TokenValue", "StreamUrl")}


class RawClient:
    """Sends what it is told, and keeps what comes; it acknowledges output unless told otherwise."""

    def __init__(self, session: dict[str, str], acknowledges: bool = True) -> None:
        self.acknowledges = acknowledges
        self.output = b""
        self.received: list[Frame] = []
        self.acknowledged: list[int] = []
        self.is_closed = False
        self._numbers: set[int] = set()
        self._next = 0
        self._socket = WebSocket.connect(session["StreamUrl"])
        opening = {"MessageSchemaVersion": "1.0", "TokenValue": session["TokenValue"]}
        self._socket.send(compact(opening).decode())
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def type(self, text: str) -> None:
        """Type at the keyboard."""
        self.send(self.next_frame(text.encode()))

    def next_frame(self, payload: bytes, payload_type: int = DATA) -> Frame:
        """Return the next message to the agent."""
        self._next += 1
        return data_frame(INPUT, self._next - 1, payload_type, payload)

    def send(self, frame: Frame) -> None:
        """Send a frame."""
        self.send_bytes(frame.encode())

    def send_bytes(self, data: bytes) -> None:
        """Send what may not be a frame."""
        self._socket.send(data)

    def wait_for(self, text: str) -> str:
        """Wait until this has been said, and return all that was."""
        wait_for(lambda: text.encode() in self.output)
        return self.output.decode()

    def wait_until_closed(self) -> None:
        """Wait until the other end has closed the connection."""
        self._thread.join(10)
        assert not self._thread.is_alive()

    def hang_up(self) -> None:
        """Leave without a word."""
        self._socket.abort()
        self.wait_until_closed()

    def _receive(self) -> None:
        # What it says at the end may come too late.
        with suppress(WebSocketClosedError):
            while (message := self._socket.receive()) is not None:
                assert isinstance(message, bytes)
                self._take(decode(message))

    def _take(self, frame: Frame) -> None:
        if frame.type == ACKNOWLEDGE:
            self.acknowledged.append(acknowledged_number(frame))
        elif frame.type == CHANNEL_CLOSED:
            self.is_closed = True
        elif frame.type == OUTPUT:
            if self.acknowledges:
                self._socket.send(acknowledgement(frame).encode())
            if frame.number not in self._numbers and frame.payload_type == DATA:
                self.output += frame.payload
            self._numbers.add(frame.number)
            self.received.append(frame)


class PluginProcess:
    """The program, as amazon.aws.aws_ssm and the AWS CLI start it."""

    def __init__(
        self, living: Living, session: dict[str, str], by_environment: bool = False, terminal: int | None = None
    ) -> None:
        response = json.dumps(session)
        environ = living.aws.environ
        if by_environment:
            environ["AWS_SSM_START_SESSION_RESPONSE"] = response
            response = "AWS_SSM_START_SESSION_RESPONSE"
        target = json.dumps({"Target": "i-0"})
        plugin = living.aws.session_manager_plugin()
        self.process = subprocess.Popen(
            [plugin, response, "us-east-1", "StartSession", "", target, living.aws.endpoint_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT,
            env=environ,
        )
        self.output = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def type(self, text: str) -> None:
        """Type at the keyboard."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Wait until this has been said, and return all that was."""
        wait_for(lambda: text.encode() in self.output, seconds)
        return self.output.decode()

    def wait(self) -> int:
        """Wait for its end."""
        status = self.process.wait(30)
        self._thread.join(10)
        return status

    def _read(self) -> None:
        # It has none where it writes to a terminal.
        while self.process.stdout and (data := os.read(self.process.stdout.fileno(), 65536)):
            self.output += data


@contextmanager
def plugin(
    living: Living, session: dict[str, str], by_environment: bool = False, terminal: int | None = None
) -> Iterator[PluginProcess]:
    """Run the program, in a terminal if there is one, and let none of it be left."""
    program = PluginProcess(living, session, by_environment, terminal)
    try:
        yield program
    finally:
        program.process.kill()
        program.wait()
        for pipe in (program.process.stdin, program.process.stdout):
            if pipe:
                pipe.close()
