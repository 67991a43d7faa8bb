"""Frames between the console's web server and its ROS process: a JSON head and raw bytes.

A frame is two unsigned 32-bit lengths (little endian), the head, the body. Both ends are this
project's own processes on one machine, joined by pipes.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from rig_ros.errors import DataError

LENGTHS = struct.Struct('<II')
MAX_BYTES = 256 * 1024 * 1024
"""A frame cannot be larger; a model file is the largest thing sent."""

Frame = tuple[dict[str, Any], bytes]


def pack(head: dict[str, Any], body: bytes = b'') -> bytes:
    """Return a frame as bytes."""
    text = json.dumps(head, separators=(',', ':')).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


class Reader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, content: bytes) -> list[Frame]:
        """Take bytes and return the frames that are whole now.

        Raises:
            DataError: the stream is not one of frames.
        """
        self._buffer += content
        frames: list[Frame] = []
        while len(self._buffer) >= LENGTHS.size:
            head, body = LENGTHS.unpack_from(self._buffer)
            if head + body > MAX_BYTES:
                raise DataError(f'console frame: got {head + body} bytes, allowed: at most '
                                f'{MAX_BYTES}; something else writes to the pipe')
            start, end = LENGTHS.size + head, LENGTHS.size + head + body
            if len(self._buffer) < end:
                break
            frames.append((json.loads(bytes(self._buffer[LENGTHS.size:start])),
                           bytes(self._buffer[start:end])))
            del self._buffer[:end]
        return frames


class Pacer:
    """Passes on at most so many things per second, and always the newest one in the end."""

    def __init__(self, rate_hz: float) -> None:
        """Start with room for one.

        Args:
            rate_hz: highest rate [1/s]; a source of that very rate passes whole.
        """
        self._gap_s = 0.8 / rate_hz
        self._next_s = float('-inf')

    def due(self, now_s: float) -> bool:
        """Return whether something may pass now; if so, it counts as passed."""
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._gap_s
        return True
