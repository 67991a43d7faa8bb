"""The fake robot behaves as the facts about the real one say, and fails as it is told to."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rig_ros.arm_side.kinematics import Arm
from rig_ros.control import task as tasks
from rig_ros.control.kinematics import JOINT_NAMES
from rig_ros.errors import ConfigError
from rig_ros.simulation.fake_robot.robot import LIMB, VELOCITY, FakeRobot

COMMAND = LIMB + 'joint_command'


@pytest.fixture
def robot() -> FakeRobot:
    made = FakeRobot(tasks.load('reach_xy'), calibration_m=0.004)
    made.advance(1.0)
    made.publish('/robot/set_super_enable', {'data': True})
    return made


def command(robot: FakeRobot, speed: float = 0.2) -> None:
    robot.publish(COMMAND, {'names': list(JOINT_NAMES), 'mode': VELOCITY,
                            'velocity': [speed] + [0.0] * 6})


def speed(robot: FakeRobot) -> float:
    return robot.fast_messages()['/robot/joint_states']['velocity'][1]


def moving(robot: FakeRobot) -> FakeRobot:
    for _ in range(20):
        command(robot)
        robot.advance(robot.now + 0.0101)
    assert speed(robot) == pytest.approx(0.2, abs=0.02)
    return robot


def test_its_own_time_out_ends_a_motion(robot: FakeRobot):
    moving(robot)
    robot.advance(robot.now + 0.15)
    assert speed(robot) == pytest.approx(0.2, abs=0.02)
    robot.advance(robot.now + 0.15)
    assert abs(speed(robot)) < 0.02


@pytest.mark.parametrize('knobs', [{'estop': True}, {'restart': 1.0}])
def test_brakes_when_it_is_no_longer_enabled(robot: FakeRobot, knobs: dict):
    moving(robot)
    robot.turn(**knobs)
    robot.advance(robot.now + 0.1)
    command(robot)
    robot.advance(robot.now + 0.1)
    robot.turn(estop=False)
    robot.advance(robot.now + 0.01)
    assert abs(robot.truth[-1][4]) < 1e-3


def test_a_stop_needs_a_reset_before_it_is_enabled(robot: FakeRobot):
    robot.turn(estop=True)
    robot.publish('/robot/set_super_reset', {})
    assert robot.assembly()['estop_button'] == 1
    robot.turn(estop=False)
    robot.publish('/robot/set_super_enable', {'data': True})
    assert (robot.assembly()['estop_button'], robot.assembly()['enabled']) == (3, False)
    robot.publish('/robot/set_super_reset', {})
    robot.publish('/robot/set_super_enable', {'data': True})
    assert (robot.assembly()['estop_button'], robot.assembly()['enabled']) == (0, True)


@pytest.mark.parametrize(('knobs', 'connections'), [({'commands_lost': True}, 1),
                                                    ({'wrong_ip': True}, 0)])
def test_commands_vanish_without_an_error(robot: FakeRobot, knobs: dict, connections: int):
    robot.turn(**knobs)
    command(robot)
    robot.advance(robot.now + 0.1)
    assert abs(speed(robot)) < 1e-3
    assert robot.connections == connections


def test_topics_fall_silent(robot: FakeRobot):
    robot.turn(drop=['joint_states', 'state'])
    assert '/robot/joint_states' not in robot.fast_messages()
    assert robot.assembly() is None


def test_a_limb_may_be_half_built(robot: FakeRobot):
    assert robot.parameter('/robot_config/right_config/joint_names') == list(JOINT_NAMES)
    robot.turn(half_built=True)
    assert robot.parameter('/robot_config/right_config/joint_names') is None


def test_its_endpoint_state_is_not_quite_its_description(robot: FakeRobot):
    arm = Arm(robot.parameter('/robot_description'))
    pose = robot.fast_messages()[LIMB + 'endpoint_state']['pose']['position']
    joints = np.array(robot.fast_messages()['/robot/joint_states']['position'][1:8])
    gap = arm.frames(joints)[1][:3, 3] - [pose['x'], pose['y'], pose['z']]
    assert np.linalg.norm(gap) == pytest.approx(0.004, abs=1e-4)


def test_an_unknown_knob_is_named(robot: FakeRobot):
    with pytest.raises(ConfigError, match='colission'):
        robot.turn(colission=True)
    with pytest.raises(ConfigError, match='master'):
        robot.turn(master='asleep')


def test_its_process_ends_with_the_one_that_started_it(tmp_path: Path):
    path = tmp_path / 'r'
    program = ('import sys, time, pathlib\n'
               'from rig_ros.simulation.fake_robot.launch import FakeRobotProcess\n'
               f'robot = FakeRobotProcess(pathlib.Path({str(path)!r}))\n'
               'print(robot._process.pid, flush=True)\n'
               'time.sleep(60)\n')
    with subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        robot = Path('/proc') / starter.stdout.readline().decode().strip()
        assert robot.exists()
        starter.kill()
    deadline = time.monotonic() + 20.0
    while robot.exists() and ' Z ' not in (robot / 'stat').read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
