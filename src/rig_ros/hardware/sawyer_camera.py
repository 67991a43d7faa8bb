"""Pictures of Sawyer's own cameras, from the memory-mapped file of the side process. No ROS.

The side process streams what the node `sawyer` asks for, `head_camera` or `right_hand_camera`: the
robot sends one at a time. Pictures are `image_hwc_u8` (RGB).
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np

from rig_ros.arm_side.picture import PictureReader
from rig_ros.errors import HardwareError
from rig_ros.vision.image import Picture, to_rgb

NAMES = ('head_camera', 'right_hand_camera')
PATIENCE_S = 1.0
POLL_S = 0.002


def picture_path(socket: Path) -> Path:
    """Return the file of the side process that serves a socket."""
    return socket.with_name(socket.name + '.picture')


class ArmCamera:
    """The newest picture of the arm's camera, as a source for `BackgroundReader`."""

    hz = 30.0
    """Not told by the robot; the pictures pace themselves."""

    def __init__(self, path: Path) -> None:
        """Look at a file, which may come later."""
        self._path = path
        self._reader: PictureReader | None = None
        self._counter = 0

    def read(self) -> Picture:
        """Return the next picture; waits for it.

        Raises:
            HardwareError: there is none; the side process is not there, or streams no camera.
        """
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self._reader is None:
                with contextlib.suppress(OSError, ValueError):
                    self._reader = PictureReader(str(self._path))
            picture = None if self._reader is None else self._reader.read(self._counter)
            if picture is not None:
                self._counter = picture.counter
                shape = (picture.height, picture.width, picture.channels)
                pixels = np.frombuffer(picture.pixels, np.uint8).reshape(shape)
                mono = picture.channels == 1
                return to_rgb(pixels[:, :, 0] if mono else pixels, picture.encoding)
            time.sleep(POLL_S)
        raise HardwareError(f"arm's camera {self._path}: no picture for {PATIENCE_S:.0f} s; is "
                            'the node sawyer up, is the robot on, and has it that camera?')

    def close(self) -> None:
        """Give the file back."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
