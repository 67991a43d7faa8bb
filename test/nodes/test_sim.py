"""The simulation node: lockstep and real time, time-outs, reset, what it publishes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.render]
pytest.importorskip('rclpy')
pytest.importorskip('mujoco')

from ros_bench import RosBench

from rig_ros.control import task as tasks
from rig_ros.nodes.sim import SimNode
from rig_ros.ros import topics
from rig_ros.ros.conversions import (
    image_to_array,
    message_to_values,
    pose_to_position,
    stamp_ns,
    to_stamp,
    velocity_to_twist,
)
from rig_ros.ros.diagnostics import Level

FORWARD = np.array([0.2, 0.0, 0.0])
TASK = tasks.load('reach_xy')


class Arm:
    """A simulation node with its wires in the test's hands."""

    def __init__(self, bench: RosBench, **parameters: Any) -> None:
        self.bench = bench
        self.node = bench.add(SimNode, **parameters)
        self.images = bench.collect(topics.CAMERA_IMAGE)
        self.poses = bench.collect(topics.EE_POSE)
        self.commands = bench.publisher(topics.COMMAND)
        bench.connected(self.commands)
        bench.until(lambda: self.images and self.poses)

    def command(self, velocity: np.ndarray, stamp: int, frame: str = 'base') -> None:
        self.commands.publish(velocity_to_twist(velocity, to_stamp(stamp), frame))

    def newest(self) -> int:
        return stamp_ns(self.images[-1].header.stamp)

    def answer(self, velocity: np.ndarray) -> None:
        """Answer the newest picture and wait for the next."""
        before = self.newest()
        self.command(velocity, before)
        self.bench.until(lambda: self.newest() != before)

    def hand(self) -> np.ndarray:
        return pose_to_position(self.poses[-1])


def lockstep(bench: RosBench, idle_s: float = 10.0) -> Arm:
    arm = Arm(bench, lockstep_idle_s=0.05)
    arm.node._lockstep._idle_s = idle_s
    bench.spin_for(0.1)
    return arm


def test_lockstep_takes_one_step_per_answer() -> None:
    with RosBench() as bench:
        arm = lockstep(bench)
        clocks, truths = bench.collect(topics.CLOCK), bench.collect(topics.GROUND_TRUTH)
        joints = bench.collect(topics.JOINT_STATES)
        first, start = arm.newest(), arm.hand()
        for _ in range(5):
            arm.answer(FORWARD)
        assert arm.newest() - first == 5 * 100_000_000
        bench.until(lambda: len(joints) >= 5 and len(clocks) >= 5 and len(truths) >= 5
                    and stamp_ns(arm.poses[-1].header.stamp) == arm.newest())
        assert stamp_ns(clocks[-1].clock) == arm.newest()
        np.testing.assert_allclose(arm.hand() - start, [0.08, 0, 0], atol=0.03)
        assert {len(joints[-1].position), len(joints[-1].velocity), len(joints[-1].effort),
                len(joints[-1].name)} == {7}
        truth = [float(v) for v in message_to_values(truths[-1])['hand'].split()]
        np.testing.assert_allclose(truth, arm.hand(), atol=1e-6)
        picture = image_to_array(arm.images[-1])
        assert picture.shape == (84, 84, 3)
        assert picture.std() > 10


def test_lockstep_ignores_commands_that_answer_another_picture() -> None:
    with RosBench() as bench:
        arm = lockstep(bench)
        arm.answer(FORWARD)
        newest = arm.newest()
        for stamp in (newest - 100_000_000, newest + 1, 0):
            arm.command(FORWARD, stamp)
        bench.spin_for(0.3)
        assert arm.newest() == newest


def test_lockstep_goes_on_without_commands_and_holds() -> None:
    with RosBench() as bench:
        arm = lockstep(bench, idle_s=0.05)
        first, start = arm.newest(), arm.hand()
        bench.until(lambda: arm.newest() >= first + 5 * 100_000_000)
        np.testing.assert_allclose(arm.hand(), start, atol=1e-3)


