"""The side process with the real rospy and SDK, on a master of its own, fake robot behind.

Runs where RIG_ROS1_PATH names what a sourced catkin workspace puts on PYTHONPATH (the SDK and
intera_core_msgs); RIG_ROS1_PYTHON is the interpreter, /usr/bin/python3 if not given.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from arm_client import UNHURRIED, ArmClient, SideProcess

from rig_ros.simulation.fake_robot.launch import FakeRobotProcess, environment_without_ros

WORKSPACE = os.environ.get('RIG_ROS1_PATH', '')
PYTHON = os.environ.get('RIG_ROS1_PYTHON', '/usr/bin/python3')
BRIDGE = Path(__file__).parents[1] / 'support' / 'ros1_bridge.py'
MASTER = 'import sys, rosmaster; rosmaster.rosmaster_main()'

pytestmark = pytest.mark.skipif(not WORKSPACE, reason='RIG_ROS1_PATH names no SDK workspace')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


class RealRos:
    """A master, and the fake robot on it."""

    def __init__(self, folder: Path, robot: FakeRobotProcess) -> None:
        port = free_port()
        self.environment = {
            'PYTHONPATH': WORKSPACE, 'ROS_MASTER_URI': f'http://127.0.0.1:{port}',
            'ROS_IP': '127.0.0.1', 'ROS_LOG_DIR': str(folder)}
        common = {'env': {**environment_without_ros(), **self.environment},
                  'start_new_session': True, 'stdout': subprocess.DEVNULL}
        self.master = subprocess.Popen([PYTHON, '-c', MASTER, '--core', '-p', str(port)],
                                       **common)  # type: ignore[call-overload]
        self.bridge = subprocess.Popen([PYTHON, str(BRIDGE), str(robot.path)],
                                       **common)  # type: ignore[call-overload]

    def close(self) -> None:
        for process in (self.bridge, self.master):
            process.kill()
            process.wait()


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[FakeRobotProcess]:
    with FakeRobotProcess(tmp_path / 'r') as made:
        yield made


@pytest.fixture
def side(robot: FakeRobotProcess, tmp_path: Path) -> Iterator[tuple[SideProcess, RealRos]]:
    ros = RealRos(tmp_path, robot)
    try:
        made = SideProcess(tmp_path, robot, UNHURRIED, python=PYTHON, environment=ros.environment)
        try:
            made.wait_for_socket(60.0)
            yield made, ros
        finally:
            made.close()
    finally:
        ros.close()


def test_the_real_sdk_drives_the_arm(side: tuple[SideProcess, RealRos], robot: FakeRobotProcess):
    client = ArmClient(side[0].socket)
    client.enable()
    assert client.state is not None
    assert client.state.connections == 1
    robot.turn(place=[0.6, 0.0, 0.1])
    reply = client.request('home', position=[0.62, 0.05, 0.1])
    assert reply.ok, reply.message
    assert robot.truth()['trace'][-1][1:4] == pytest.approx((0.62, 0.05, 0.1), abs=5e-3)
    client.move((0.0, 0.0, 0.0), 0.1)
    client.move((0.0, -0.05, 0.0), 1.0)
    assert client.state.mode == 'SERVO'
    assert robot.truth()['trace'][-1][2] < 0.03
    assert client.request('stop').ok
    client.until_mode('ESTOP')
    assert client.request('reset').ok
    client.until_mode('DISABLED')


def test_a_master_that_dies_ends_the_process(side: tuple[SideProcess, RealRos]):
    process, ros = side
    client = ArmClient(process.socket, 'watcher')
    client.until_mode('DISABLED')
    time.sleep(1.5)  # the first answer of the master
    ros.master.kill()
    assert process.process.wait(30.0) == 4
