# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client with the command line and the protocol of AWS's session-manager-plugin, for shell sessions.

Like that program it ends when the session is closed, or when its input does; in the latter case the session itself
goes on until somebody terminates it. A connection that breaks is resumed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import termios
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from tests.session_manager.frames import (
    ACKNOWLEDGE,
    CHANNEL_CLOSED,
    DATA,
    HANDSHAKE_COMPLETE,
    HANDSHAKE_REQUEST,
    HANDSHAKE_RESPONSE,
    INPUT,
    LARGEST_PAYLOAD,
    OUTPUT,
    SIZE,
    BadFrameError,
    Frame,
    compact,
    decode,
)
from tests.session_manager.stream import RESEND_PAUSE, Stream
from tests.session_manager.websocket import WebSocket, WebSocketClosedError

# The AWS CLI asks for it, and warns of older ones.
_VERSION = "1.2.764.0"
_RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_SHELL_TYPES = ("Standard_Stream", "InteractiveCommands", "NonInteractiveCommands")
_SUCCESS, _FAILED = 1, 2
_ATTEMPTS = 3000
_RESUMPTIONS = 5
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_SIZE_PAUSE = 0.5
_SIZE_WITHOUT_TERMINAL = os.terminal_size((300, 100))
# As in the real one, so that input does not flood the channel.
_INPUT_PAUSE = 0.001
_KEYS = {signal.SIGINT: b"\x03", signal.SIGQUIT: b"\x1c", signal.SIGTSTP: b"\x1a"}


@dataclass(frozen=True)
class Call:
    """What the command line says."""

    session_id: str
    stream_url: str
    token: str
    region: str
    profile: str
    endpoint: str


