"""The nominal Sawyer as a chain of joints: forward kinematics, Jacobian, damped least squares.

Numbers are the nominal URDF's (RethinkRobotics/sawyer_robot). A real robot publishes its own
calibrated `/robot_description`, 2 to 2.5 mm away from this one: build a `Chain` from that one
there. Frame `base`, metres, radians; quantities of the hand are those of `right_hand` unless a
tool is given.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rig_ros.errors import SafetyViolation
from rig_ros.settings import require

Array = npt.NDArray[np.float64]

JOINT_NAMES = tuple(f'right_j{i}' for i in range(7))
LOWER = np.array([-3.0503, -3.8095, -3.0426, -3.0439, -2.9761, -2.9761, -4.7124])
"""Lower joint limits [rad]."""
UPPER = np.array([3.0503, 2.2736, 3.0426, 3.0439, 2.9761, 2.9761, 4.7124])
"""Upper joint limits [rad]."""
MAX_VELOCITY = np.array([1.74, 1.328, 1.957, 1.957, 3.485, 3.485, 4.545])
"""Joint speed limits [rad/s]."""
MAX_EFFORT = np.array([80.0, 80.0, 40.0, 40.0, 9.0, 9.0, 9.0])
"""Joint torque limits [N m]."""
NEUTRAL = np.array([0.0, -1.18, 0.0, 2.18, 0.0, 0.57, 3.3161])
"""Rethink's neutral pose [rad]; the hand points down."""
TOOL_DOWN = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
"""Rotation base_R_hand of the hand at the neutral pose: quaternion xyzw (.7071, .7071, 0, 0)."""
TOOL_LENGTH = 0.145
"""From right_hand along its z to the point called `hand` everywhere [m]."""

_HALF_PI = np.pi / 2
ORIGINS: tuple[tuple[tuple[float, float, float], tuple[float, float, float]], ...] = (
    ((0.0, 0.0, 0.08), (0.0, 0.0, 0.0)),
    ((0.081, 0.05, 0.237), (-_HALF_PI, _HALF_PI, 0.0)),
    ((0.0, -0.14, 0.1425), (_HALF_PI, 0.0, 0.0)),
    ((0.0, -0.042, 0.26), (-_HALF_PI, 0.0, 0.0)),
    ((0.0, -0.125, -0.1265), (_HALF_PI, 0.0, 0.0)),
    ((0.0, 0.031, 0.275), (-_HALF_PI, 0.0, 0.0)),
    ((0.0, -0.11, 0.1053), (-_HALF_PI, -0.17453, 3.1416)),
)
HAND = ((0.0, 0.0, 0.0245), (0.0, 0.0, _HALF_PI))

for _constant in (LOWER, UPPER, MAX_VELOCITY, MAX_EFFORT, NEUTRAL, TOOL_DOWN):
    _constant.setflags(write=False)


