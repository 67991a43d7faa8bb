"""The nominal Sawyer against published figures, finite differences and itself."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.control import kinematics
from rig_ros.control.kinematics import LOWER, NEUTRAL, TOOL_DOWN, TOOL_LENGTH, UPPER, Chain
from rig_ros.errors import ConfigError, SafetyViolation


def random_poses(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(LOWER, UPPER, (count, 7))


def test_neutral_pose_is_where_the_robot_reports_it() -> None:
    position, rotation = Chain().forward(NEUTRAL)
    np.testing.assert_allclose(position, [0.4496, 0.1603, 0.2158], atol=1e-4)
    np.testing.assert_allclose(rotation, TOOL_DOWN, atol=1e-3)
    quaternion_xyzw = np.array([rotation[0, 1] + rotation[1, 0], 1 + rotation[1, 1]
                                - rotation[0, 0] - rotation[2, 2]])
    quaternion_xyzw /= 2 * np.sqrt(quaternion_xyzw[1])
    np.testing.assert_allclose(quaternion_xyzw, [0.7071, 0.7071], atol=5e-4)


def test_published_reset_pose() -> None:
    """The RIG authors' reset angles; their logged pose is 6 mm away (their calibration)."""
    angles = [0.1526, 0.9144, -2.0259, 1.6648, -2.4172, 1.1500, -2.4770]
    position, _ = Chain().forward(angles)
    np.testing.assert_allclose(position, [0.7091, 0.0486, 0.3472], atol=1e-4)


def test_jacobian_is_the_derivative_of_forward() -> None:
    chain, step, worst = Chain(TOOL_LENGTH), 1e-6, 0.0
    for joints in random_poses(1000):
        jacobian = chain.jacobian(joints)
        _, rotation = chain.forward(joints)
        for i in range(7):
            delta = np.zeros(7)
            delta[i] = step
            ahead, turned = chain.forward(joints + delta)
            behind, turned_back = chain.forward(joints - delta)
            linear = (ahead - behind) / (2 * step)
            spin = (turned - turned_back) / (2 * step) @ rotation.T
            angular = [spin[2, 1], spin[0, 2], spin[1, 0]]
            worst = max(worst, float(np.abs(jacobian[:, i] - [*linear, *angular]).max()))
    assert worst < 1e-8


def test_tool_moves_the_point_along_the_hand() -> None:
    bare, rotation = Chain().forward(NEUTRAL)
    tipped, _ = Chain(0.1).forward(NEUTRAL)
    np.testing.assert_allclose(tipped, bare + 0.1 * rotation[:, 2], atol=1e-12)


def test_damped_least_squares_gives_the_twist_away_from_singular_poses() -> None:
    jacobian = Chain().jacobian(NEUTRAL)
    twist = np.array([0.1, -0.05, 0.02, 0.1, 0.0, -0.1])
    speeds = kinematics.damped_least_squares(jacobian, twist, 1e-6)
    np.testing.assert_allclose(jacobian @ speeds, twist, atol=1e-8)


def test_damped_least_squares_stays_small_near_a_singular_pose() -> None:
    stretched = Chain().jacobian(np.zeros(7))
    speeds = kinematics.damped_least_squares(stretched, [0.1, 0, 0, 0, 0, 0])
    assert np.abs(speeds).max() < 0.1 / (2 * 0.03) + 1e-9


@pytest.mark.parametrize('angle', [0.01, 1.0, 3.0])
def test_rotation_error_points_from_rotation_to_reference(angle: float) -> None:
    c, s = np.cos(angle), np.sin(angle)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    error = kinematics.rotation_error(about_z @ TOOL_DOWN, TOOL_DOWN)
    np.testing.assert_allclose(error, [0, 0, np.sin(angle)], atol=1e-12)


def test_solved_pose_reaches_the_point_with_the_tool_down() -> None:
    chain = Chain(TOOL_LENGTH)
    for target in ([0.55, -0.2, 0.055], [0.75, 0.2, 0.3], [0.5, 0.0, 0.02]):
        joints = kinematics.solve_pose(chain, target)
        position, rotation = chain.forward(joints)
        np.testing.assert_allclose(position, target, atol=1e-4)
        np.testing.assert_allclose(rotation, TOOL_DOWN, atol=1e-4)
        assert (joints > LOWER).all()
        assert (joints < UPPER).all()


def test_solved_pose_does_not_depend_on_the_seed() -> None:
    chain = Chain(TOOL_LENGTH)
    near = kinematics.solve_pose(chain, [0.65, 0.1, 0.1], posture=NEUTRAL)
    start = kinematics.solve_pose(chain, [0.55, -0.2, 0.3])
    far = kinematics.solve_pose(chain, [0.65, 0.1, 0.1], seed=start, posture=NEUTRAL)
    np.testing.assert_allclose(near, far, atol=2e-3)


def test_unreachable_point_is_refused_with_the_next_step() -> None:
    with pytest.raises(SafetyViolation, match=r'1\.5.*choose a nearer one'):
        kinematics.solve_pose(Chain(), [1.5, 0.0, 0.2])


@pytest.mark.parametrize('joints', [np.zeros(6), [np.nan] * 7, [[0.0] * 7]])
def test_bad_joints_are_refused(joints: object) -> None:
    with pytest.raises(ConfigError, match='7 finite angles'):
        Chain().forward(joints)  # type: ignore[arg-type]


def test_limits_cannot_be_overwritten() -> None:
    with pytest.raises(ValueError, match='read-only'):
        UPPER[0] = 9.0
