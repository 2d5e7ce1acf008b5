# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What an environment's lock says, and who may take it.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

# Says of a process, by its number and its start, whether it has ended.
HasEnded = Callable[[int, str], bool]


class LockError(Exception):
    """The lock cannot be taken. The message is a sentence that says why, and what to do."""


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook."""

    who: str
    host: str
    machine: str
    pid: int
    started: str
    job: str

    def is_same(self, other: Run) -> bool:
        return (self.machine, self.pid, self.started) == (other.machine, other.pid, other.started)

    def __str__(self) -> str:
        place = f"{self.who} on {self.host} (process {self.pid})"
        return f"AWX job {self.job} of {place}" if self.job else place


@dataclass(frozen=True)
class Lock:
    """One generation of an environment's lock."""

    generation: int
    run: Run
    taken_at: datetime
    expires_at: datetime
    released: bool = False

    @classmethod
    def parse(cls, generation: int, value: str) -> Lock:
        """Read what a parameter says.

        Raises:
            ValueError: it says something else.
        """
        try:
            told = json.loads(value)
            run = {name: str(told[name]) for name in ("who", "host", "machine", "started", "job")}
            return cls(
                generation,
                Run(**run, pid=int(told["pid"])),
                taken_at=datetime.fromisoformat(told["taken_at"]).astimezone(UTC),
                expires_at=datetime.fromisoformat(told["expires_at"]).astimezone(UTC),
                released=bool(told["released"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"it lacks {error}") from error

    def described(self) -> dict[str, Any]:
        """What its parameter says, and results show."""
        times = {"taken_at": self.taken_at.isoformat(), "expires_at": self.expires_at.isoformat()}
        return {**asdict(self.run), **times, "released": self.released}


def why_free(lock: Lock | None, me: Run, now: datetime, has_ended: HasEnded) -> str:
    """Why the newest generation is no obstacle, in words where another run has left it, or else nothing.

    Raises:
        LockError: another run holds it.
    """
    if lock is None or lock.released or lock.run.is_same(me):
        return ""
    if lock.run.machine == me.machine:
        # What a look at the process tells goes before the clock: a run that is slow is no run that is gone.
        if has_ended(lock.run.pid, lock.run.started):
            return f"{lock.run} has ended without releasing it"
        raise LockError(_held(lock))
    # AWS refuses callers whose clock is off by more than five minutes, so that two of them agree well enough.
    if now >= lock.expires_at:
        return f"{lock.run} was to be through by {_clock(lock.expires_at)}"
    raise LockError(_held(lock, f", at the latest until {_clock(lock.expires_at)}"))


def _held(lock: Lock, limit: str = "") -> str:
    return f"is being changed by {lock.run} since {_clock(lock.taken_at)}: wait until that run has ended{limit}"


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
