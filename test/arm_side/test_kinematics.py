"""Kinematics read from a robot description: against the nominal arm, and against differences."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.arm_side.kinematics import (
    NEUTRAL,
    TOOL_DOWN,
    Arm,
    DescriptionError,
    PoseError,
    quaternion_to_rotation,
    rotation_error,
)
from rig_ros.control.kinematics import LOWER, MAX_VELOCITY, UPPER, Chain
from rig_ros.hardware.robot import rotation_to_quaternion
from rig_ros.simulation.fake_robot.description import urdf

ARM = Arm(urdf(), tool_length=0.145)
CHAIN = Chain(0.145)


def poses(count: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(0.9 * LOWER, 0.9 * UPPER, (count, 7))


@pytest.mark.parametrize('joints', [*poses(20), NEUTRAL])
def test_agrees_with_the_nominal_arm(joints: np.ndarray):
    frames, link = ARM.frames(joints)
    position, rotation = CHAIN.forward(joints)
    point = ARM.tool_point(link[:3, 3], link[:3, :3])
    assert point == pytest.approx(position, abs=1e-9)
    assert link[:3, :3] == pytest.approx(rotation, abs=1e-9)
    assert ARM.jacobian(frames, point) == pytest.approx(CHAIN.jacobian(joints), abs=1e-9)


def test_reads_the_limits():
    assert ARM.lower == pytest.approx(LOWER)
    assert ARM.upper == pytest.approx(UPPER)
    assert ARM.max_speed == pytest.approx(MAX_VELOCITY)


def test_a_calibrated_description_moves_the_hand():
    def hand(arm: Arm) -> np.ndarray:
        return arm.frames(NEUTRAL)[1][:3, 3]
    assert np.linalg.norm(hand(Arm(urdf(0.01))) - hand(ARM)) == pytest.approx(0.01, abs=1e-4)


@pytest.mark.parametrize('target', [(0.5, 0.1, 0.1), (0.7, -0.2, 0.06), (0.6, 0.0, 0.3)])
def test_solves_a_pose_with_the_tool_down(target: tuple[float, float, float]):
    joints = ARM.solve(target, NEUTRAL, NEUTRAL)
    position, rotation = CHAIN.forward(joints)
    assert position == pytest.approx(target, abs=2e-4)
    assert np.abs(rotation_error(TOOL_DOWN, rotation)).max() < 1e-3


def test_says_what_cannot_be_reached():
    with pytest.raises(PoseError, match=r'1\.5'):
        ARM.solve((1.5, 0.0, 0.1), NEUTRAL, NEUTRAL)


@pytest.mark.parametrize(('text', 'part'), [
    ('', 'XML'), ('<robot', 'XML'), ('<robot/>', 'no way'),
    (urdf().replace('right_j3', 'left_j3'), 'left_j3'),
    (urdf().replace('xyz="0 0 1"', 'xyz="1 0 0"'), 'about z'),
    (urdf().replace('velocity="1.74"', 'velocity="0"'), 'speed limit'),
    (urdf().replace('velocity="1.74"', 'velocity="nan"'), 'velocity')])
def test_another_description_is_named(text: str, part: str):
    with pytest.raises(DescriptionError, match=part):
        Arm(text)


def test_quaternions():
    rotation = CHAIN.forward(poses(1)[0])[1]
    assert quaternion_to_rotation(rotation_to_quaternion(rotation)) == pytest.approx(rotation)
    with pytest.raises(ValueError, match='length'):
        quaternion_to_rotation((0.0, 0.0, 0.0, 0.0))
