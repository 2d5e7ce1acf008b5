# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A shell in a pseudo-terminal on a host."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Callable

from tests.local_aws.hosts.host import Host
from tests.local_aws.sessions.documents import Program
from tests.session_manager.frames import LARGEST_PAYLOAD

# Amazon Linux' `sh` is bash. As the leader of a new session, bash makes the terminal that it finds its own.
_BEGIN = 'exec -a sh bash "$@"'
_ENVIRON = {"TERM": "xterm-256color"}


class Shell:
    """One thread carries input and output; `ended` is called by it when the terminal is closed from within."""

    def __init__(
        self,
        host: Host,
        program: Program,
        output: Callable[[bytes], None],
        ended: Callable[[], None],
        delay: Callable[[], float],
    ) -> None:
        self._output = output
        self._ended = ended
        # By how many seconds what the shell says is late.
        self._delay = delay
        self._terminal, inner = os.openpty()
        os.set_blocking(self._terminal, False)
        self._wake = os.eventfd(0)
        self._lock = threading.Lock()
        self._input: deque[bytes] = deque()
        self._closed = False
        arguments = ["-c", program.command] if program.command else []
        try:
            self._process = host.launch(
                ["/bin/bash", "-c", _BEGIN, "sh", *arguments],
                more_environ=_ENVIRON,
                stdin=inner,
                stdout=inner,
                stderr=inner,
            )
        except BaseException:
            os.close(self._terminal)
            os.close(self._wake)
            raise
        finally:
            os.close(inner)
        threading.Thread(target=self._run, name="shell", daemon=True).start()

    def write(self, data: bytes) -> None:
        """Type."""
        with self._lock:
            self._input.append(data)
            self._wake_up()

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        with self._lock:
            if not self._closed:
                fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        """Kill the shell, and close its terminal; what it left in the background lives on, as on a real host."""
        with self._lock:
            self._closed = True
            self._wake_up()

    def _wake_up(self) -> None:
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        rest = b""
        while (data := self._next_output()) is not None:
            whole, rest = whole_characters(rest + data)
            if whole:
                self._output(whole)
        if rest:
            self._output(rest)
        self._process.kill()
        with self._lock:
            ended_by_itself, self._closed = not self._closed, True
            for descriptor in (self._terminal, self._wake):
                os.close(descriptor)
            self._wake = -1
        if ended_by_itself:
            self._ended()
        self._process.wait()

    def _next_output(self) -> bytes | None:
        """Write what is to be written until there is output; nothing when there comes no more."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        waited = False
        while not self._closed:
            poll.register(self._terminal, select.POLLIN | (select.POLLOUT if self._input else 0))
            ready = dict(poll.poll(0))
            if not ready:
                waited = True
                ready = dict(poll.poll())
            if self._wake in ready:
                os.eventfd_read(self._wake)
            what = ready.get(self._terminal, 0)
            if what & select.POLLOUT:
                self._write()
            if what & (select.POLLIN | select.POLLHUP | select.POLLERR):
                # What comes in one go is late only once.
                if waited:
                    time.sleep(self._delay())
                return self._read()
        return None

    def _read(self) -> bytes | None:
        try:
            return os.read(self._terminal, LARGEST_PAYLOAD) or None
        except OSError:  # nobody has the terminal open any more
            return None

    def _write(self) -> None:
        with self._lock:
            try:
                written = os.write(self._terminal, self._input[0])
            except BlockingIOError:
                return
            except OSError:  # nobody is there who could read it
                written = len(self._input[0])
            rest = self._input.popleft()[written:]
            if rest:
                self._input.appendleft(rest)


def whole_characters(data: bytes) -> tuple[bytes, bytes]:
    """Part what ends in the middle of a character in UTF-8 before that character."""
    for length in range(1, min(4, len(data) + 1)):
        byte = data[-length]
        if byte & 0xC0 != 0x80:
            needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
            return (data[:-length], data[-length:]) if needed > length else (data, b"")
    return data, b""
