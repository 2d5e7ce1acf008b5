# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The HTTP server: one port on loopback, a thread per connection, connections that stay open."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import NoReturn

from werkzeug.datastructures import Headers

from tests.local_aws.control import PREFIX, Control
from tests.local_aws.control_plane import ControlPlane, configure_moto
from tests.local_aws.environment import HOST, exported
from tests.local_aws.front import Front
from tests.local_aws.hosts import Hosts
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.sessions.program import VARIABLE as PROGRAM_VARIABLE
from tests.local_aws.sessions.program import find_program


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, front: Front) -> None:
        super().__init__((HOST, port), _Handler)
        self.front = front
        self.control = Control(front, {("POST", "fork"): partial(_fork, self)})

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """A client that hangs up, as one does that is killed, is no error of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece at once; otherwise each call waits 40 ms for the client's acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        request = AwsRequest(self.command, self.path, Headers(list(self.headers.items())), self._body())
        if "Upgrade" in self.headers and self.server.front.converse(request, self.connection):
            self.close_connection = True
            return
        handler = self.server.control if self.path.startswith(PREFIX) else self.server.front
        self._send(handler.answer(request))

    # The base class finds the method by this name.
    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _answer  # noqa: N815

    def handle_expect_100(self) -> bool:
        """Invite the body at once; the client waits for this, up to a second."""
        invited = super().handle_expect_100()
        self.wfile.flush()
        return invited

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _send(self, response: AwsResponse) -> None:
        if response.is_lost:
            self.close_connection = True
            return
        self.send_response_only(response.status)
        length = str(len(response.body))
        for name, value in response.headers.items():
            if name.lower() == "content-length":
                # The answer to HEAD names the length of a body that it does not carry.
                length = value if self.command == "HEAD" else length
            elif name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        """Say nothing: the log of calls is under /_local_aws/calls."""


def build_front(time: datetime | None, hosts: bool = False, rates: bool = False) -> Front:
    """Return the front with its parts in the order in which they are asked."""
    from tests.local_aws.clock.clock import Clock
    from tests.local_aws.parts import build_parts

    return Front(build_parts(Clock(time), hosts, rates))


def serve(
    port: int = 0,
    until_stdin_closes: bool = False,
    time: datetime | None = None,
    hosts: bool = False,
    rates: bool = False,
) -> int:
    """Serve until SIGINT or SIGTERM (or until the parent is gone); print what to export."""
    configure_moto()
    if time is None and not until_stdin_closes:
        # Started by a person, for whom schedules fire at their time. A test says what time it is.
        time = datetime.now(UTC)
    front = build_front(time, hosts, rates)
    try:
        server = _Server(port, front)
    except OSError as error:
        print(f"local_aws: cannot listen on port {port}: {error.strerror}", file=sys.stderr)
        return 1
    threading.Thread(target=_preload, args=(front,), daemon=True).start()
    return _serve_until_told(server, partial(_announce, hosts), until_stdin_closes)


def _serve_until_told(server: _Server, announce: Callable[[Front], None], until_stdin_closes: bool) -> int:
    # An Event may be missed: this thread may just be about to wait, or hold its lock, when a signal comes.
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    server.front.start(f"http://{HOST}:{server.server_port}")
    announce(server.front)
    if until_stdin_closes:
        threading.Thread(target=_watch_stdin, args=(tell,), daemon=True).start()
    os.read(told, 1)
    server.front.stop()
    server.shutdown()
    server.server_close()
    return 0


def _announce(hosts: bool, front: Front) -> None:
    exports = exported(front.endpoint_url)
    if hosts:
        exports[PROGRAM_VARIABLE] = find_program(front.state)
    for name, value in exports.items():
        print(f"export {name}={value}")
    sys.stdout.flush()


def _fork(server: _Server) -> dict[str, object]:
    """Serve a copy of the account, as it is now, from a process and at an endpoint of its own."""
    if any(isinstance(part, Hosts) for part in server.front.parts):
        raise ValueError("hosts are processes, of which there is no copy")
    reader, writer = os.pipe()
    # Of the threads only this one goes on in the copy: none of the others may be in the middle of something there.
    with server.front.lock:
        pid = os.fork()
    if pid == 0:
        _serve_copy(server, writer)
    os.close(writer)
    threading.Thread(target=os.waitpid, args=(pid, 0), daemon=True).start()
    with os.fdopen(reader) as pipe:
        return {"pid": pid, "endpoint_url": pipe.read()}


def _serve_copy(original: _Server, writer: int) -> NoReturn:
    status = 1
    try:
        original.socket.close()

        def announce(front: Front) -> None:
            with os.fdopen(writer, "w") as pipe:
                pipe.write(front.endpoint_url)

        status = _serve_until_told(_Server(0, original.front), announce, until_stdin_closes=True)
    finally:
        os._exit(status)


def _preload(front: Front) -> None:
    # Under the front's lock: two threads that import moto at once meet its circular imports half done.
    with front.lock:
        for part in front.parts:
            if isinstance(part, ControlPlane):
                part.preload()
    # What is there now stays; the collector need not look through it again and again.
    gc.freeze()


def _watch_stdin(tell: int) -> None:
    """The parent holds the other end of this pipe; the kernel closes it however the parent ends."""
    # Not sys.stdin: its lock, held by a daemon thread, would break the interpreter's end.
    while os.read(0, 1):
        pass
    os.write(tell, b".")
