# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The frames of Session Manager's data channel, byte for byte as AWS's agent and plugin write them."""

from __future__ import annotations

import hashlib
import json
import struct
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Types of messages.
INPUT = "input_stream_data"
OUTPUT = "output_stream_data"
ACKNOWLEDGE = "acknowledge"
CHANNEL_CLOSED = "channel_closed"

# Types of what data messages carry.
DATA, SIZE, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE = 1, 3, 5, 6, 7

# A data message carries no more than that.
LARGEST_PAYLOAD = 1024

_SYN = 1
_SYN_AND_FIN = 3
_SCHEMA = 1
_HEADER = struct.Struct(">I32sIQqQ16s32sII")
# The length of the payload is not counted as a part of the header.
_HEADER_LENGTH = _HEADER.size - 4


class BadFrameError(Exception):
    """What came is not a frame, or not the one that was sent."""


@dataclass(frozen=True)
class Frame:
    """One message."""

    type: str
    payload: bytes
    payload_type: int = 0
    number: int = 0
    flags: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def encode(self) -> bytes:
        """Return the bytes on the wire."""
        header = _HEADER.pack(
            _HEADER_LENGTH,
            self.type.encode().ljust(32),
            _SCHEMA,
            time.time_ns() // 1_000_000,
            self.number,
            self.flags,
            self.id.bytes[8:] + self.id.bytes[:8],
            hashlib.sha256(self.payload).digest(),
            self.payload_type,
            len(self.payload),
        )
        return header + self.payload

    def document(self) -> dict[str, Any]:
        """Return the JSON that it carries."""
        try:
            found = json.loads(self.payload)
        except ValueError as error:
            raise BadFrameError(f"{self.type} carries no JSON") from error
        if not isinstance(found, dict):
            raise BadFrameError(f"{self.type} carries no JSON object")
        return found


def decode(data: bytes) -> Frame:
    """Read a frame, and check that its payload is the one that its digest names."""
    try:
        length, kind, _, created, number, flags, half_ids, digest, payload_type, size = _HEADER.unpack_from(data)
    except struct.error as error:
        raise BadFrameError("too short for a header") from error
    payload = data[length + 4 :]
    name = kind.strip(b" \0").decode(errors="replace")
    if not name or not created or len(payload) != size:
        raise BadFrameError("incomplete")
    if size and hashlib.sha256(payload).digest() != digest:
        raise BadFrameError("the payload is not the one that the digest names")
    return Frame(name, payload, payload_type, number, flags, uuid.UUID(bytes=half_ids[8:] + half_ids[:8]))


def data_frame(message_type: str, number: int, payload_type: int, payload: bytes) -> Frame:
    """Return a data message; the agent's first one says that it is the first."""
    flags = _SYN if message_type == OUTPUT and number == 0 else 0
    return Frame(message_type, payload, payload_type, number, flags)


def acknowledgement(frame: Frame) -> Frame:
    """Return what acknowledges a data message."""
    content = {
        "AcknowledgedMessageType": frame.type,
        "AcknowledgedMessageId": str(frame.id),
        "AcknowledgedMessageSequenceNumber": frame.number,
        "IsSequentialMessage": True,
    }
    return Frame(ACKNOWLEDGE, compact(content), flags=_SYN_AND_FIN)


def acknowledged_number(frame: Frame) -> int:
    """Return the number of the data message that is acknowledged."""
    number = frame.document().get("AcknowledgedMessageSequenceNumber")
    if not isinstance(number, int):
        raise BadFrameError("an acknowledgement of nothing")
    return number


def channel_closed(session_id: str, target: str, output: str) -> Frame:
    """Return what tells a client that its session is over."""
    message_id = uuid.uuid4()
    content = {
        "MessageId": str(message_id),
        "CreatedDate": str(time.time_ns() // 1_000_000),
        "DestinationId": target,
        "SessionId": session_id,
        "MessageType": CHANNEL_CLOSED,
        "SchemaVersion": _SCHEMA,
        "Output": output,
    }
    return Frame(CHANNEL_CLOSED, compact(content), flags=_SYN_AND_FIN, id=message_id)


def compact(content: Mapping[str, Any]) -> bytes:
    """Write JSON as Go does."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
