"""What any arm must do, simulated or real: four methods, one state. No ROS.

Positions in metres, angles in radians, frame `base` (x forward, y left, z up). An adapter for the
simulation is `rig_ros.simulation.robot`; the arm's is built on its driver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class RobotState:
    """Where the arm is at one moment; arrays are copies."""

    hand_position: Vector
    """Of the hand in `base` [m], shape (3,)."""
    hand_rotation: Vector
    """base_R_hand, shape (3, 3)."""
    joint_positions: Vector
    """right_j0 to right_j6 [rad], shape (7,)."""
    joint_velocities: Vector
    """[rad/s], shape (7,)."""
    joint_efforts: Vector
    """[Nm], shape (7,)."""


class Robot(Protocol):
    """An arm that takes hand velocities. It stops by itself when commands stop."""

    def state(self) -> RobotState:
        """Return the newest state."""

    def send_twist(self, velocity: Vector) -> Vector:
        """Move the hand with that velocity, tool held down, until the command times out.

        Args:
            velocity: of the hand in `base` [m/s], shape (3,).

        Returns:
            The velocity the arm really executes after its own limits [m/s], shape (3,).

        Raises:
            SafetyViolation: a component is not finite.
        """

    def reset(self) -> None:
        """Bring the hand to the task's reset position and stand still there."""

    def stop(self) -> None:
        """Stand still now."""


def rotation_to_quaternion(rotation: Vector) -> tuple[float, float, float, float]:
    """Return a rotation matrix, shape (3, 3), as the quaternion (x, y, z, w) with w >= 0."""
    r = rotation
    squares = np.array([1 + r[0, 0] - r[1, 1] - r[2, 2], 1 - r[0, 0] + r[1, 1] - r[2, 2],
                        1 - r[0, 0] - r[1, 1] + r[2, 2], 1 + r[0, 0] + r[1, 1] + r[2, 2]])
    largest = int(squares.argmax())
    products = np.array([
        [squares[0], r[1, 0] + r[0, 1], r[0, 2] + r[2, 0], r[2, 1] - r[1, 2]],
        [r[1, 0] + r[0, 1], squares[1], r[2, 1] + r[1, 2], r[0, 2] - r[2, 0]],
        [r[0, 2] + r[2, 0], r[2, 1] + r[1, 2], squares[2], r[1, 0] - r[0, 1]],
        [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], squares[3]]])
    q = products[largest] / (2 * np.sqrt(squares[largest]))
    q = -q if q[3] < 0 else q
    return float(q[0]), float(q[1]), float(q[2]), float(q[3])
