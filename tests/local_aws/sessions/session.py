# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One session: who has it, what became of it, and who may connect."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.local_aws.hosts.host import Host
from tests.local_aws.sessions.channel import Channel, read_token
from tests.local_aws.sessions.documents import Program
from tests.local_aws.sessions.faults import Faults
from tests.session_manager.frames import channel_closed
from tests.session_manager.websocket import WebSocket

# How long the last output is waited for when the shell has ended.
_LAST_OUTPUT = 2.0
_POLICY_VIOLATION = 1008


@dataclass
class Session:
    """What StartSession made."""

    id: str
    host: Host
    owner: str
    reason: str
    program: Program
    faults: Faults
    status: str = "Connecting"
    started: float = field(default_factory=time.time)
    ended: float = 0.0
    connections: int = 0

    def __post_init__(self) -> None:
        self.generation = self.host.generation
        self._lock = threading.Lock()
        self._token = ""
        self.channel = Channel(self.host, self.program, self.faults, lambda: self.end(wait=True))

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good."""
        return self.status == "Terminated"

    def new_token(self) -> str:
        """Return what opens the channel once; an earlier token does so no more."""
        with self._lock:
            self._token = secrets.token_urlsafe(96)
            return self._token

    def serve(self, connection: WebSocket) -> None:
        """Carry a connection for as long as it lasts, if it may be here."""
        if not self._admits(read_token(connection)):
            connection.close(_POLICY_VIOLATION)
            return
        if self.channel.carry(connection):
            self._become("Disconnected")

    def end(self, wait: bool = False) -> None:
        """End it; `wait` when its shell has ended, and its last words are still on their way."""
        with self._lock:
            is_first = not self.ended
            if is_first:
                self.ended = time.time()
                self.status = "Terminating"
        if is_first and wait:
            self.channel.finish(_LAST_OUTPUT)
        self.status = "Terminated"
        self.channel.close(channel_closed(self.id, self.host.id, ""))

    def describe(self) -> dict[str, Any]:
        """Return what DescribeSessions says."""
        return {
            "SessionId": self.id,
            "Target": self.host.id,
            "Status": self.status,
            "StartDate": self.started,
            "DocumentName": self.program.document,
            "Owner": self.owner,
            "AccessType": "Standard",
            **({"Reason": self.reason} if self.reason else {}),
            **({"EndDate": self.ended} if self.ended else {}),
        }

    def _admits(self, token: str) -> bool:
        with self._lock:
            if self.ended or not self._token or not secrets.compare_digest(token.encode(), self._token.encode()):
                return False
            self._token = ""
            self.status = "Connected"
            self.connections += 1
            return True

    def _become(self, status: str) -> None:
        with self._lock:
            if not self.ended:
                self.status = status
