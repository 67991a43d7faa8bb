"""Randomised looks and delays: seeded, drawn at resets, off by default."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip('mujoco')

from rig_ros.control import task as tasks
from rig_ros.control.randomisation import Randomisation
from rig_ros.errors import ConfigError
from rig_ros.simulation.environment import SawyerEnv

LOOKS: dict[str, Any] = {'light': 0.3, 'colour': 0.1, 'camera_position': 0.02,
                         'camera_angle_deg': 3.0, 'image_noise': 5.0}


def environment(seed: int = 0, **values: Any) -> SawyerEnv:
    task = dataclasses.replace(tasks.load('push'), randomisation=Randomisation(**values))
    return SawyerEnv(task, seed)


@pytest.fixture(scope='module')
def plain() -> Iterator[SawyerEnv]:
    env = environment()
    yield env
    env.close()


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.render
@pytest.mark.parametrize('name', LOOKS)
def test_each_setting_changes_what_is_seen_and_nothing_else(plain: SawyerEnv, name: str) -> None:
    env = environment(**{name: LOOKS[name]})
    first, second = env.reset(), env.reset()
    assert difference(first, second) > 0.5
    assert difference(first, plain.reset()) > 0.5
    for _ in range(5):
        env.act([1.0, 0.3])
        plain.act([1.0, 0.3])
    assert env.world.ground_truth() == plain.world.ground_truth()
    env.close()


@pytest.mark.render
@pytest.mark.parametrize('name', ['light', 'colour', 'camera_position', 'camera_angle_deg'])
def test_looks_stay_as_they_are_within_an_episode(name: str) -> None:
    env = environment(**{name: LOOKS[name]})
    first = env.reset()
    env.do_nothing(env.sample_goal())
    np.testing.assert_array_equal(env.world.render(), first)
    env.close()


@pytest.mark.render
def test_seeds_decide_looks() -> None:
    def pictures(env: SawyerEnv) -> np.ndarray:
        return np.array([env.reset(), env.step((1.0, 0.0)), env.reset()])

    one, same, other = (environment(seed, **LOOKS, delay_steps=3) for seed in (1, 1, 2))
    expected = pictures(one)
    np.testing.assert_array_equal(pictures(same), expected)
    assert difference(pictures(other), expected) > 1
    one.world.seed(7)
    other.world.seed(7)
    np.testing.assert_array_equal(pictures(one), pictures(other))
    for env in (one, same, other):
        env.close()


@pytest.mark.render
def test_held_out_goals_look_as_the_task_says_and_leave_the_episode_alone(
        plain: SawyerEnv) -> None:
    env = environment(**{**LOOKS, 'image_noise': 0.0})
    before = env.reset()
    for mine, its in zip(env.held_out_goals(3), plain.held_out_goals(3)):
        np.testing.assert_array_equal(mine.image_hwc_u8, its.image_hwc_u8)
    np.testing.assert_array_equal(env.world.render(), before)
    env.close()


def test_actions_are_late_by_up_to_the_delay() -> None:
    env = environment(delay_steps=3)
    found = set()
    for _ in range(20):
        env.begin()
        moved = []
        for _ in range(6):
            env.act([0.0, 1.0])
            moved.append(env.world.hand_position[1] > 5e-3)
        assert moved == sorted(moved)
        assert moved.index(True) == env.world.delay_steps
        found.add(env.world.delay_steps)
    assert found == {0, 1, 2, 3}


@pytest.mark.parametrize(('values', 'message'), [
    ({'light': 1.0}, 'light'), ({'colour': 2.0}, 'colour'), ({'image_noise': -1.0}, 'image_noise'),
    ({'delay_steps': -1}, 'delay_steps')])
def test_values_that_cannot_be_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Randomisation(**values)


def test_no_task_that_ships_is_randomised() -> None:
    assert all(tasks.load(name).randomisation == Randomisation() for name in tasks.names())
