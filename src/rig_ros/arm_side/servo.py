"""Hand velocity to joint speeds: a moving reference, feed-forward, and the tool held down.

Pure numpy, frame `base`, metres, radians, seconds. The reference moves by the commanded velocity
from the *previous reference*, so that errors do not add up, and brakes before the walls of the box
so that the hand stays inside even if commands end now. A velocity counts from the moment it was
sent to the moment the next one was, however late they arrive. What the joints cannot follow (the
whole vector of joint speeds is scaled, never single joints) slows the reference down too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .kinematics import TOOL_DOWN, least_squares, rotation_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kinematics import Arm, Array
    from .settings import Settings

POSITION_GAIN = 4.0
"""Pull of the hand to the reference [1/s]."""
ROTATION_GAIN = 2.0
POSTURE_GAIN = 1.0
"""Pull of the free elbow to the posture [1/s]."""
DAMPING = 0.01
JOINT_BRAKE = 4.0
"""A joint may approach its limit by this times the way left [1/s]."""
LEAD = 0.03
"""The reference is never further from the hand [m]."""


def capped(vector: Array, limit: float) -> Array:
    """Return a vector no longer than `limit`, its direction kept."""
    length = math.sqrt(vector @ vector)
    return vector * (limit / length) if length > limit else vector


def joint_scale(speeds: Array, joints: Array, arm: Arm, settings: Settings) -> float:
    """Return by how much a vector of joint speeds must be scaled to keep the joints' limits."""
    scale = 1.0
    excess = float((np.abs(speeds) / (arm.max_speed * settings.joint_fraction)).max())
    if excess > 1.0:
        scale = 1.0 / excess
    left = np.where(speeds > 0, arm.upper - joints, joints - arm.lower) - settings.joint_margin
    allowed = JOINT_BRAKE * np.maximum(left, 0.0)
    fast = np.abs(speeds) > np.maximum(allowed, 1e-6)
    if fast.any():
        scale = min(scale, float((allowed[fast] / np.abs(speeds[fast])).min()))
    return scale


class Servo:
    """Follows a commanded hand velocity inside the box."""

    def __init__(self, arm: Arm, settings: Settings, posture: Array) -> None:
        """Make a servo at rest; `anchor` it before the first `speeds`.

        Args:
            arm: for the limits of its joints.
            settings: box and caps.
            posture: where the free elbow is pulled to, shape (7,) [rad].
        """
        self._arm, self._settings, self._posture = arm, settings, posture
        self._low, self._high = np.array(settings.box_low), np.array(settings.box_high)
        self._wanted = np.zeros(3)
        self._executed = np.zeros(3)
        self._scale = 1.0
        self._until = 0.0
        self.reference = np.zeros(3)

    def anchor(self, now: float, point: Array) -> None:
        """Begin a motion here, from rest."""
        self._until = now
        self.reference = np.minimum(np.maximum(point, self._low), self._high)
        self._wanted, self._executed, self._scale = np.zeros(3), np.zeros(3), 1.0

    def command(self, sent: float, velocity: Sequence[float]) -> None:
        """Set the hand's velocity from the moment it was sent, shape (3,) [m/s]; capped."""
        self._advance(sent)
        self._wanted = capped(np.array(velocity, dtype=np.float64), self._settings.speed)

    def _braked(self, velocity: Array, point: Array) -> Array:
        """Return a velocity that can end inside the box within the stop time."""
        gain = 1.0 / self._settings.stop_time
        return np.minimum(np.maximum(velocity, gain * (self._low - point)),
                          gain * (self._high - point))

    def _advance(self, until: float) -> Array:
        """Move the reference to where it is at that time; return its velocity.

        A command that was sent before the last tick takes back what the one before it moved since.
        """
        velocity: Array = self._braked(self._wanted, self.reference) * self._scale
        self.reference = self.reference + velocity * (until - self._until)
        self._until = until
        return velocity

    def speeds(self, now: float, point: Array, rotation: Array, jacobian: Array, joints: Array,
               period: float) -> Array:
        """Advance by one tick and return joint speeds. Shape (7,) [rad/s].

        Args:
            now: [s].
            point: where the tool point is, shape (3,) [m].
            rotation: base_R_tool, shape (3, 3).
            jacobian: of the tool point, shape (6, 7).
            joints: angles, shape (7,) [rad].
            period: since the last tick [s].
        """
        settings = self._settings
        velocity = self._advance(now)
        self.reference = point + capped(self.reference - point, LEAD)
        linear = velocity + POSITION_GAIN * (self.reference - velocity * period - point)
        linear = capped(self._braked(linear, point), settings.speed)
        change = capped(linear - self._executed, settings.acceleration * period)
        self._executed = self._executed + change
        turn = capped(ROTATION_GAIN * rotation_error(TOOL_DOWN, rotation), settings.angular_speed)
        pull = POSTURE_GAIN * (self._posture - joints)
        twist = np.concatenate((self._executed, turn)) - jacobian @ pull
        speeds = least_squares(jacobian, twist, DAMPING) + pull
        self._scale = joint_scale(speeds, joints, self._arm, settings)
        return speeds * self._scale
