"""What several tests of the side process need."""

from __future__ import annotations

import pytest

from rig_ros.arm_side.protocol import State


@pytest.fixture
def state() -> State:
    """An arm that stands still."""
    return State(
        seq=1, time=2.0, q=(0.0,) * 7, v=(0.0,) * 7, effort=(0.0,) * 7, position=(0.6, 0.0, 0.2),
        quaternion=(0.7, 0.7, 0.0, 0.0), enabled=True, ready=True, stopped=False, error=False,
        homed=True, estop_button=0, estop_source=0, collided=False, mode='IDLE', fault=None,
        remedy=None, last_id=0, reference=(0.6, 0.0, 0.2), tracking_error=0.0, connections=1,
        rates={'joints': 100.0}, calibration_error=0.002)
