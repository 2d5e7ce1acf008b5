# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One end's numbered messages: acknowledged, sent again while they are not, and taken in order, each once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.session_manager.frames import Frame, acknowledged_number, acknowledgement, data_frame

# As AWS's agent and plugin have them, in seconds.
RESEND_PAUSE = 0.1
_FIRST_TIMEOUT = 0.2
_FIRST_ROUND_TRIP = 0.1
_ROUND_TRIP_SHARE = 1 / 8
_VARIATION_SHARE = 1 / 4
_GRANULARITY = 0.01
_LONGEST_TIMEOUT = 1.0
# Further messages wait until some of these are acknowledged; AWS's programs drop them instead.
_WINDOW = 1000

Transmit = Callable[[Frame], None]


@dataclass
class _Sent:
    frame: Frame
    moment: float
    attempts: int = 0


class Stream:
    """The sending and the receiving half of one end; it outlives the connections that it uses."""

    def __init__(self, message_type: str, deliver: Callable[[Frame], None]) -> None:
        self._type = message_type
        self._deliver = deliver
        self._transmit: Transmit | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._next_number = 0
        self._unacknowledged: dict[int, _Sent] = {}
        self._timeout = _FIRST_TIMEOUT
        self._round_trip = _FIRST_ROUND_TRIP
        self._variation = 0.0
        self._receiving = threading.Lock()
        self._expected = 0
        self._early: dict[int, Frame] = {}
        # How many messages came that had been taken before.
        self.duplicates = 0

    def attach(self, transmit: Transmit) -> None:
        """Use this connection from now on, and send all again that is not acknowledged."""
        with self._changed:
            self._transmit = transmit
            again = [sent.frame for sent in self._unacknowledged.values()]
            for sent in self._unacknowledged.values():
                sent.moment = time.monotonic()
            self._changed.notify_all()
        for frame in again:
            transmit(frame)

    def detach(self) -> None:
        """Have no connection: nothing is sent."""
        with self._changed:
            self._transmit = None
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def send(self, payload_type: int, payload: bytes) -> None:
        """Send a message, and keep it until it is acknowledged."""
        with self._changed:
            frame = data_frame(self._type, self._next_number, payload_type, payload)
            self._unacknowledged[self._next_number] = _Sent(frame, time.monotonic())
            self._next_number += 1
            transmit = self._transmit
        # Without the lock: a full connection must not keep acknowledgements from being read.
        if transmit:
            transmit(frame)

    def wait_for_room(self) -> None:
        """Wait until the other end is there and keeps up, or until all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._transmit and len(self._unacknowledged) < _WINDOW))

    def wait_until_acknowledged(self, seconds: float) -> None:
        """Wait until the other end has everything or is gone, but not longer than that."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not (self._transmit and self._unacknowledged), seconds)

    def acknowledged(self, frame: Frame) -> None:
        """Forget the message that this one acknowledges."""
        number = acknowledged_number(frame)
        with self._changed:
            sent = self._unacknowledged.pop(number, None)
            if sent:
                self._measure(time.monotonic() - sent.moment)
            self._changed.notify_all()

    def resend(self) -> int:
        """Send the oldest message again when its time has come, and say how often it was sent again."""
        now = time.monotonic()
        with self._changed:
            oldest = next(iter(self._unacknowledged.values()), None)
            transmit = self._transmit
            if oldest is None or transmit is None or now - oldest.moment <= self._timeout:
                return 0
            oldest.moment = now
            oldest.attempts += 1
        transmit(oldest.frame)
        return oldest.attempts

    def receive(self, frame: Frame, acknowledge: Transmit) -> None:
        """Take a message of the other end when it is its turn, and acknowledge it.

        A message that was taken before is acknowledged again: its sender has not seen that. AWS's programs do
        not, so that what is lost once is sent for as long as the session lasts.
        """
        with self._receiving:
            acknowledge(acknowledgement(frame))
            if frame.number < self._expected or frame.number in self._early:
                self.duplicates += 1
                return
            self._early[frame.number] = frame
            while self._expected in self._early:
                due = self._early.pop(self._expected)
                self._expected += 1
                self._deliver(due)

    def _measure(self, round_trip: float) -> None:
        difference = abs(self._round_trip - round_trip)
        self._variation += _VARIATION_SHARE * (difference - self._variation)
        self._round_trip += _ROUND_TRIP_SHARE * (round_trip - self._round_trip)
        self._timeout = min(self._round_trip + max(_GRANULARITY, 4 * self._variation), _LONGEST_TIMEOUT)
