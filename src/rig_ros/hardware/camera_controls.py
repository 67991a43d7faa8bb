"""Exposure, gain, white balance and focus of a device: set to fixed values, and read back.

Values are the device's own units, as OpenCV (V4L2) tells them. A device that has no such control
says -1; one that ignores what it is told is found by reading back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import cv2

AUTOMATIC = -1.0
"""As a value: leave the control as it is."""


class Adjustable(Protocol):
    """The part of `cv2.VideoCapture` used here."""

    def set(self, key: int, value: float) -> bool:
        """Set a property."""

    def get(self, key: int) -> float:
        """Return a property."""


class Control(NamedTuple):
    """One control, and the switch that lets the device adjust it by itself."""

    value: int
    automatic: int | None
    off: float = 0.0
    on: float = 1.0


CONTROLS = {
    # V4L2: 1 is manual, 3 lets the device choose the exposure time
    'exposure': Control(cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE, 1.0, 3.0),
    'gain': Control(cv2.CAP_PROP_GAIN, None),
    'white_balance': Control(cv2.CAP_PROP_WB_TEMPERATURE, cv2.CAP_PROP_AUTO_WB),
    'focus': Control(cv2.CAP_PROP_FOCUS, cv2.CAP_PROP_AUTOFOCUS),
}
"""By the name of the camera node's parameter; the order in which they are set."""


class Held(NamedTuple):
    """What came of holding one control."""

    name: str
    wanted: float
    found: float
    """As read back."""
    manual: bool
    """The device no longer adjusts it."""

    @property
    def ok(self) -> bool:
        """Whether the device keeps what it was told; drivers round a little."""
        return self.manual and abs(self.found - self.wanted) <= max(1.0, 0.01 * abs(self.wanted))


def settled(device: Adjustable) -> dict[str, float]:
    """Return the values that the device has now, of the controls that it offers."""
    values = {name: float(device.get(control.value)) for name, control in CONTROLS.items()}
    return {name: value for name, value in values.items() if value >= 0}


def hold(device: Adjustable, wanted: Mapping[str, float]) -> list[Held]:
    """Set controls to fixed values and read them back.

    Args:
        device: that is open.
        wanted: value by name; `AUTOMATIC` leaves one out.
    """
    held = []
    for name, control in CONTROLS.items():
        value = wanted.get(name, AUTOMATIC)
        if value == AUTOMATIC:
            continue
        if control.automatic is not None:
            device.set(control.automatic, control.off)
        device.set(control.value, value)
        manual = control.automatic is None or device.get(control.automatic) in (
            control.off, -1.0)  # -1: it has no such switch
        held.append(Held(name, value, float(device.get(control.value)), manual))
    return held


def free(device: Adjustable) -> None:
    """Let a device adjust itself again."""
    for control in CONTROLS.values():
        if control.automatic is not None:
            device.set(control.automatic, control.on)
