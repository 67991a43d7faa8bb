"""The benchmark measures what it says, whatever the speed of this machine."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip('mujoco')

from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError
from rig_ros.simulation.bench import steps_per_second


@pytest.mark.render
def test_steps_are_counted_against_the_clock_given() -> None:
    ticks = itertools.count()
    result = steps_per_second(tasks.load('reach_xy'), 10.0, clock=lambda: next(ticks) * 0.1)
    assert result['env_steps'] == pytest.approx(99, abs=2)
    assert result['steps_per_s'] == pytest.approx(result['env_steps'] / result['wall_s'])
    assert result['steps_per_cpu_s'] > 0
    assert result['image_size'] == 84


def test_no_time_is_refused() -> None:
    with pytest.raises(ConfigError, match='seconds'):
        steps_per_second(tasks.load('reach_xy'), 0.0)
