"""The drill of recordings in its short form: nothing finished is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from rig_ros.cli import data_drill
from rig_ros.cli.drill_result import Result
from rig_ros.cli.local_graph import isolate_graph

pytestmark = [pytest.mark.ros, pytest.mark.timeout(180)]


@pytest.mark.parametrize(('part', 'count'), [
    ('recorder killed', 2), ('trainer killed', 2), ('power cut', 20), ('full disk', 1),
    ('clock set by 1 s', 4)])
def test_part(tmp_path: Path, part: str, count: int):
    isolate_graph()
    result = data_drill.run(part, tmp_path, count, seed=0)
    if not result.trials:
        pytest.skip(result.note)
    assert result.passed, result
    assert result.trials == count
    assert result.steps > 5 * count


def test_without_the_right_to_make_a_network_it_says_so(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr('os.geteuid', lambda: 1000)
    result = data_drill.run('network cut', tmp_path, 1, seed=0)
    assert (result.trials, result.note) == (0, 'needs root and iproute2')
    assert result.passed
    assert 'ROS_STATIC_PEERS' not in os.environ


def test_a_loss_is_a_failure():
    good = Result('x', 3, 30, 1, 1, 2, 3)
    assert good.passed
    assert not Result('x', 3, 30, 2, 1, 2, 3).passed
    assert not Result('x', 3, 30, 1, 1, 2, 2).passed
    assert 'not run' in Result('x', 0, 0, 0, 0, 0, 0, 'why').line
