"""The simulated arm behind the robot protocol."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.control import task as tasks
from rig_ros.errors import SafetyViolation
from rig_ros.hardware.robot import rotation_to_quaternion

mujoco = pytest.importorskip('mujoco')

from rig_ros.simulation.robot import SimulatedRobot
from rig_ros.simulation.world import SawyerWorld

TASK = tasks.load('reach_xy')


@pytest.fixture
def robot():
    world = SawyerWorld(TASK)
    yield SimulatedRobot(world)
    world.close()


def test_twist_moves_and_reset_returns(robot):
    start = robot.state().hand_position
    executed = robot.send_twist(np.array([0.1, 0.0, 0.0]))
    np.testing.assert_allclose(executed, [0.1, 0, 0])
    robot.advance(0.2)
    assert robot.state().hand_position[0] - start[0] > 0.005
    robot.reset()
    np.testing.assert_allclose(robot.state().hand_position, TASK.reset_hand, atol=2e-3)


def test_speed_is_capped_and_what_is_executed_is_told(robot):
    executed = robot.send_twist(np.array([0.3, 0.4, 0.0]))
    np.testing.assert_allclose(executed, [0.18, 0.24, 0.0])


def test_commands_time_out(robot):
    robot.send_twist(np.array([0.1, 0.0, 0.0]))
    robot.advance(0.5)
    held = robot.state().hand_position
    robot.advance(0.5)
    np.testing.assert_allclose(robot.state().hand_position, held, atol=1e-3)


def test_raises_error_and_stops_if_twist_is_not_finite(robot):
    robot.send_twist(np.array([0.1, 0.0, 0.0]))
    with pytest.raises(SafetyViolation, match='the arm was stopped'):
        robot.send_twist(np.array([np.nan, 0.0, 0.0]))
    before = robot.state().hand_position
    robot.advance(0.2)
    np.testing.assert_allclose(robot.state().hand_position, before, atol=2e-3)


def test_state_is_a_copy_with_all_joints(robot):
    state = robot.state()
    assert {len(state.joint_positions), len(state.joint_velocities),
            len(state.joint_efforts)} == {7}
    state.joint_positions[:] = 9.0
    assert not (robot.state().joint_positions == 9.0).any()


@pytest.mark.parametrize('axis', [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0.0, 0.8)])
@pytest.mark.parametrize('angle', [0.0, 0.3, 1.5, 3.1, -2.0])
def test_quaternions_turn_back_into_their_rotation(axis, angle):
    half = angle / 2
    expected = np.append(np.sin(half) * np.array(axis), np.cos(half))
    x, y, z, w = expected
    rotation = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])
    expected = expected if w >= 0 else -expected
    np.testing.assert_allclose(rotation_to_quaternion(rotation), expected, atol=1e-9)
