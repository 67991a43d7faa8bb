"""The way home: up, over, down, in joint space, streamed as joint speeds. Pure numpy.

Each leg follows a minimum-jerk profile: at rest at both ends. Radians, seconds, metres.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .kinematics import PoseError
from .servo import joint_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kinematics import Arm, Array
    from .settings import Settings

GAIN = 4.0
"""Pull of the joints to the profile [1/s]."""
PEAK = 1.875
"""Peak speed of a minimum-jerk profile by its mean."""
SAMPLES = 15
"""Points of a leg that are checked against the table."""
ARRIVED = 0.003
"""A leg ends when every joint is this near [rad]."""
LATE_S = 5.0
"""A leg that is not over so long after its time has failed [s]."""
NEAR = 0.02
"""Closer than this sideways the hand goes straight [m]."""


def plan(arm: Arm, settings: Settings, joints: Array, target: Sequence[float],
         posture: Array, seen: Array) -> list[Array]:
    """Return the joint angles at the end of each leg.

    The robot's endpoint state decides where the hand is; what it differs from the kinematics now,
    it is taken to differ at the target too.

    Args:
        arm: kinematics.
        settings: box, clearance and how far the hand is raised.
        joints: where the arm is, shape (7,).
        target: of the tool point, shape (3,) [m].
        posture: of the free elbow, shape (7,).
        seen: where the endpoint state says the tool point is, shape (3,) [m].

    Raises:
        PoseError: the target is outside the box or out of reach, or a leg comes too near the
            table.
    """
    if not all(low - 1e-6 <= value <= high + 1e-6 for low, value, high in
               zip(settings.box_low, target, settings.box_high)):
        raise PoseError(f'home position: got {list(target)}, allowed: inside the box '
                        f'{list(settings.box_low)} to {list(settings.box_high)}')
    _, link = arm.frames(joints)
    here = arm.tool_point(link[:3, 3], link[:3, :3])
    x, y, z = (np.asarray(target) + here - seen).tolist()
    goal = arm.solve((x, y, z), posture, posture)
    legs = [goal]
    if math.hypot(here[0] - x, here[1] - y) > NEAR:
        height = max(float(here[2]), z) + settings.home_raise
        above = arm.solve((x, y, height), goal, posture)
        lifted = arm.solve((float(here[0]), float(here[1]), height), joints, posture)
        legs = [lifted, above, goal]
    at, lowest = joints, arm.lowest(joints)
    floor = settings.table_z + settings.link_clearance
    for leg in legs:
        for part in np.linspace(0.0, 1.0, SAMPLES):
            height = arm.lowest(at + part * (leg - at))
            if height < min(floor, lowest) - 1e-3:
                raise PoseError(f'way home: a link would come to {height:.3f} m, allowed: '
                                f'{floor:.3f} m; move the arm up by hand first')
        at = leg
    return legs


class Homing:
    """One drive along planned legs."""

    def __init__(self, arm: Arm, settings: Settings, joints: Array, legs: list[Array]) -> None:
        self._arm, self._settings = arm, settings
        self._legs = list(legs)
        self._start = np.array(joints)
        self._elapsed = 0.0
        self.reference = np.array(joints)
        """Where the profile is, shape (7,)."""
        self.done = False
        self.failed = False

    def _duration(self) -> float:
        """Return the time of the current leg, from the slowest joint and the hand's speed [s]."""
        way = self._legs[0] - self._start
        speed = np.minimum(self._settings.home_joint_speed,
                           self._arm.max_speed * self._settings.joint_fraction)
        _, before = self._arm.frames(self._start)
        _, after = self._arm.frames(self._legs[0])
        hand = float(np.linalg.norm(self._arm.tool_point(after[:3, 3], after[:3, :3])
                                    - self._arm.tool_point(before[:3, 3], before[:3, :3])))
        # The hand's path is a little longer than the straight line.
        return max(PEAK * float((np.abs(way) / speed).max()),
                   PEAK * 1.2 * hand / self._settings.speed, 0.2)

    def speeds(self, joints: Array, period: float) -> Array:
        """Advance by one tick and return joint speeds; `done` when at rest at home."""
        if self._elapsed == 0.0:
            self._time = self._duration()
        self._elapsed += period
        part = min(self._elapsed / self._time, 1.0)
        way = self._legs[0] - self._start
        self.reference = self._start + way * (part ** 3 * (10 + part * (6 * part - 15)))
        rate = 30 * part ** 2 * (1 - part) ** 2 / self._time
        speeds: Array = way * rate + GAIN * (self.reference - joints)
        if part >= 1.0 and float(np.abs(self._legs[0] - joints).max()) < ARRIVED:
            self._start, self._elapsed = self._legs.pop(0), 0.0
            self.done = not self._legs
        self.failed = self._elapsed > self._time + LATE_S
        return speeds * joint_scale(speeds, joints, self._arm, self._settings)
