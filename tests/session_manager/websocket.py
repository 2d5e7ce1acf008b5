# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A websocket over a connected socket: wsproto knows the protocol, and here the bytes come and go."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

_CHUNK = 65536
# Who does not read for so long has lost the connection.
_PATIENCE = struct.pack("ll", 30, 0)


class WebSocketClosedError(Exception):
    """The other end is gone, or was never there."""


class WebSocket:
    """One end; one thread receives, and any thread sends."""

    def __init__(self, connection: socket.socket, kind: ConnectionType) -> None:
        self._connection = connection
        self._protocol = WSConnection(kind)
        self._sending = threading.Lock()
        self._events = self._receive_events()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)

    @classmethod
    def accept(cls, connection: socket.socket, headers: Iterable[tuple[str, str]], target: str) -> WebSocket:
        """Answer a request to upgrade that a server has read."""
        end = cls(connection, ConnectionType.SERVER)
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        try:
            end._protocol.initiate_upgrade_connection(pairs, target)
        except ProtocolError as error:
            raise WebSocketClosedError(str(error)) from error
        end._send_event(AcceptConnection())
        return end

    @classmethod
    def connect(cls, url: str) -> WebSocket:
        """Open a connection to an endpoint on this machine, which needs neither a proxy nor TLS."""
        parts = urlsplit(url)
        if parts.scheme != "ws" or not parts.hostname:
            raise WebSocketClosedError(f"not an address of the local AWS: {url}")
        try:
            end = cls(socket.create_connection((parts.hostname, parts.port or 80)), ConnectionType.CLIENT)
        except OSError as error:
            raise WebSocketClosedError(str(error)) from error
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        end._send_event(Request(host=parts.netloc, target=target))
        if not isinstance(next(end._events, None), AcceptConnection):
            end.abort()
            raise WebSocketClosedError("refused")
        return end

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        self._send_event(TextMessage(message) if isinstance(message, str) else BytesMessage(message))

    def send_half(self, message: bytes) -> None:
        """Break the connection in the middle of a message."""
        with contextlib.suppress(OSError), self._sending:
            data = self._protocol.send(BytesMessage(message))
            self._connection.sendall(data[: len(data) // 2])
        self.abort()

    def receive(self) -> str | bytes | None:
        """Return the next message; nothing when there comes none any more."""
        parts: list[str | bytes] = []
        for event in self._events:
            if isinstance(event, CloseConnection | RejectConnection):
                break
            if isinstance(event, Message):
                parts.append(event.data)
                if event.message_finished:
                    return _joined(parts)
        return None

    def close(self, code: int = 1000) -> None:
        """Say good-bye, and end the connection."""
        with contextlib.suppress(WebSocketClosedError):
            self._send_event(CloseConnection(code))
        self.abort()

    def abort(self) -> None:
        """End the connection without a word."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _receive_events(self) -> Iterator[Event]:
        with contextlib.suppress(OSError, ProtocolError, WebSocketClosedError):
            while data := self._connection.recv(_CHUNK):
                self._protocol.receive_data(data)
                for event in self._protocol.events():
                    if isinstance(event, Ping):
                        self._send_event(event.response())
                    else:
                        yield event

    def _send_event(self, event: Event) -> None:
        try:
            with self._sending:
                self._connection.sendall(self._protocol.send(event))
        except (OSError, ProtocolError) as error:
            raise WebSocketClosedError(str(error)) from error


def _joined(parts: list[str | bytes]) -> str | bytes:
    if isinstance(parts[0], str):
        return "".join(part for part in parts if isinstance(part, str))
    return b"".join(bytes(part) for part in parts if not isinstance(part, str))
