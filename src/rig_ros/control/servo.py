"""Hand velocity to joint speeds: a moving reference, feed-forward, and the tool held down.

Pure numpy; the caller supplies the hand's pose and Jacobian (from MuJoCo, or from a `Chain`) and
applies the joint speeds. The same rules as the robot's side process:

- the reference r moves by the commanded velocity from the *previous reference*, clipped to the
  workspace box before use, so that errors do not add up; it re-anchors where the hand is when it
  leads by more than 3 cm;
- v = r' + 4 (r - x), capped; omega turns the hand back to tool down;
- damped least squares, plus a pull of the free elbow towards a posture;
- the whole vector of joint speeds is scaled to the limits, never single joints.

Frame `base`, metres, radians, seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_ros.control.kinematics import (
    MAX_VELOCITY,
    TOOL_DOWN,
    Array,
    damped_least_squares,
    rotation_error,
)
from rig_ros.settings import require


@dataclass(frozen=True)
class ServoLimits:
    """What the servo never exceeds, and its gains."""

    cartesian_speed: float = 0.30
    """Cap of the hand's speed [m/s]."""
    angular_speed: float = 0.5
    """Cap of the hand's turning speed [rad/s]."""
    joint_fraction: float = 0.25
    """Part of the URDF's joint speeds that may be used."""
    position_gain: float = 4.0
    """Pull of the hand to the reference [1/s]."""
    rotation_gain: float = 2.0
    """Pull of the hand to tool down [1/s]."""
    posture_gain: float = 2.0
    """Pull of the free elbow to the posture [1/s]."""
    reanchor_distance: float = 0.03
    """The reference never leads by more than this [m]."""
    settle_time: float = 0.1
    """After a stop the reference follows the hand for this long, so that nothing pulls it back
    over the way it ran on [s]."""
    damping: float = 0.01
    """Of the least squares. A tenth of the smallest singular value met in the workspaces: more
    would let the pull of the elbow move the hand."""

    def __post_init__(self) -> None:
        require(0 < self.cartesian_speed <= 0.30, 'cartesian_speed', self.cartesian_speed,
                '0 to 0.30 m/s')
        require(0 < self.joint_fraction <= 1, 'joint_fraction', self.joint_fraction, '0 to 1')


ROBOT_LIMITS = ServoLimits(cartesian_speed=0.10)
"""A physical arm's defaults."""
SIMULATION_LIMITS = ServoLimits(joint_fraction=0.75)
"""The published tasks move 2 cm per axis and step at 10 Hz (0.28 m/s on the diagonal), which takes
more than a quarter of the joint speeds."""


@dataclass(frozen=True)
class ServoState:
    """What a servo carries from tick to tick."""

    reference: Array
    """Shape (3,) [m]."""
    velocity: Array
    """Shape (3,) [m/s]."""
    settle_left: float
    """How long the reference still follows the hand [s]."""


def _capped(vector: Array, limit: float) -> Array:
    length = math.sqrt(vector @ vector)
    return vector * (limit / length) if length > limit else vector


class CartesianServo:
    """Tracks a commanded hand velocity inside a box; one instance per arm."""

    def __init__(self, low: npt.ArrayLike, high: npt.ArrayLike, posture: npt.ArrayLike,
                 limits: ServoLimits = ROBOT_LIMITS) -> None:
        """Make a servo at rest; call `anchor` before the first `joint_speeds`.

        Args:
            low: corner of the box the reference stays in, shape (3,) [m].
            high: the other corner; equal bounds hold an axis.
            posture: joint angles the free elbow is pulled to, shape (7,) [rad].
            limits: caps and gains.
        """
        self._low, self._high = np.array(low, np.float64), np.array(high, np.float64)
        self._posture = np.array(posture, np.float64)
        self._limits = limits
        self._use_per_speed = 1.0 / (MAX_VELOCITY * limits.joint_fraction)
        self._velocity = np.zeros(3)
        self._settle_left = 0.0
        self.reference = self._inside(np.zeros(3))

    def _inside(self, position: Array) -> Array:
        """Return the nearest point of the box; np.clip is slower on three numbers."""
        nearest: Array = np.minimum(np.maximum(position, self._low), self._high)
        return nearest

    def anchor(self, position: npt.ArrayLike) -> None:
        """Put the reference where the hand is (inside the box) and forget the velocity."""
        self._velocity = np.zeros(3)
        self._settle_left = 0.0
        self.reference = self._inside(np.asarray(position, np.float64))

    def command(self, velocity: npt.ArrayLike, position: npt.ArrayLike) -> None:
        """Set the hand velocity from now on; a stop drops the lead of the reference.

        Args:
            velocity: shape (3,) [m/s]; capped.
            position: where the hand is, shape (3,) [m].

        Raises:
            ConfigError: not three finite numbers.
        """
        wanted = np.asarray(velocity, np.float64)
        require(wanted.shape == (3,) and bool(np.isfinite(wanted).all()), 'velocity', velocity,
                '3 finite numbers [m/s]')
        if self._velocity.any() and not wanted.any():
            self.anchor(position)
            self._settle_left = self._limits.settle_time
        self._velocity = _capped(wanted, self._limits.cartesian_speed)

    def state(self) -> ServoState:
        """Return what `restore` needs to come back to this moment."""
        return ServoState(self.reference.copy(), self._velocity.copy(), self._settle_left)

    def restore(self, state: ServoState) -> None:
        """Go back to a saved moment."""
        self.reference, self._velocity = state.reference.copy(), state.velocity.copy()
        self._settle_left = state.settle_left

    def joint_speeds(self, position: Array, rotation: Array, jacobian: Array, joints: Array,
                     period: float) -> Array:
        """Advance the reference by one tick and return joint speeds. Shape (7,) [rad/s].

        Args:
            position: hand, shape (3,) [m].
            rotation: base_R_hand, shape (3, 3).
            jacobian: of the hand, shape (6, 7).
            joints: angles, shape (7,) [rad].
            period: length of the tick [s].
        """
        limits = self._limits
        lead = self.reference - position
        settling = self._settle_left > 0.0 and not self._velocity.any()
        self._settle_left -= period
        if settling or lead @ lead > limits.reanchor_distance ** 2:
            self.reference = self._inside(position)
        before = self.reference
        self.reference = self._inside(before + self._velocity * period)
        feed_forward = (self.reference - before) / period
        pull_back = limits.position_gain * _capped(before - position, limits.reanchor_distance)
        linear = _capped(feed_forward + pull_back, limits.cartesian_speed)
        angular = _capped(limits.rotation_gain * rotation_error(TOOL_DOWN, rotation),
                          limits.angular_speed)
        pull = limits.posture_gain * (self._posture - joints)
        twist = np.concatenate((linear, angular)) - jacobian @ pull
        speeds = damped_least_squares(jacobian, twist, limits.damping) + pull
        excess = float((np.abs(speeds) * self._use_per_speed).max())
        if excess > 1.0:
            speeds /= excess
        return speeds
