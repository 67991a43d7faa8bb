"""The guard in the graph: one answer per request, idle zeros, e-stop, restarts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from geometry_msgs.msg import PoseStamped, TwistStamped
from ros_bench import RosBench

from rig_ros.nodes.guard import GuardNode, estop_path
from rig_ros.ros import topics
from rig_ros.ros.conversions import (
    stamp_ns,
    to_stamp,
    twist_to_velocity,
    values_to_message,
    velocity_to_twist,
)
from rig_ros.ros.diagnostics import Level

VELOCITY = np.array((0.05, 0.05, 0.0))


class GuardBench(RosBench):
    """A guard with the ends of its wires, on the system clock."""

    def __init__(self, folder: Path, **parameters: Any) -> None:
        super().__init__()
        self.parameters = {'estop_file': str(folder / 'estop'), **parameters}
        self.requests = self.publisher(topics.POLICY_COMMAND)
        self.poses = self.publisher(topics.EE_POSE)
        self.events = self.publisher(topics.EPISODE_EVENTS)
        self.sent: list[TwistStamped] = self.collect(topics.COMMAND)
        self.estop: list[Any] = self.collect(topics.ESTOP)
        self.guard = self.restart()

    def restart(self) -> GuardNode:
        """Start the guard anew and wait until it is wired."""
        self.guard = self.add(GuardNode, **self.parameters)
        self.connected(self.requests, self.poses, self.events)
        self.until(lambda: self.guard._commands.readers() > 0)
        return self.guard

    def event(self, kind: str, **values: str) -> None:
        self.events.publish(values_to_message('episode', {'kind': kind, **values},
                                              to_stamp(time.time_ns())))
        work = self.guard._events.work
        before = work.count
        self.until(lambda: work.count != before)

    def ask(self, velocity: np.ndarray = VELOCITY, age_s: float = 0.0) -> np.ndarray:
        """Send a pose and a request; return the answer."""
        pose = PoseStamped()
        pose.header.stamp = to_stamp(time.time_ns())
        pose.pose.position.x, pose.pose.position.z = 0.65, 0.055
        self.poses.publish(pose)
        stamp = time.time_ns() - int(1e9 * age_s)
        self.requests.publish(velocity_to_twist(velocity, to_stamp(stamp)))
        self.until(lambda: any(stamp_ns(m.header.stamp) == stamp for m in self.sent))
        answers = [m for m in self.sent if stamp_ns(m.header.stamp) == stamp]
        assert len(answers) == 1
        return twist_to_velocity(answers[0])

    def reason(self) -> str:
        """What the guard says about motion."""
        return next(s.message for s in self.guard.board.statuses({}) if s.name == 'guard: motion')


def test_answers_each_request_with_its_stamp(tmp_path: Path) -> None:
    with GuardBench(tmp_path) as bench:
        bench.event('start')
        np.testing.assert_allclose(bench.ask(), VELOCITY)
        np.testing.assert_array_equal(bench.ask(np.array((np.nan, 0, 0))), np.zeros(3))
        assert 'velocity: got' in bench.reason()
        np.testing.assert_array_equal(bench.ask(age_s=0.3), np.zeros(3))
        assert 'command age' in bench.reason()
        np.testing.assert_allclose(bench.ask(), VELOCITY)
        assert bench.guard.board.level('motion') is Level.OK


def test_sends_zeros_that_answer_nobody_while_there_are_no_commands(tmp_path: Path) -> None:
    with GuardBench(tmp_path) as bench:
        bench.event('start')
        stamps = {stamp_ns(m.header.stamp) for m in bench.sent}
        bench.ask()
        asked = time.monotonic()
        bench.sent.clear()
        bench.until(lambda: bench.sent)
        assert 0.15 < time.monotonic() - asked < 0.4  # a stopping time: silence of 200 ms
        assert not twist_to_velocity(bench.sent[0]).any()
        assert stamp_ns(bench.sent[0].header.stamp) not in stamps
        assert 'no valid command for 200 ms' in bench.reason()


def test_in_simulated_time_silence_is_not_measured_on_the_wall(tmp_path: Path) -> None:
    with GuardBench(tmp_path, use_sim_time=True) as bench:
        assert bench.guard._watch_s() == 0.0
        bench.guard._guard._valid_watch_s = 0.0  # a command just now, and time stands still
        bench.spin_for(0.1)
        bench.sent.clear()
        bench.spin_for(0.5)
        assert bench.sent == []


def test_refuses_outside_episodes_without_calling_it_a_fault(tmp_path: Path) -> None:
    with GuardBench(tmp_path) as bench:
        np.testing.assert_array_equal(bench.ask(), np.zeros(3))
        assert bench.guard.board.level('motion') is Level.WARN
        bench.event('start')
        bench.event('end')
        np.testing.assert_array_equal(bench.ask(), np.zeros(3))
        assert bench.guard.board.level('motion') is Level.OK
        assert 'last event: end' in bench.reason()


def test_the_horizon_of_the_event_bounds_the_commands(tmp_path: Path) -> None:
    with GuardBench(tmp_path) as bench:
        bench.event('start', horizon='1')
        answers = [bench.ask() for _ in range(7)]
        assert [bool(a.any()) for a in answers] == [True] * 6 + [False]


def test_estop_is_latched_survives_a_restart_and_needs_a_clear_and_a_start(
        tmp_path: Path) -> None:
    with GuardBench(tmp_path) as bench:
        bench.event('start')
        assert bench.ask().any()
        assert bench.call(topics.ESTOP_TRIP).success
        bench.until(lambda: bench.estop and bench.estop[-1].data)
        assert not bench.ask().any()
        bench.event('start')
        assert not bench.ask().any()

        bench.remove(bench.guard)
        bench.estop.clear()
        bench.restart()
        bench.until(lambda: bench.estop)
        assert bench.estop[-1].data
        bench.event('start')
        assert not bench.ask().any()

        assert bench.call(topics.ESTOP_CLEAR).success
        bench.until(lambda: not bench.estop[-1].data)
        bench.event('end')
        assert not bench.ask().any()
        bench.event('start')
        assert bench.ask().any()
        assert not (tmp_path / 'estop').exists()


def test_a_restarted_guard_does_not_join_an_episode_under_way(tmp_path: Path) -> None:
    with GuardBench(tmp_path) as bench:
        bench.event('start')
        assert bench.ask().any()
        bench.remove(bench.guard)
        bench.restart()
        bench.until(lambda: bench.guard._events.work.count > 0)  # the latched start arrived
        assert not bench.ask().any()
        assert 'no episode was started since this guard started' in bench.reason()
        bench.event('start')
        assert bench.ask().any()


def test_a_required_node_that_is_absent_stops_everything(tmp_path: Path) -> None:
    with GuardBench(tmp_path, required_nodes='encoder') as bench:
        bench.event('start')
        assert not bench.ask().any()
        assert "['encoder'] gone" in bench.reason()


def test_the_estop_file_belongs_to_the_namespace_and_the_bringup(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('XDG_RUNTIME_DIR', str(tmp_path))
    assert estop_path('/').parent.parent == tmp_path
    assert estop_path('/a/b').name.endswith('-a.b')
    assert estop_path('/a').name != estop_path('/b').name
