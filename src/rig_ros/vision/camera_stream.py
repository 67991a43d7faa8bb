"""From a source's pictures to the policy's: same crop, same size, steady rate. No ROS.

The first picture fixes the source's size. A later picture of another size means that somebody
changed the camera: it is refused, because the crop would show something else.
"""

from __future__ import annotations

from rig_ros.errors import HardwareError
from rig_ros.settings import require
from rig_ros.vision.image import CropRegion, Intrinsics, Picture, crop_and_resize

EARLY = 0.25
"""Share of a period by which a picture may come early and still be taken."""
LATE = 0.5
"""Share of a period from which a late picture begins a new rhythm, instead of being caught up."""


class CameraStream:
    """Crops, resizes and thins out pictures."""

    def __init__(self, size: int, hz: float, crop: tuple[int, ...] = ()) -> None:
        """Wait for the first picture.

        Args:
            size: height and width of the result [px].
            hz: most pictures per second that are let through.
            crop: [x, y, width, height] in the source's pixels; empty for the centred square.
        """
        require(size > 0, 'size', size, 'above 0 px')
        require(hz > 0, 'hz', hz, 'above 0 Hz')
        require(len(crop) in (0, 4), 'crop', crop, '[x, y, width, height] or []')
        self._size = size
        self._crop = crop
        self._period_ns = 1e9 / hz
        self._due_ns = float('-inf')
        self._last_ns = 0
        self._source: tuple[int, int] | None = None
        self._region: CropRegion | None = None

    def is_due(self, stamp_ns: int) -> bool:
        """Tell whether a picture of that stamp keeps the rate; asked before converting it."""
        jumped_back = stamp_ns < self._last_ns
        return jumped_back or stamp_ns >= self._due_ns - EARLY * self._period_ns

    def make(self, picture: Picture, stamp_ns: int) -> Picture:
        """Return the policy's picture of a source picture.

        Raises:
            ConfigError: the crop does not fit into the first picture.
            HardwareError: the source changed its size.
        """
        height, width = picture.shape[:2]
        if self._region is None:
            self._region = CropRegion.from_list(self._crop, width, height)
            self._source = (width, height)
        elif (width, height) != self._source:
            assert self._source is not None
            raise HardwareError(
                f'camera picture: got {width}x{height}, allowed: {self._source[0]}x'
                f'{self._source[1]} as at the start; set the camera back or restart this node')
        late = stamp_ns - self._due_ns > LATE * self._period_ns or stamp_ns < self._last_ns
        self._due_ns = (stamp_ns if late else self._due_ns) + self._period_ns
        self._last_ns = stamp_ns
        return crop_and_resize(picture, self._region, self._size)

    def intrinsics(self, calibration: tuple[float, ...], fovy_deg: float) -> Intrinsics | None:
        """Return the intrinsics of the result, or None before the first picture.

        Args:
            calibration: [fx, fy, cx, cy] of the source [px]; empty for an ideal camera.
            fovy_deg: vertical field of view of that ideal camera.
        """
        if self._source is None or self._region is None:
            return None
        width, height = self._source
        source = (Intrinsics(width, height, *calibration) if calibration
                  else Intrinsics.from_fovy(fovy_deg, width, height))
        return source.cropped(self._region, self._size)
