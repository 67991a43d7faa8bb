"""The episode node in the graph: events as messages, services, who may start what."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from rclpy.parameter import Parameter
from ros_bench import RosBench
from std_msgs.msg import Bool

from rig_ros.nodes.episode import EpisodeNode
from rig_ros.ros import topics
from rig_ros.ros.conversions import (
    array_to_image,
    empty_cloud,
    latent_to_cloud,
    message_to_values,
    stamp_ns,
    to_stamp,
    values_to_message,
    velocity_to_twist,
)
from rig_ros.ros.diagnostics import Level

BUNDLE = {'active': 'A' * 64, 'active_encoder': 'enc', 'ready': '', 'refused': '', 'reason': ''}
PICTURE = np.zeros((84, 84, 3), np.uint8)
ZEROS = np.zeros(4, np.float32)


class EpisodeBench(RosBench):
    """An episode node, and the rest of the graph played by the test."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__()
        self.images = self.publisher(topics.CAMERA_IMAGE)
        self.commands = self.publisher(topics.COMMAND)
        self.goals = self.publisher(topics.GOAL_LATENT)
        self.status = self.publisher(topics.MODEL_STATUS)
        self.estop = self.publisher(topics.ESTOP)
        self.messages: list[Any] = self.collect(topics.EPISODE_EVENTS)
        self.resets = self.answer(topics.RESET)
        self.node = self.add(EpisodeNode, horizon=3, **parameters)
        self.connected(self.images, self.commands, self.goals, self.status, self.estop)
        self.until(lambda: self.node._events.readers() > 0)

    def report(self, **values: str) -> None:
        for name in ('encoder', 'goal', 'policy'):
            self.status.publish(values_to_message(name, {'node': name, **BUNDLE, **values},
                                                  to_stamp(1)))
        self.until(lambda: len(self.node._machine.statuses) == 3)

    def picture(self) -> int:
        """Publish a picture and the command that answers it; return the stamp."""
        stamp = time.time_ns()
        self.images.publish(array_to_image(PICTURE, to_stamp(stamp)))
        self.until(lambda: self.node._machine._stamp_ns == stamp)
        self.commands.publish(velocity_to_twist(np.zeros(3), to_stamp(stamp)))
        return stamp

    def goal(self, encoder: str = 'enc') -> int:
        stamp = time.time_ns()
        self.goals.publish(latent_to_cloud(ZEROS, ZEROS, encoder, to_stamp(stamp)))
        return stamp

    def wait_for(self, kind: str) -> dict[str, str]:
        """Return the newest event, which must become one of that kind."""
        self.until(lambda: self.messages
                   and message_to_values(self.messages[-1])['kind'] == kind)
        return message_to_values(self.messages[-1])

    @property
    def kinds(self) -> list[str]:
        return [message_to_values(m)['kind'] for m in self.messages]


def test_reach_from_goal_to_end() -> None:
    with EpisodeBench(mode='reach') as bench:
        bench.report()
        bench.picture()
        goal_id = bench.goal()
        bench.wait_for('reset')
        bench.until(lambda: bench.resets)
        bench.until(lambda: bench.node._machine.state.name == 'PICTURE')
        first = bench.picture()
        start = bench.wait_for('start')
        assert stamp_ns(bench.messages[-1].header.stamp) == first
        assert (start['goal_id'], start['mode'], start['encoder_id'], start['horizon']) == (
            str(goal_id), 'reach', 'enc', '3')
        last = [bench.picture() for _ in range(3)][-1]
        end = bench.wait_for('end')
        assert (end['steps'], end['reason']) == ('3', 'horizon')
        assert stamp_ns(bench.messages[-1].header.stamp) == last
        assert bench.kinds == ['reset', 'start', 'end']
        bench.spin_for(0.3)
        assert bench.kinds == ['reset', 'start', 'end']  # one goal, one episode


def test_practise_imagines_and_loops_until_stopped() -> None:
    with EpisodeBench(mode='practise') as bench:
        imagined = bench.answer(topics.GOAL_IMAGINE)
        bench.report()
        assert bench.call(topics.EPISODE_START).success
        bench.until(lambda: imagined)
        bench.goal()
        bench.until(lambda: bench.node._machine.state.name == 'PICTURE')
        bench.picture()
        bench.wait_for('start')
        for _ in range(3):
            bench.picture()
        second = bench.wait_for('reset')
        assert second['episode_id'].endswith('-00002')
        assert bench.call(topics.EPISODE_STOP).success
        assert bench.wait_for('abort')['reason'] == 'stopped by episode/stop'
        count = len(bench.messages)
        bench.spin_for(1.3)
        assert len(bench.messages) == count


def test_a_latched_goal_from_the_past_moves_nothing() -> None:
    with EpisodeBench(mode='reach') as bench:
        bench.report()
        bench.goal()
        bench.wait_for('reset')
        bench.remove(bench.node)
        bench.wait_for('abort')
        bench.messages.clear()
        bench.node = bench.add(EpisodeNode, mode='reach')
        bench.until(lambda: bench.node._machine.goal is not None)
        bench.report()
        bench.spin_for(0.3)
        assert bench.messages == []


def test_estop_and_a_cleared_goal_abort_with_their_reasons() -> None:
    for what, reason in (('estop', 'e-stop'), ('goal', 'the goal was cleared')):
        with EpisodeBench(mode='reach') as bench:
            bench.report()
            bench.goal()
            bench.wait_for('reset')
            if what == 'estop':
                bench.estop.publish(Bool(data=True))
            else:
                bench.goals.publish(empty_cloud(to_stamp(time.time_ns())))
            assert bench.wait_for('abort')['reason'] == reason
            assert bench.messages[-1].status[0].level == b'\x02'
            assert bench.node.board.level('last episode') is Level.ERROR


def test_a_silent_camera_aborts() -> None:
    with EpisodeBench(mode='collect') as bench:
        bench.report(active='')
        assert bench.call(topics.EPISODE_START).success
        bench.until(lambda: bench.node._machine.state.name == 'PICTURE')
        bench.picture()
        bench.wait_for('start')
        assert bench.wait_for('abort')['reason'] == 'camera silent for 0.5 s'


def test_without_a_reset_service_it_says_so() -> None:
    with EpisodeBench(mode='collect', reset_timeout_s=0.5) as bench:
        for service in list(bench.probe.services):
            if service.srv_name.endswith('reset'):
                bench.probe.destroy_service(service)
        bench.report(active='')
        bench.call(topics.EPISODE_START)
        reason = bench.wait_for('abort')['reason']
        assert 'reset failed: service reset: there is no such service for 0.5 s' in reason


def test_start_is_refused_without_a_goal() -> None:
    with EpisodeBench(mode='reach') as bench:
        answer = bench.call(topics.EPISODE_START)
        assert not answer.success
        assert 'no goal is active' in answer.message


def test_pictures_without_a_stamp_are_refused() -> None:
    with EpisodeBench(mode='collect') as bench:
        bench.images.publish(array_to_image(PICTURE, to_stamp(0)))
        bench.until(lambda: bench.node.board.level('camera/image') is Level.ERROR)


def test_the_mode_can_be_changed_while_the_node_runs() -> None:
    with EpisodeBench(mode='practise') as bench:
        assert not bench.node.set_parameters([Parameter('mode', value='dance')])[0].successful
        assert bench.node.set_parameters([Parameter('mode', value='collect')])[0].successful
        bench.report()
        bench.until(lambda: bench.node._machine.config.mode == 'collect')
        assert bench.call(topics.EPISODE_START).success
        assert bench.wait_for('reset')['mode'] == 'collect'
