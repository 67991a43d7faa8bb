"""Setting up a camera: its crop, whether it stands where it stood, whether its colours stay.

No ROS, no page. Call `poll` often; it takes the newest picture. Crops are [x, y, width, height]
in the source's pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig_ros.errors import HardwareError
from rig_ros.hardware.background import BackgroundReader
from rig_ros.hardware.camera_controls import Held
from rig_ros.vision.alignment import Movement, Reference
from rig_ros.vision.image import CropRegion, Picture, crop_and_resize, read_picture, write_picture
from rig_ros.vision.steadiness import Steadiness, mean_colour, measure

SETTLE_S = 0.5
"""After its controls were fixed a device needs a few pictures."""
MEASURE_S = 5.0


@dataclass(frozen=True)
class Check:
    """What came of fixing the controls and watching for some seconds."""

    held: tuple[Held, ...]
    """Empty: the source has no controls here."""
    steadiness: Steadiness
    movement: Movement | None
    """Against the reference; None without one, or when it cannot be told."""


class CameraSetup:
    """See the module; all methods from one thread."""

    def __init__(self, reader: BackgroundReader, size: int, crop: Sequence[int],
                 reference: Path, save: Callable[[Mapping[str, Any]], None],
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a picture.

        Args:
            reader: of the source.
            size: of the policy's picture [px].
            crop: that is set now; empty for the centred square.
            reference: file of the reference picture; read when it is there.
            save: keeps parameters of the camera node, by name.
            clock: seconds.

        Raises:
            DataError: the reference is there, but is no picture.
        """
        self._reader, self._size, self._save, self._clock = reader, size, save, clock
        self._given = tuple(crop)
        self._reference_file = reference
        self.reference = Reference(read_picture(reference)) if reference.is_file() else None
        self.picture: Picture | None = None
        """The newest one."""
        self.number = 0
        """Of that picture; rises."""
        self.held: tuple[Held, ...] = ()
        self._arrivals: list[float] = []
        self._colours: list[tuple[float, float, float]] = []
        self._measure_from_s = float('inf')
        self._moved: tuple[int, Movement | None] = (0, None)

    # Pictures ----------------------------------------------------------------------------------
    def poll(self) -> bool:
        """Take the newest picture; return whether there was one."""
        newest = self._reader.take()
        if newest is None:
            return False
        now = self._clock()
        self.picture = newest[0]
        self.number += 1
        self._arrivals = [*self._arrivals[-30:], now]
        if now >= self._measure_from_s:
            self._colours.append(mean_colour(self.picture))
        return True

    @property
    def problem(self) -> str:
        """Why no pictures come; '' when they do."""
        return self._reader.problem

    @property
    def hz(self) -> float:
        """Pictures per second, of the last thirty."""
        spent = self._arrivals[-1] - self._arrivals[0] if len(self._arrivals) > 1 else 0.0
        return (len(self._arrivals) - 1) / spent if spent > 0 else 0.0

    def seen(self) -> Picture:
        """Return the newest picture.

        Raises:
            HardwareError: none has come.
        """
        if self.picture is None:
            raise HardwareError(f'camera: no picture yet; {self.problem or "wait for the first"}')
        return self.picture

    # Crop --------------------------------------------------------------------------------------
    def region(self, crop: Sequence[int] | None = None) -> CropRegion:
        """Return a crop, checked against the picture; the one that is set if not given.

        Raises:
            ConfigError: it leaves the picture.
            HardwareError: no picture has come.
        """
        height, width = self.seen().shape[:2]
        return CropRegion.from_list(self._given if crop is None else tuple(crop), width, height)

    def policy_picture(self, crop: Sequence[int] | None = None) -> Picture:
        """Return what the policy gets."""
        return crop_and_resize(self.seen(), self.region(crop), self._size)

    def save(self, crop: Sequence[int]) -> dict[str, Any]:
        """Keep the crop, and the values at which controls are fixed; return what was kept."""
        region = self.region(crop)
        values: dict[str, Any] = {'crop': region.as_list(),
                                  **{held.name: held.found for held in self.held}}
        self._save(values)
        self._given = tuple(region.as_list())
        return values

    # Reference ---------------------------------------------------------------------------------
    def keep_reference(self) -> Path:
        """Keep the newest picture as the view to come back to; return its file."""
        picture = self.seen()
        write_picture(self._reference_file, picture)
        self.reference = Reference(picture)
        self._moved = (0, None)
        return self._reference_file

    def movement(self) -> Movement | None:
        """Return how the view has moved since the reference; None when it cannot be told."""
        if self.reference is None or self.picture is None:
            return None
        if self._moved[0] != self.number:
            self._moved = self.number, self.reference.movement(self.picture)
        return self._moved[1]

    # Light and colour --------------------------------------------------------------------------
    def fix(self) -> None:
        """Fix the device's controls where they are now, and begin to watch its pictures.

        Raises:
            HardwareError: the device does not answer.
        """
        self.held = tuple(self._reader.ask(lambda source: (
            source.hold(source.settled()) if hasattr(source, 'settled') else ())))
        self._colours = []
        self._measure_from_s = self._clock() + SETTLE_S

    def free(self) -> None:
        """Let the device adjust itself again.

        Raises:
            HardwareError: it does not answer.
        """
        self._reader.ask(lambda source: source.free() if hasattr(source, 'free') else None)
        self.held = ()

    @property
    def watched(self) -> bool:
        """Whether pictures have been watched for long enough since `fix`."""
        return self._clock() >= self._measure_from_s + MEASURE_S

    def finish_check(self) -> Check:
        """Return what came of it.

        Raises:
            ConfigError: too few pictures came.
        """
        self._measure_from_s = float('inf')
        return Check(self.held, measure(self._colours), self.movement())

    def close(self) -> None:
        """Give the camera back."""
        self._reader.close()
