"""What the drill of learning notes of the robot, and that it begins anew what was cut short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy')

from rig_ros.cli import cable, learning_drill
from rig_ros.cli.learning_drill import Practice
from rig_ros.errors import HardwareError
from rig_ros.ros import topics
from rig_ros.ros.conversions import to_stamp, values_to_message


class Graph:
    """Answers at once, or refuses."""

    def __init__(self) -> None:
        self.hear: dict[str, Any] = {}
        self.starts = 0
        self.refuse = False

    def subscribe(self, topic: Any, callback: Any) -> None:
        self.hear[topic.name] = callback

    def call(self, service: str) -> None:
        assert service == topics.EPISODE_START
        self.starts += 1
        if self.refuse:
            raise HardwareError('not yet')

    def spin_for(self, seconds: float) -> None:
        pass

    def tell(self, topic: Any, **values: Any) -> None:
        self.hear[topic.name](values_to_message('x', values, to_stamp(0)))


def test_steps_and_the_models_in_use_are_noted():
    graph = Graph()
    practice = Practice(graph)
    graph.tell(topics.EPISODE_EVENTS, kind='start')
    graph.tell(topics.MODEL_STATUS, node='policy', active='')
    graph.tell(topics.EPISODE_EVENTS, kind='end', steps=50)
    for node, active in (('encoder', 'a'), ('policy', 'a'), ('policy', 'a')):
        graph.tell(topics.MODEL_STATUS, node=node, active=active)
    graph.tell(topics.EPISODE_EVENTS, kind='abort', steps=7)
    graph.tell(topics.MODEL_STATUS, node='policy', active='b')
    assert [(used.bundle_id, used.steps) for used in practice.used] == [('a', 50), ('b', 57)]
    assert (practice.ended, practice.aborted) == (1, 1)
    assert all(0 <= used.robot_s < 5 for used in practice.used)


def test_episodes_are_started_again_when_nothing_is_heard(monkeypatch: pytest.MonkeyPatch):
    graph = Graph()
    practice = Practice(graph)
    practice.go_on(1.0, iter([None] * 5))
    assert graph.starts == 1
    monkeypatch.setattr(learning_drill, 'RESTART_S', 0.0)
    practice.go_on(1.0, iter([None] * 5))
    assert graph.starts == 6


def test_without_rsync_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PATH', '/nowhere')
    with pytest.raises(cable.NotPossible, match='rsync'):
        learning_drill.practise('reach_xy', 'reach', 0, 10.0, 0.0, 0.0, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()  # 330 s were practised for no model without it
