"""Looks at the arm before and during a motion and names what must end it. Pure numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .faults import Fault, fault
from .kinematics import TOOL_DOWN, quaternion_to_rotation, rotation_error

if TYPE_CHECKING:
    from .kinematics import Arm, Array
    from .settings import Settings
    from .sight import Sight

JOINT_LIMIT = 0.05
"""A joint nearer to its limit than this ends a motion [rad]."""
BOX_TOLERANCE = 0.01
"""A motion may begin this far outside the box [m]."""
BOX_END = 0.02
"""and ends when further outside [m]."""
KINEMATICS = 0.03
"""Endpoint state and description may differ by this much [m]."""


class Look(NamedTuple):
    """What one snapshot of the robot means for the hand."""

    point: Array
    """Of the tool, from the robot's endpoint state, shape (3,) [m]."""
    rotation: Array
    """base_R_tool, shape (3, 3)."""
    jacobian: Array
    """Of the tool point, shape (6, 7)."""
    lowest: float
    """Height of the lowest link [m]."""
    calibration_error: float
    """Distance of endpoint state and kinematics [m]."""
    force: Array
    """[N]."""


class Inspector:
    """Remembers for how long the arm has been off its reference, and the force at the start."""

    def __init__(self, arm: Arm, settings: Settings) -> None:
        self._arm, self._settings = arm, settings
        self._low, self._high = np.array(settings.box_low), np.array(settings.box_high)
        self._force = np.zeros(3)
        self._off_since = math.inf

    def look(self, sight: Sight) -> Look:
        """Work out what a snapshot means."""
        frames, link = self._arm.frames(np.array(sight.q))
        position = np.array(sight.position)
        rotation = quaternion_to_rotation(sight.quaternion)
        point = self._arm.tool_point(position, rotation)
        gap = position - link[:3, 3]
        return Look(point, rotation, self._arm.jacobian(frames, point),
                    min(float(frames[3:, 2, 3].min()), float(point[2])),
                    math.sqrt(gap @ gap), np.array(sight.force))

    def begin(self, look: Look) -> None:
        """Start watching a motion."""
        self._force, self._off_since = look.force, math.inf

    def before(self, look: Look, sight: Sight, homing: bool) -> Fault | None:
        """Return why a motion must not begin, or None."""
        tilt = rotation_error(TOOL_DOWN, look.rotation)
        outside = self._outside(look.point)
        if not homing and outside > BOX_TOLERANCE:
            return fault('outside_box', f'by {1e3 * outside:.0f} mm')
        if not homing and (math.sqrt(tilt @ tilt) > self._settings.tracking_angle
                           or look.rotation[2, 2] > 0):
            return fault('tilted', f'by {math.sqrt(tilt @ tilt):.2f} rad, allowed: '
                                   f'{self._settings.tracking_angle} rad')
        return self._always(look, sight, homing)

    def during(self, now: float, look: Look, sight: Sight, reference: Array,
               joint_reference: Array | None) -> Fault | None:
        """Return why a motion must end, or None.

        Args:
            now: [s].
            look: at this snapshot.
            sight: the snapshot.
            reference: of the hand, shape (3,) [m].
            joint_reference: of the joints while homing, shape (7,) [rad], else None.
        """
        homing = joint_reference is not None
        found = self._always(look, sight, homing)
        if found is not None:
            return found
        push = look.force - self._force
        if math.sqrt(push @ push) > self._settings.max_force:
            return fault('force', f'{math.sqrt(push @ push):.0f} N, allowed: '
                                  f'{self._settings.max_force:.0f} N')
        if not homing and self._outside(look.point) > BOX_END:
            return fault('outside_box', f'by {1e3 * self._outside(look.point):.0f} mm')
        return self._tracking(now, look, sight, reference, joint_reference)

    def _tracking(self, now: float, look: Look, sight: Sight, reference: Array,
                  joint_reference: Array | None) -> Fault | None:
        settings = self._settings
        if joint_reference is not None:
            off = np.abs(joint_reference - np.array(sight.q)).max() > settings.tracking_angle
        else:
            gap, turn = reference - look.point, rotation_error(TOOL_DOWN, look.rotation)
            off = (math.sqrt(gap @ gap) > 0.95 * settings.tracking_distance
                   or math.sqrt(turn @ turn) > settings.tracking_angle)
        self._off_since = min(self._off_since, now) if off else math.inf
        if now - self._off_since > settings.tracking_time and not settings.dry_run:
            return fault('tracking', f'off its reference for {settings.tracking_time} s')
        return None

    def _always(self, look: Look, sight: Sight, homing: bool) -> Fault | None:
        settings = self._settings
        if sight.collided:
            return fault('collision', 'the robot reports one')
        if sight.error:
            return fault('robot_error', 'the robot reports an error')
        if sight.connections == 0 and not settings.dry_run:
            return fault('not_heard', 'nobody subscribes to the joint command')
        if look.calibration_error > KINEMATICS:
            return fault('kinematics', f'by {1e3 * look.calibration_error:.0f} mm, allowed: '
                                       f'{1e3 * KINEMATICS:.0f} mm')
        if homing:
            return None
        joints = np.array(sight.q)
        left = np.minimum(joints - self._arm.lower, self._arm.upper - joints)
        if left.min() < JOINT_LIMIT:
            return fault('joint_limit', f'right_j{int(left.argmin())} is {left.min():.3f} rad '
                                        'from its end')
        if look.lowest < settings.table_z + settings.link_clearance - 0.005:
            return fault('link_low', f'{look.lowest:.3f} m')
        return None

    def _outside(self, point: Array) -> float:
        """Return how far a point is outside the box [m]."""
        gap = np.maximum(self._low - point, point - self._high)
        return max(float(gap.max()), 0.0)
