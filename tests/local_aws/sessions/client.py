# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests say to the part `sessions`: a part of `LocalAws`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local_aws.sessions.program import find_program


@dataclass(frozen=True)
class OpenSession:
    """A session that is not over."""

    id: str
    instance_id: str
    status: str
    # How often a client connected, and how many of its messages came again.
    connections: int
    duplicates: int


class SessionControls:
    """Methods of `LocalAws(hosts=True)`. What they change lasts until a reset."""

    def _control(self, method: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
        raise NotImplementedError

    @property
    def state(self) -> Path:
        """The folder of the endpoint's state."""
        raise NotImplementedError

    def session_manager_plugin(self) -> str:
        """Return the path of AWS's program where it is installed, and otherwise of our own."""
        return find_program(self.state)

    def sessions(self) -> list[OpenSession]:
        """Return the sessions that are open now."""
        return [OpenSession(**fields) for fields in self._control("GET", "sessions")]

    def cut_session(self, instance_id: str, after_bytes: int) -> None:
        """Break a connection to this host once, in the middle of a message, after so many bytes of output."""
        self._control("POST", "sessions/cut", {"instance_id": instance_id, "after_bytes": after_bytes})

    def slow_sessions(self, instance_id: str, seconds: float) -> None:
        """Let what shells on this host say come so much later."""
        self._control("POST", "sessions/slow", {"instance_id": instance_id, "seconds": seconds})

    def drop_acknowledgements(self, instance_id: str, count: int) -> None:
        """Lose the next acknowledgements of input to this host, so that its client sends again."""
        self._control("POST", "sessions/drop_acknowledgements", {"instance_id": instance_id, "count": count})