class Client:
    """One session."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._client_id = str(uuid.uuid4())
        self._stream = Stream(INPUT, self._take)
        self._is_shell = threading.Event()
        self._size = os.terminal_size((0, 0))
        self._terminal: list[Any] | None = None

    def run(self) -> None:
        """Connect, and carry the standard input until it ends."""
        _print(f"\nStarting session with SessionId: {self._call.session_id}\n")
        connection = self._open(self._call.token)
        for work in (self._receive, self._resend):
            threading.Thread(target=work, args=(connection,) if work == self._receive else (), daemon=True).start()
        self._is_shell.wait()
        self._prepare_terminal()
        threading.Thread(target=self._watch_size, daemon=True).start()
        while data := os.read(0, LARGEST_PAYLOAD):
            # A single line feed is the key `Enter`.
            self._stream.send(DATA, b"\r" if data == b"\n" else data)
            time.sleep(_INPUT_PAUSE)
        self._leave("Cannot perform start session: EOF\n")

    def _open(self, token: str) -> WebSocket:
        connection = WebSocket.connect(self._call.stream_url)
        request = {
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid.uuid4()),
            "TokenValue": token,
            "ClientId": self._client_id,
            "ClientVersion": _VERSION,
        }
        connection.send(compact(request).decode())
        self._stream.attach(_sender(connection))
        return connection

    def _receive(self, connection: WebSocket) -> None:
        while True:
            while (message := connection.receive()) is not None:
                with contextlib.suppress(BadFrameError):
                    self._handle(decode(message if isinstance(message, bytes) else message.encode()), connection)
            self._stream.detach()
            connection = self._resume()

    def _handle(self, frame: Frame, connection: WebSocket) -> None:
        if frame.type == OUTPUT:
            self._stream.receive(frame, _sender(connection))
        elif frame.type == ACKNOWLEDGE:
            self._stream.acknowledged(frame)
        elif frame.type == CHANNEL_CLOSED:
            output = frame.document().get("Output")
            session_id = self._call.session_id
            self._leave(
                f"\n\nSessionId: {session_id} : {output}\n\n"
                if output
                else f"\n\nExiting session with sessionId: {session_id}.\n\n"
            )

    def _take(self, frame: Frame) -> None:
        if frame.payload_type == HANDSHAKE_REQUEST:
            self._stream.send(HANDSHAKE_RESPONSE, _answer_handshake(frame.document()))
        elif frame.payload_type == HANDSHAKE_COMPLETE:
            if message := frame.document().get("CustomerMessage"):
                _print(f"{message}\n")
            self._is_shell.set()
        else:
            # An agent that shakes no hands begins with output.
            self._is_shell.set()
            _write(frame.payload)

    def _resume(self) -> WebSocket:
        delay = _FIRST_DELAY
        for _ in range(_RESUMPTIONS):
            with contextlib.suppress(WebSocketClosedError):
                token = self._ssm().resume_session(SessionId=self._call.session_id).get("TokenValue")
                if not token:
                    self._leave(f"Session: {self._call.session_id} timed out.\n")
                return self._open(token)
            time.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY)
        self._leave("Cannot resume the session.\n", 1)
        raise AssertionError("the process has ended")

    def _resend(self) -> None:
        while self._stream.resend() < _ATTEMPTS:
            time.sleep(RESEND_PAUSE)
        self._ssm().terminate_session(SessionId=self._call.session_id)

    def _watch_size(self) -> None:
        while True:
            try:
                size = os.get_terminal_size(1)
            except OSError:
                size = _SIZE_WITHOUT_TERMINAL
            if size != self._size:
                self._size = size
                self._stream.send(SIZE, compact({"cols": size.columns, "rows": size.lines}))
            time.sleep(_SIZE_PAUSE)

    def _prepare_terminal(self) -> None:
        for number in _KEYS:
            signal.signal(number, self._send_key)
        with contextlib.suppress(termios.error):
            self._terminal = termios.tcgetattr(0)
            changed = termios.tcgetattr(0)
            changed[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(0, termios.TCSANOW, changed)

    def _send_key(self, number: int, _frame: FrameType | None) -> None:
        # In a thread of its own: the one that was interrupted may hold the stream's lock.
        threading.Thread(target=self._stream.send, args=(DATA, _KEYS[signal.Signals(number)])).start()

    def _leave(self, message: str, status: int = 0) -> None:
        _print(message)
        if self._terminal:
            termios.tcsetattr(0, termios.TCSANOW, self._terminal)
        os._exit(status)

    def _ssm(self) -> Any:
        # Only now: it takes longer to import than a whole session.
        import boto3

        session = boto3.Session(profile_name=self._call.profile or None, region_name=self._call.region)
        return session.client("ssm", endpoint_url=self._call.endpoint or None)


def _sender(connection: WebSocket) -> Callable[[Frame], None]:
    def send(frame: Frame) -> None:
        # Who receives learns of the loss as well, and does something about it.
        with contextlib.suppress(WebSocketClosedError):
            connection.send(frame.encode())

    return send


def _answer_handshake(request: Mapping[str, Any]) -> bytes:
    actions: list[dict[str, Any]] = []
    errors = []
    for action in request.get("RequestedClientActions", []):
        kind = action.get("ActionType")
        asked = (action.get("ActionParameters") or {}).get("SessionType")
        done: dict[str, Any] = {"ActionType": kind, "ActionStatus": _SUCCESS, "ActionResult": None, "Error": ""}
        if kind != "SessionType" or asked not in _SHELL_TYPES:
            reason = f"Unknown session type {asked}" if kind == "SessionType" else f"Unsupported action {kind}"
            done |= {"ActionStatus": _FAILED, "Error": f"Failed to process action {kind}: {reason}"}
            errors.append(reason)
        actions.append(done)
    return compact({"ClientVersion": _VERSION, "ProcessedClientActions": actions, "Errors": errors or None})


def _print(text: str) -> None:
    _write(text.encode())


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _read_call(arguments: Sequence[str]) -> Call:
    response, region, _, profile, _, endpoint = [*arguments, *[""] * 6][:6]
    if response.startswith(_RESPONSE_VARIABLE):
        response = os.environ.pop(response, "")
    answer = json.loads(response)
    return Call(answer["SessionId"], answer["StreamUrl"], answer["TokenValue"], region, profile, endpoint)


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says."""
    if not arguments:
        _print("\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n")
    elif arguments[0] == "--version" and len(arguments) == 1:
        _print(f"{_VERSION}\n")
    elif len(arguments) < 3:
        name = arguments[0]
        _print(f"\nUnknown operation {name}. \nUse session-manager-plugin --version to check the version.\n\n")
    elif arguments[2] != "StartSession":
        _print("Invalid Operation")
    else:
        try:
            Client(_read_call(arguments)).run()
        except (ValueError, KeyError, WebSocketClosedError) as error:
            _print(f"Cannot perform start session: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
