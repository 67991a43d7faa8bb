"""Fixing a device's controls: what is told is read back, and a device that cheats is found."""

from __future__ import annotations

import cv2
import pytest

from rig_ros.hardware import camera_controls
from rig_ros.hardware.camera_controls import AUTOMATIC, hold, settled


class Device:
    """Keeps what it is told; `deaf` properties do not."""

    def __init__(self, deaf: tuple[int, ...] = (), lacking: tuple[int, ...] = ()) -> None:
        self.deaf, self.lacking = deaf, lacking
        self.values = {cv2.CAP_PROP_EXPOSURE: 156.0, cv2.CAP_PROP_AUTO_EXPOSURE: 3.0,
                       cv2.CAP_PROP_GAIN: 20.0, cv2.CAP_PROP_WB_TEMPERATURE: 4600.0,
                       cv2.CAP_PROP_AUTO_WB: 1.0, cv2.CAP_PROP_FOCUS: 30.0,
                       cv2.CAP_PROP_AUTOFOCUS: 1.0}

    def get(self, key: int) -> float:
        return -1.0 if key in self.lacking else self.values[key]

    def set(self, key: int, value: float) -> bool:
        if key not in self.deaf:
            self.values[key] = value
        return key not in self.deaf


def test_what_has_settled_is_fixed_and_no_longer_automatic():
    device = Device()
    held = hold(device, settled(device))
    assert [h.name for h in held] == list(camera_controls.CONTROLS)
    assert all(h.ok for h in held)
    assert held[0].found == 156.0
    assert device.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 1.0
    assert device.values[cv2.CAP_PROP_AUTO_WB] == device.values[cv2.CAP_PROP_AUTOFOCUS] == 0.0


@pytest.mark.parametrize(('deaf', 'name'), [
    (cv2.CAP_PROP_EXPOSURE, 'exposure'), (cv2.CAP_PROP_AUTO_WB, 'white_balance')])
def test_a_device_that_ignores_a_control_is_named(deaf: int, name: str):
    held = hold(Device(deaf=(deaf,)), {'exposure': 300.0, 'white_balance': 5000.0})
    assert [h.name for h in held if not h.ok] == [name]


def test_what_a_device_lacks_or_nobody_asked_for_is_left_alone():
    device = Device(lacking=(cv2.CAP_PROP_FOCUS, cv2.CAP_PROP_AUTOFOCUS))
    assert 'focus' not in settled(device)
    assert [h.name for h in hold(device, {'exposure': AUTOMATIC, 'gain': 10.0})] == ['gain']
    assert device.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 3.0


def test_a_freed_device_adjusts_itself_again():
    device = Device()
    hold(device, settled(device))
    camera_controls.free(device)
    assert device.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 3.0
    assert device.values[cv2.CAP_PROP_AUTO_WB] == 1.0
