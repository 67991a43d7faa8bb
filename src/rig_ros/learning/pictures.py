"""Where the replay's pictures lie: in memory, or in a file where they are too many for it.

The file is read and written by place (pread, pwrite), never mapped: what the process holds are the
few pictures it works on, and the system keeps as many of the others in its cache as it has room
for. The file has no name, so that no end of the process leaves it behind.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rig_ros.errors import ConfigError
from rig_ros.learning.config import Storage

ImageU8 = NDArray[np.uint8]
Observation = NDArray[Any]
"""A picture (H, W, 3) uint8 or a state (k,) float32, or several."""
Shape = tuple[int, ...]
Places = NDArray[np.int64]
Transfer = Callable[[int, list[memoryview], int], int]
MEMORY_BYTES = 2 << 30
"""`auto` keeps so much in memory: 100,000 pictures of 84x84."""


class Pictures(Protocol):
    """A fixed number of places for pictures, or for states in their place."""

    def read(self, places: Places) -> Observation:
        """Return copies of the pictures (count, size, size, 3) at `places` (count,)."""

    def write(self, places: Places, images: Observation) -> None:
        """Put pictures (count, size, size, 3) at `places` (count,)."""


class MemoryPictures:
    """All in one array; places never written take no memory."""

    def __init__(self, count: int, shape: Shape) -> None:
        self._images: Observation = np.empty((count, *shape), dtype_of(shape))

    def read(self, places: Places) -> Observation:
        """See `Pictures`."""
        return self._images[places]

    def write(self, places: Places, images: Observation) -> None:
        """See `Pictures`."""
        self._images[places] = images


class FilePictures:
    """All in one file; see the module."""

    def __init__(self, count: int, shape: Shape, folder: Path | None) -> None:
        """Make the file.

        Args:
            count: places.
            shape: of a picture or a state.
            folder: on the disk to use; None takes the system's temporary folder.

        Raises:
            ConfigError: the disk has no room for so many.
        """
        self._shape, self._dtype = shape, dtype_of(shape)
        self._bytes = bytes_of(shape)
        where = Path(folder or tempfile.gettempdir())
        free, needed = shutil.disk_usage(where).free, count * self._bytes
        if free < needed:
            raise ConfigError(f'replay_frames: got {count}, which need {needed >> 20} MiB, '
                              f'allowed: what fits into the {free >> 20} MiB that are free in '
                              f'{where}; free some, or set fewer')
        self._file = tempfile.TemporaryFile(dir=where, buffering=0)  # noqa: SIM115
        self._file.truncate(needed)
        os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)

    def read(self, places: Places) -> Observation:
        """See `Pictures`."""
        images: Observation = np.empty((len(places), *self._shape), self._dtype)
        for run, start in _runs(places):
            _whole(os.preadv, self._file.fileno(), images[run], start * self._bytes)
        return images

    def write(self, places: Places, images: Observation) -> None:
        """See `Pictures`."""
        images = np.ascontiguousarray(images)
        for run, start in _runs(places):
            _whole(os.pwritev, self._file.fileno(), images[run], start * self._bytes)


def _runs(places: Places) -> Iterator[tuple[slice, int]]:
    """Yield stretches of `places` that follow each other, with the first place of each."""
    edges = np.flatnonzero(np.diff(places) != 1) + 1
    for first, end in zip((0, *edges), (*edges, len(places))):
        if end > first:
            yield slice(first, end), int(places[first])


def _whole(transfer: Transfer, descriptor: int, images: Observation, offset: int) -> None:
    """Read or write all of `images`; one call moves at most 2 GiB, and may stop earlier."""
    rest = images.data.cast('B')
    while rest:
        moved = transfer(descriptor, [rest], offset)
        rest, offset = rest[moved:], offset + moved


def dtype_of(shape: Shape) -> np.dtype[Any]:
    """Return the type of an observation's values: pictures have three dimensions, states one."""
    return np.dtype(np.uint8 if len(shape) == 3 else np.float32)


def bytes_of(shape: Shape) -> int:
    """Return how many bytes an observation takes."""
    return int(np.prod(shape)) * dtype_of(shape).itemsize


def make_pictures(count: int, shape: Shape, storage: Storage, folder: Path | None) -> Pictures:
    """Return places for so many pictures or states, in memory or in a file below `folder`."""
    large = count * bytes_of(shape) > MEMORY_BYTES
    if storage == 'file' or (storage == 'auto' and large):
        return FilePictures(count, shape, folder)
    return MemoryPictures(count, shape)
