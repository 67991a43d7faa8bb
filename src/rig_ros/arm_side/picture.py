"""The newest picture of a robot's camera in a memory-mapped file: one writer, many readers.

Layout: 64 bytes of header, then `height * width * channels` bytes of uint8 rows. The header is
little-endian `<8sQdIIII16s`: magic, counter, CLOCK_MONOTONIC of arrival [s], height, width,
channels, reserved, encoding ('rgb8' or 'mono8'). The counter is odd while a picture is written; a
reader copies, reads the counter again, and takes another look if it changed.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import NamedTuple

import numpy as np

MAGIC = b'RIGCAM01'
HEADER = struct.Struct('<8sQdIIII16s')
OFFSET = 64
CAPACITY = OFFSET + 1600 * 1200 * 3
TRIES = 5


_ORDER = {'rgb8': (3, (0, 1, 2)), 'bgr8': (3, (2, 1, 0)), 'rgba8': (4, (0, 1, 2)),
          'bgra8': (4, (2, 1, 0))}


def to_plain(height: int, width: int, encoding: str, step: int,
             pixels: bytes) -> tuple[str, bytes]:
    """Return a camera's message as rgb8 or mono8 without padding: encoding and bytes.

    Raises:
        ValueError: another encoding, or sizes that do not agree.
    """
    mono = encoding in ('mono8', '8UC1')
    depth, order = (1, (0,)) if mono else _ORDER.get(encoding, (0, ()))
    if not depth or step < width * depth or len(pixels) < height * step:
        raise ValueError(f'camera: {width}x{height} {encoding!r}, step {step}, {len(pixels)} '
                         f'bytes; allowed: mono8 or one of {sorted(_ORDER)}')
    rows = np.frombuffer(pixels, np.uint8, height * step).reshape(height, step)
    image = rows[:, :width * depth].reshape(height, width, depth)[:, :, list(order)]
    return ('mono8' if mono else 'rgb8'), image.tobytes()


class Picture(NamedTuple):
    """One picture as it arrived."""

    counter: int
    time: float
    """CLOCK_MONOTONIC of arrival [s]."""
    height: int
    width: int
    channels: int
    encoding: str
    pixels: bytes
    """Rows from the top, without padding."""


class PictureWriter:
    """Owns the file."""

    def __init__(self, path: str) -> None:
        """Make an empty file, readable by this user only."""
        self.path = path
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(handle, CAPACITY)
            self._map = mmap.mmap(handle, CAPACITY)
        finally:
            os.close(handle)
        self._counter = 0

    def write(self, time: float, height: int, width: int, encoding: str, pixels: bytes) -> None:
        """Replace the picture.

        Raises:
            ValueError: not rgb8 or mono8, sizes that do not agree, or too large.
        """
        channels = {'rgb8': 3, 'mono8': 1}.get(encoding, 0)
        if not channels or len(pixels) != height * width * channels:
            raise ValueError(f'picture: {width}x{height} {encoding} with {len(pixels)} bytes')
        if OFFSET + len(pixels) > CAPACITY:
            raise ValueError(f'picture: {width}x{height}, allowed: up to 1600x1200')
        self._header(self._counter + 1, time, height, width, channels, encoding)
        self._map[OFFSET:OFFSET + len(pixels)] = pixels
        self._counter += 2
        self._header(self._counter, time, height, width, channels, encoding)

    def _header(self, counter: int, time: float, height: int, width: int, channels: int,
                encoding: str) -> None:
        HEADER.pack_into(self._map, 0, MAGIC, counter, time, height, width, channels, 0,
                         encoding.encode('ascii'))

    def close(self) -> None:
        """Remove the file; readers keep their mapping."""
        self._map.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


class PictureReader:
    """Reads the file of a writer."""

    def __init__(self, path: str) -> None:
        """Map the file.

        Raises:
            OSError: no such file.
            ValueError: not a picture file.
        """
        with open(path, 'rb') as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._map) < OFFSET:
            raise ValueError(f'{path}: no picture file')

    def read(self, after: int = 0) -> Picture | None:
        """Return the newest picture, or None: none newer than the counter `after`, or torn."""
        for _ in range(TRIES):
            magic, counter, time, height, width, channels, _, name = HEADER.unpack_from(self._map)
            size = height * width * channels
            if magic != MAGIC or counter == 0 or counter <= after:
                return None
            if counter % 2 or OFFSET + size > len(self._map):
                continue
            pixels = self._map[OFFSET:OFFSET + size]
            if HEADER.unpack_from(self._map)[1] == counter:
                encoding = name.rstrip(b'\0').decode('ascii', 'replace')
                return Picture(counter, time, height, width, channels, encoding, pixels)
        return None

    def close(self) -> None:
        """Unmap."""
        self._map.close()
