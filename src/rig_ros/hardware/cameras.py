"""Pictures from a device or a video file through OpenCV. No ROS, no cropping.

A source is opened once, then read for each frame. A device that stops delivering raises
`HardwareError`; the caller decides what stops. Pictures are `image_hwc_u8` (RGB).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from rig_ros.errors import HardwareError
from rig_ros.hardware import camera_controls
from rig_ros.settings import require
from rig_ros.vision.image import Picture, to_rgb


class Capture(Protocol):
    """The part of `cv2.VideoCapture` used here."""

    def isOpened(self) -> bool:  # noqa: N802
        """Tell whether the source is open."""

    def read(self) -> tuple[bool, Any]:
        """Return (worked, picture in BGR)."""

    def set(self, key: int, value: float) -> bool:
        """Set a property."""

    def get(self, key: int) -> float:
        """Return a property."""

    def release(self) -> None:
        """Close the source."""


@dataclass(frozen=True)
class SourceSettings:
    """Which source to open and how."""

    path: str
    """A device (/dev/video0, or its number) or a video file."""
    width: int = 640
    """Asked of a device [px]; a file keeps its own size."""
    height: int = 480
    hz: float = 30.0
    """Asked of a device [Hz]."""
    repeat: bool = False
    """Start a video file again at its end."""
    held: Mapping[str, float] = field(default_factory=dict)
    """Values that a device keeps, by the names of `camera_controls`."""

    def __post_init__(self) -> None:
        require(self.path != '', 'path', self.path, 'a device or a video file')
        require(self.width > 0 and self.height > 0, 'width, height', (self.width, self.height),
                'above 0')
        require(0 < self.hz <= 240, 'hz', self.hz, 'above 0, at most 240 Hz')

    @property
    def device(self) -> int | str | None:
        """The device as OpenCV names it, or None when the path is a file."""
        if self.path.isdigit():
            return int(self.path)
        return self.path if self.path.startswith('/dev/') else None


class OpenCVCamera:
    """A device or video file that is read frame by frame."""

    def __init__(self, settings: SourceSettings,
                 open_capture: Callable[[Any], Capture] = cv2.VideoCapture) -> None:
        """Open the source.

        Raises:
            HardwareError: when it does not exist or OpenCV cannot open it.
        """
        self._settings = settings
        self.held: list[camera_controls.Held] = []
        """What came of holding exposure and the like."""
        device = settings.device
        if device is None and not Path(settings.path).is_file():
            raise HardwareError(f'camera file: {settings.path} does not exist; check the path')
        self._capture = open_capture(settings.path if device is None else device)
        if not self._capture.isOpened():
            self._capture.release()
            raise HardwareError(f'camera: {settings.path} cannot be opened, allowed: a free video '
                                'device or a video file; check the cable, who else uses it, and '
                                'that the user is in the group video')
        if device is not None:
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
            self._capture.set(cv2.CAP_PROP_FPS, settings.hz)
            self.hold(settings.held)

    @property
    def hz(self) -> float:
        """The rate the source says it delivers [Hz]; what was asked when it does not say."""
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        return rate if 0 < rate <= 240 else self._settings.hz

    def read(self) -> Picture:
        """Return the next picture; blocks until a device has one.

        Raises:
            HardwareError: the device is silent or unplugged, or the file is at its end.
        """
        worked, pixels = self._capture.read()
        if not worked and self._settings.device is None and self._settings.repeat:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            worked, pixels = self._capture.read()
        if not worked or pixels is None:
            why = ('is at its end' if self._settings.device is None
                   else 'delivers no picture; check the cable')
            raise HardwareError(f'camera: {self._settings.path} {why}')
        array = np.asarray(pixels, dtype=np.uint8)
        return to_rgb(array, 'mono8' if array.ndim == 2 else 'bgr8')

    def hold(self, wanted: Mapping[str, float]) -> list[camera_controls.Held]:
        """Keep a device's exposure and the like at these values; what came of it is in `held`."""
        self.held = camera_controls.hold(self._capture, wanted)
        return self.held

    def settled(self) -> dict[str, float]:
        """Return what a device's exposure and the like are now; empty for a file."""
        return {} if self._settings.device is None else camera_controls.settled(self._capture)

    def free(self) -> None:
        """Let a device adjust itself again."""
        if self._settings.device is not None:
            camera_controls.free(self._capture)
        self.held = []

    def close(self) -> None:
        """Give the device back."""
        self._capture.release()