def transform(xyz: tuple[float, float, float], rpy: tuple[float, float, float]) -> Array:
    """Return the homogeneous transform of a URDF origin. Shape (4, 4).

    Args:
        xyz: translation [m].
        rpy: roll, pitch, yaw about the fixed axes x, y, z [rad].
    """
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    result = np.eye(4)
    result[:3, :3] = [[cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
                      [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
                      [-sp, cp * sr, cp * cr]]
    result[:3, 3] = xyz
    return result


class Chain:
    """Seven revolute joints, each turning about its own z, and a fixed hand."""

    def __init__(self, tool_length: float = 0.0) -> None:
        """Build the nominal arm.

        Args:
            tool_length: distance of the controlled point from right_hand along its z [m].
        """
        require(0.0 <= tool_length <= 0.5, 'tool_length', tool_length, '0 to 0.5 m')
        self._parents = [transform(xyz, rpy) for xyz, rpy in ORIGINS]
        self._hand = transform(*HAND) @ transform((0.0, 0.0, tool_length), (0.0, 0.0, 0.0))

    def _frames(self, joints: npt.ArrayLike) -> tuple[Array, Array]:
        """Return base_T_joint of every joint, shape (7, 4, 4), and base_T_hand, shape (4, 4)."""
        q = np.asarray(joints, dtype=np.float64)
        require(q.shape == (7,) and bool(np.isfinite(q).all()), 'joints', joints,
                '7 finite angles [rad]')
        frames = np.empty((7, 4, 4))
        base_T_link = np.eye(4)
        for i, (parent_T_joint, angle) in enumerate(zip(self._parents, q)):
            base_T_link = base_T_link @ parent_T_joint
            c, s = np.cos(angle), np.sin(angle)
            x, y = base_T_link[:, 0].copy(), base_T_link[:, 1].copy()
            base_T_link[:, 0], base_T_link[:, 1] = c * x + s * y, c * y - s * x
            frames[i] = base_T_link
        return frames, base_T_link @ self._hand

    def forward(self, joints: npt.ArrayLike) -> tuple[Array, Array]:
        """Return the hand's position (3,) [m] and rotation base_R_hand (3, 3).

        Args:
            joints: seven angles, right_j0 to right_j6 [rad].
        """
        _, base_T_hand = self._frames(joints)
        return base_T_hand[:3, 3].copy(), base_T_hand[:3, :3].copy()

    def jacobian(self, joints: npt.ArrayLike) -> Array:
        """Return the geometric Jacobian: joint speeds to hand twist [v; omega], frame `base`.

        Args:
            joints: seven angles [rad].

        Returns:
            Shape (6, 7): rows 0 to 2 in m/s, rows 3 to 5 in rad/s, per rad/s.
        """
        frames, base_T_hand = self._frames(joints)
        axes = frames[:, :3, 2]
        arms = base_T_hand[:3, 3] - frames[:, :3, 3]
        return np.vstack([np.cross(axes, arms).T, axes.T])


def damped_least_squares(jacobian: Array, twist: npt.ArrayLike, damping: float = 0.03) -> Array:
    """Return joint speeds that best give a twist, small near singular poses.

    Solves J^T (J J^T + damping^2 I)^-1 twist.

    Args:
        jacobian: shape (6, n).
        twist: [v; omega], shape (6,) [m/s, rad/s].
        damping: larger is smoother and less exact.

    Returns:
        Shape (n,) [rad/s].
    """
    gram = jacobian @ jacobian.T
    gram.flat[::gram.shape[0] + 1] += damping * damping
    result: Array = jacobian.T @ np.linalg.solve(gram, np.asarray(twist, dtype=np.float64))
    return result


def rotation_error(reference: Array, rotation: Array) -> Array:
    """Return sin(angle) * axis of the turn from `rotation` to `reference`. Shape (3,).

    Equals the rotation vector for small angles and never points the wrong way below 180 degrees.
    """
    (_, xy, xz), (yx, _, yz), (zx, zy, _) = (reference @ rotation.T).tolist()
    return np.array([zy - yz, xz - zx, yx - xy]) / 2


def solve_pose(chain: Chain, position: npt.ArrayLike, seed: npt.ArrayLike = NEUTRAL,
               posture: npt.ArrayLike | None = None, tolerance: float = 1e-5) -> Array:
    """Return joint angles that hold the hand at a position, pointing down.

    The free elbow goes to where it is nearest to `posture`, so that one position gives one pose
    whatever the seed.

    Args:
        chain: the arm.
        position: wanted hand position (3,) [m].
        seed: where the search starts [rad].
        posture: preferred angles [rad]; the seed if not given.
        tolerance: largest error left [m, rad].

    Raises:
        SafetyViolation: when the position cannot be reached inside the joint limits.
    """
    target = np.asarray(position, dtype=np.float64)
    q = np.array(seed, dtype=np.float64)
    preferred = q.copy() if posture is None else np.asarray(posture, dtype=np.float64)
    for _ in range(300):
        hand, rotation = chain.forward(q)
        error = np.concatenate([target - hand, rotation_error(TOOL_DOWN, rotation)])
        jacobian = chain.jacobian(q)
        pull = 0.5 * (preferred - q)
        step = damped_least_squares(jacobian, error - jacobian @ pull, 1e-3) + pull
        step *= min(1.0, 0.2 / max(float(np.abs(step).max()), 1e-12))
        q = np.clip(q + step, LOWER, UPPER)
        if np.abs(error).max() < tolerance and np.abs(step).max() < 10 * tolerance:
            return q
    raise SafetyViolation(
        f'hand position {np.round(target, 3).tolist()}: no joint angles found that reach it with '
        f'the tool down (left over {np.abs(error).max():.4f}); allowed: points about 0.45 to '
        '0.80 m in front of the base; choose a nearer one')
