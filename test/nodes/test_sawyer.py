"""The arm's node over a socket whose other end is the test's: topics, services, refusals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from ros_bench import RosBench
from side_stub import WELCOME, SideStub
from std_srvs.srv import Trigger

from rig_ros.nodes.sawyer import SawyerNode
from rig_ros.ros import topics
from rig_ros.ros.conversions import message_to_values, stamp_ns, to_stamp, velocity_to_twist
from rig_ros.ros.diagnostics import Level

FORWARD = np.array([0.1, 0.0, 0.0])


class Arm:
    """Node, stub and the graph's ends of the wires."""

    def __init__(self, bench: RosBench, folder: Path) -> None:
        self.bench, self.packets = bench, []
        self.stub = SideStub(folder / 'arm.sock')
        self.state: dict[str, Any] = {}
        self.node = bench.add(SawyerNode, side_command='external',
                              socket=str(folder / 'arm.sock'))
        bench.probe.create_timer(0.01, self._tick)
        self.speaks = True
        self.commands = bench.publisher(topics.COMMAND)
        self.statuses = bench.collect(topics.ARM_STATUS)
        bench.connected(self.commands)
        bench.until(lambda: self.status().get('mode') == 'IDLE')

    def _tick(self) -> None:
        if self.stub.accept():
            self.stub.say(**WELCOME)
        if self.stub.peer is not None and self.speaks:
            self.stub.say_state(time=time.monotonic(), **self.state)
            for packet in self.stub.heard():
                self.packets.append(packet)
                if packet['type'] == 'request' and packet['name'] != 'home':
                    self.stub.say(type='reply', id=packet['id'], ok=True, message='done')

    def status(self) -> dict[str, str]:
        return message_to_values(self.statuses[-1]) if self.statuses else {}

    def requests(self, name: str) -> list[dict[str, Any]]:
        return [p for p in self.packets if p['type'] == 'request' and p['name'] == name]

    def moving(self) -> list[dict[str, Any]]:
        return [p for p in self.packets if p['type'] == 'twist' and any(p['velocity'])]

    def command(self, velocity: np.ndarray, frame: str = 'base', age_s: float = 0.0) -> None:
        stamp = to_stamp(time.time_ns() - int(1e9 * age_s))
        self.commands.publish(velocity_to_twist(velocity, stamp, frame))

    def allow(self) -> None:
        assert self.bench.call(topics.ARM_CLEAR_FAULT).success
        self.bench.until(lambda: not self.status()['cause'])


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[Arm]:
    with RosBench() as bench:
        made = Arm(bench, tmp_path)
        yield made
        made.speaks = False
        made.stub.close()


def test_state_comes_as_the_simulations_does(arm: Arm) -> None:
    poses, joints = arm.bench.collect(topics.EE_POSE), arm.bench.collect(topics.JOINT_STATES)
    arm.bench.until(lambda: len(poses) >= 3 and len(joints) >= 3)
    assert poses[-1].header.frame_id == 'base'
    assert poses[-1].pose.position.x == 0.6
    assert abs(time.time_ns() - stamp_ns(poses[-1].header.stamp)) < 5e9
    assert {len(joints[-1].position), len(joints[-1].velocity), len(joints[-1].effort),
            len(joints[-1].name)} == {7}


def test_nothing_moves_before_a_reset_which_is_answered_when_it_is_done(arm: Arm) -> None:
    arm.command(FORWARD)
    arm.bench.until(lambda: arm.node.board.level('cmd_twist') is Level.ERROR)
    client = arm.bench.probe.create_client(Trigger, topics.RESET)
    arm.bench.until(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    arm.bench.until(lambda: arm.requests('home'))
    poses = arm.bench.collect(topics.EE_POSE)
    arm.bench.until(lambda: len(poses) >= 3)  # the node goes on meanwhile
    assert not future.done()
    assert arm.requests('home')[0]['arguments'] == {'position': [0.55, 0.0, 0.055]}
    assert not arm.moving()
    arm.stub.say(type='reply', id=arm.requests('home')[0]['id'], ok=True, message='')
    arm.bench.until(future.done)
    assert future.result().success
    arm.command(FORWARD)
    arm.bench.until(arm.moving)
    assert arm.moving()[0]['velocity'] == FORWARD.tolist()


@pytest.mark.parametrize('fault', ['nan', 'frame', 'age'])
def test_bad_command_moves_nothing(arm: Arm, fault: str) -> None:
    arm.allow()
    if fault == 'nan':
        arm.command(np.array([np.nan, 0, 0]))
    elif fault == 'frame':
        arm.command(FORWARD, frame='camera')
    else:
        arm.command(FORWARD, age_s=0.3)
    arm.bench.until(lambda: arm.node.board.level('cmd_twist') is Level.ERROR)
    assert not arm.moving()


def test_motion_ends_by_itself_one_and_a_half_periods_after_the_last_command(arm: Arm) -> None:
    arm.allow()
    arm.command(FORWARD)
    arm.bench.until(lambda: arm.requests('hold'))
    sent = [p['sent'] for p in arm.moving()]
    assert sent[-1] - sent[0] <= 0.15


def test_a_fault_in_motion_trips_the_estop_and_names_cause_and_remedy(arm: Arm) -> None:
    trips = arm.bench.answer(topics.ESTOP_TRIP)
    arm.allow()
    arm.command(FORWARD)
    arm.bench.until(arm.moving)
    arm.state = {'mode': 'FAULT', 'fault': 'it hit something', 'remedy': 'look, then clear'}
    arm.bench.until(lambda: trips and arm.status().get('mode') == 'FAULT')
    assert (arm.status()['cause'], arm.status()['remedy']) == ('it hit something',
                                                               'look, then clear')
    arm.state = {}
    arm.bench.until(lambda: arm.status().get('mode') == 'IDLE')
    assert 'arm/clear_fault' in arm.status()['remedy']
    before = len(arm.moving())
    arm.command(FORWARD)
    arm.bench.until(lambda: arm.node.board.level('cmd_twist') is Level.ERROR)
    assert len(arm.moving()) == before
    assert not arm.bench.call(topics.RESET).success
    assert trips == [1]
    arm.allow()


def test_operator_services_reach_the_arm(arm: Arm) -> None:
    for service, name in ((topics.ARM_ENABLE, 'enable'), (topics.ARM_STOP, 'stop'),
                          (topics.ARM_RESET, 'reset'), (topics.GRIPPER_OPEN, 'gripper_open')):
        answer = arm.bench.call(service)
        assert (answer.success, answer.message) == (True, 'done')
        assert arm.requests(name)


def test_a_side_process_that_is_gone_is_told_and_calls_are_refused(arm: Arm) -> None:
    arm.speaks = False
    arm.bench.until(lambda: arm.status().get('mode') == 'DISCONNECTED')
    answer = arm.bench.call(topics.RESET)
    assert not answer.success
    assert 'said nothing' in answer.message