@pytest.mark.parametrize('fault', ['nan', 'frame'])
def test_bad_command_moves_nothing(fault: str) -> None:
    with RosBench() as bench:
        arm = lockstep(bench)
        arm.answer(np.zeros(3))
        start, before = arm.hand(), arm.newest()
        if fault == 'nan':
            arm.command(np.array([np.nan, 0, 0]), before)
        else:
            arm.command(FORWARD, before, 'camera')
        bench.until(lambda: arm.newest() != before)
        assert arm.node.board.level('cmd_twist') is Level.ERROR
        arm.answer(np.zeros(3))
        np.testing.assert_allclose(arm.hand(), start, atol=1e-3)


def test_reset_brings_the_hand_back_at_once_with_a_new_picture() -> None:
    with RosBench() as bench:
        arm = lockstep(bench)
        for _ in range(5):
            arm.answer(FORWARD)
        before = arm.newest()
        assert bench.call(topics.RESET).success
        bench.until(lambda: arm.newest() > before
                    and stamp_ns(arm.poses[-1].header.stamp) == arm.newest())
        np.testing.assert_allclose(arm.hand(), TASK.reset_hand, atol=2e-3)


def test_real_time_pictures_come_at_the_rate_with_wall_stamps() -> None:
    with RosBench() as bench:
        arm = Arm(bench, clock='realtime', control_hz=20.0)
        bench.until(lambda: len(arm.images) >= 12)
        stamps = np.array([stamp_ns(m.header.stamp) for m in arm.images[1:]])
        assert abs(time.time_ns() - stamps[-1]) < 5e9
        assert np.median(np.diff(stamps)) == pytest.approx(50e6, rel=0.3)


def test_in_real_time_true_positions_follow_each_picture_with_its_stamp() -> None:
    with RosBench() as bench:
        truths = bench.collect(topics.GROUND_TRUTH)
        arm = Arm(bench, clock='realtime', control_hz=20.0)
        bench.until(lambda: len(arm.images) >= 8 and len(truths) >= 8)
        pictures = {stamp_ns(m.header.stamp) for m in arm.images}
        known = [stamp_ns(m.header.stamp) for m in truths]
        assert len(set(known)) == len(known)
        assert len(pictures & set(known)) >= 6  # the first and the last may lack the other


def test_real_time_moves_then_holds_when_commands_stop() -> None:
    with RosBench() as bench:
        arm = Arm(bench, clock='realtime')
        start = arm.hand()
        moved = len(arm.poses) + 25
        while len(arm.poses) < moved:
            arm.command(FORWARD, time.time_ns())
            bench.spin_for(0.02)
        assert arm.hand()[0] - start[0] > 0.02
        bench.until(lambda: len(arm.poses) >= moved + 25)  # 500 ms later
        held = arm.hand()
        bench.until(lambda: len(arm.poses) >= moved + 45)
        np.testing.assert_allclose(arm.hand(), held, atol=1e-3)


def test_real_time_refuses_old_commands() -> None:
    with RosBench() as bench:
        arm = Arm(bench, clock='realtime')
        start = arm.hand()
        arm.command(FORWARD, time.time_ns() - 300_000_000)
        bench.until(lambda: arm.node.board.level('cmd_twist') is Level.ERROR)
        bench.spin_for(0.1)
        np.testing.assert_allclose(arm.hand(), start, atol=1e-3)


def test_camera_info_has_the_tasks_field_of_view() -> None:
    with RosBench() as bench:
        Arm(bench)
        infos = bench.collect(topics.CAMERA_INFO)
        bench.until(lambda: infos)
        focal = 42 / np.tan(np.radians(TASK.camera.fovy_deg) / 2)
        assert (infos[0].width, infos[0].height) == (84, 84)
        assert infos[0].k[0] == pytest.approx(focal)
        assert infos[0].k[2] == 41.5
