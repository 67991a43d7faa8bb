"""The arm as its own `/robot_description` tells it: poses, Jacobian, solving a pose.

Robots are calibrated: the description of one differs from the nominal arm by 2 to 2.5 mm. Frame
`base`, metres, radians, numpy only. The tool points down when base_R_tool is `TOOL_DOWN`.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

JOINT_NAMES = tuple(f'right_j{i}' for i in range(7))
TOOL_DOWN = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
NEUTRAL = np.array([0.0, -1.18, 0.0, 2.18, 0.0, 0.57, 3.3161])
"""Rethink's neutral pose: where the search for a pose starts when nothing better is known."""


class DescriptionError(ValueError):
    """Raised when a robot description is not that of a seven-joint Sawyer arm."""


class PoseError(ValueError):
    """Raised when a position cannot be reached with the tool down."""


def transform(xyz: Sequence[float], rpy: Sequence[float]) -> Array:
    """Return the homogeneous transform of a URDF origin [m, rad]. Shape (4, 4)."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    result = np.eye(4)
    result[:3, :3] = [[cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
                      [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
                      [-sp, cp * sr, cp * cr]]
    result[:3, 3] = xyz
    return result


def _numbers(element: ET.Element | None, name: str, default: str) -> list[float]:
    text = default if element is None else element.get(name, default)
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != len(default.split()) or not all(map(math.isfinite, numbers)):
        raise DescriptionError(f'robot description: {name} is {text!r}, allowed: like {default!r}')
    return numbers


class Arm:
    """Seven revolute joints, each about its own z, and a tool beyond the last link."""

    def __init__(self, description: str, link: str = 'right_hand',
                 tool_length: float = 0.0) -> None:
        """Read a robot description.

        Args:
            description: URDF, as the parameter `/robot_description` holds it.
            link: the last link; the robot's endpoint state must be that link's.
            tool_length: of the controlled point beyond the link along its z [m].

        Raises:
            DescriptionError: no URDF, or no chain of right_j0 to right_j6 from `base` to the link.
        """
        try:
            root = ET.fromstring(description)
        except (ET.ParseError, ValueError) as error:
            raise DescriptionError(f'robot description: not XML ({error})') from None
        above = {child.get('link', ''): joint for joint in root.iter('joint')
                 for child in joint.findall('child')}
        path: list[ET.Element] = []
        at = link
        while at != 'base':
            if at not in above or len(path) > 50:
                raise DescriptionError(f'robot description: no way from base to {link!r}; set '
                                       'endpoint_link to a link of this robot')
            path.insert(0, above[at])
            parent = above[at].find('parent')
            at = '' if parent is None else parent.get('link', '')
        parents: list[Array] = []
        lower, upper, speed, names = [], [], [], []
        pending = np.eye(4)
        for joint in path:
            origin = joint.find('origin')
            pending = pending @ transform(_numbers(origin, 'xyz', '0 0 0'),
                                          _numbers(origin, 'rpy', '0 0 0'))
            if joint.get('type') == 'fixed':
                continue
            names.append(joint.get('name', ''))
            if _numbers(joint.find('axis'), 'xyz', '1 0 0') != [0.0, 0.0, 1.0]:
                raise DescriptionError(f'robot description: {names[-1]} does not turn about z')
            limit = joint.find('limit')
            lower += _numbers(limit, 'lower', '0')
            upper += _numbers(limit, 'upper', '0')
            speed += _numbers(limit, 'velocity', '0')
            parents.append(pending)
            pending = np.eye(4)
        if tuple(names) != JOINT_NAMES:
            raise DescriptionError(f'robot description: joints {names}, allowed: '
                                   f'{list(JOINT_NAMES)}')
        self._parents = np.array(parents)
        self._link = pending
        self._tool = np.array([0.0, 0.0, tool_length])
        self.lower, self.upper = np.array(lower), np.array(upper)
        self.max_speed = np.array(speed)
        if (self.lower >= self.upper).any() or (self.max_speed <= 0).any():
            raise DescriptionError('robot description: a joint has no range or no speed limit')

    def frames(self, joints: Array) -> tuple[Array, Array]:
        """Return base_T_joint, shape (7, 4, 4), and base_T_link, shape (4, 4)."""
        cosines, sines = np.cos(joints)[:, None], np.sin(joints)[:, None]
        frames = self._parents.copy()  # first each in its parent, then in the base
        x, y = self._parents[:, :, 0], self._parents[:, :, 1]
        frames[:, :, 0], frames[:, :, 1] = cosines * x + sines * y, cosines * y - sines * x
        for index in range(1, 7):
            frames[index] = frames[index - 1].dot(frames[index])
        return frames, frames[6].dot(self._link)

    def tool_point(self, position: Array, rotation: Array) -> Array:
        """Return where the controlled point is, given the pose of the link. Shape (3,) [m]."""
        point: Array = position + rotation @ self._tool
        return point

    def jacobian(self, frames: Array, point: Array) -> Array:
        """Return joint speeds to [v; omega] of a point of the hand. Shape (6, 7)."""
        axes, arms = frames[:, :3, 2], point - frames[:, :3, 3]
        result = np.empty((6, 7))
        result[0] = axes[:, 1] * arms[:, 2] - axes[:, 2] * arms[:, 1]
        result[1] = axes[:, 2] * arms[:, 0] - axes[:, 0] * arms[:, 2]
        result[2] = axes[:, 0] * arms[:, 1] - axes[:, 1] * arms[:, 0]
        result[3:] = axes.T
        return result

    def lowest(self, joints: Array) -> float:
        """Return the smallest height of elbow, wrist, hand and tool [m]."""
        frames, link = self.frames(joints)
        return float(min(frames[3:, 2, 3].min(), self.tool_point(link[:3, 3], link[:3, :3])[2]))

    def solve(self, position: Sequence[float], seed: Array, posture: Array) -> Array:
        """Return joint angles with the tool point there and the tool down. Shape (7,) [rad].

        Args:
            position: of the tool point, shape (3,) [m].
            seed: where the search starts.
            posture: the free elbow goes where it is nearest to this.

        Raises:
            PoseError: no such angles inside the joint limits.
        """
        joints: Array = np.array(seed)
        target = np.asarray(position, dtype=np.float64)
        error = np.full(6, math.inf)
        for _ in range(150):
            frames, link = self.frames(joints)
            point = self.tool_point(link[:3, 3], link[:3, :3])
            error = np.concatenate((target - point, rotation_error(TOOL_DOWN, link[:3, :3])))
            jacobian = self.jacobian(frames, point)
            pull = 0.5 * (posture - joints)
            step = least_squares(jacobian, error - jacobian @ pull, 1e-3) + pull
            step *= min(1.0, 0.2 / max(float(np.abs(step).max()), 1e-12))
            joints = np.minimum(np.maximum(joints + step, self.lower), self.upper)
            if np.abs(error).max() < 1e-4 and np.abs(step).max() < 1e-3:
                return joints
        raise PoseError(f'hand position {[round(float(p), 3) for p in target]}: no joint angles '
                        f'reach it with the tool down (left over {np.abs(error).max():.3f})')


def least_squares(jacobian: Array, twist: Array, damping: float) -> Array:
    """Return J^T (J J^T + damping^2 I)^-1 twist: joint speeds, tame near singular poses."""
    gram = jacobian @ jacobian.T
    gram.flat[::gram.shape[0] + 1] += damping * damping
    result: Array = jacobian.T @ np.linalg.solve(gram, twist)
    return result


def rotation_error(reference: Array, rotation: Array) -> Array:
    """Return sin(angle) * axis of the turn from `rotation` to `reference`. Shape (3,)."""
    (_, xy, xz), (yx, _, yz), (zx, zy, _) = (reference @ rotation.T).tolist()
    error: Array = np.array([zy - yz, xz - zx, yx - xy]) / 2
    return error


def quaternion_to_rotation(quaternion: Sequence[float]) -> Array:
    """Return the rotation matrix of (x, y, z, w), normalised. Shape (3, 3).

    Raises:
        ValueError: it is not near length 1.
    """
    length = math.sqrt(sum(part * part for part in quaternion))
    if not 0.9 < length < 1.1:
        raise ValueError(f'quaternion: length {length}, allowed: 1')
    x, y, z, w = (part / length for part in quaternion)
    rotation: Array = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])
    return rotation
