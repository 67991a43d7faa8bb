"""Frames between the fake robot's process and the fake rospy: JSON and a blob on a stream socket.

Standard library only. `ros1/rospy.py` reads the same frames without importing this package.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

HEAD = struct.Struct('>II')
ENVIRONMENT = 'RIG_FAKE_ROBOT'
"""Names the fake robot's socket for the fake rospy."""


def pack(value: dict[str, Any], blob: bytes = b'') -> bytes:
    """Return the bytes of a frame."""
    text = json.dumps(value).encode()
    return HEAD.pack(len(text), len(blob)) + text + blob


class Frames:
    """Collects bytes and gives whole frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, received: bytes) -> list[tuple[dict[str, Any], bytes]]:
        """Return the frames that are complete now."""
        self._bytes += received
        found = []
        while len(self._bytes) >= HEAD.size:
            text, blob = HEAD.unpack_from(self._bytes)
            end = HEAD.size + text + blob
            if len(self._bytes) < end:
                break
            found.append((json.loads(bytes(self._bytes[HEAD.size:HEAD.size + text])),
                          bytes(self._bytes[HEAD.size + text:end])))
            del self._bytes[:end]
        return found


def ask(connection: socket.socket, value: dict[str, Any]) -> Any:
    """Send one question and return the value of its answer; other frames are skipped."""
    connection.sendall(pack({**value, 'id': 1}))
    frames = Frames()
    while True:
        received = connection.recv(1 << 20)
        if not received:
            raise ConnectionError('the fake robot closed the connection')
        for answer, _ in frames.feed(received):
            if answer.get('op') == 'answer':
                return answer['value']
