"""Every task is a Gymnasium goal environment that Gymnasium's own checker accepts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip('mujoco')
gymnasium = pytest.importorskip('gymnasium')

from gymnasium.envs.registration import namespace
from gymnasium.utils.env_checker import check_env

from rig_ros import environments
from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError
from rig_ros.simulation.environment import held_out_goals
from rig_ros.simulation.gym import SUCCESS_M, SawyerGoalEnv

if 'rig_ros/Push-v0' not in gymnasium.registry:  # installed before there was an entry point
    with namespace('rig_ros'):
        environments.register()


@pytest.fixture(scope='module')
def push() -> Iterator[SawyerGoalEnv]:
    env = SawyerGoalEnv('push')
    yield env
    env.close()


@pytest.fixture(scope='module')
def pictures() -> Iterator[SawyerGoalEnv]:
    env = SawyerGoalEnv('push', observation='image', image_size=48)
    yield env
    env.close()


@pytest.mark.render
@pytest.mark.parametrize('observation', ['state', 'image'])
@pytest.mark.parametrize('task', tasks.names())
def test_gymnasium_s_checker_accepts_it(task: str, observation: str) -> None:
    env = gymnasium.make(f'rig_ros/{environments.environment_name(task)}',
                         observation=observation, render_mode='rgb_array')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_env(env.unwrapped)
    env.close()


def test_state_needs_no_drawing(push: SawyerGoalEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError('drew a picture')

    monkeypatch.setattr(type(push._env.world), 'render', refuse)
    push.reset(seed=0)
    push.step(push.action_space.sample())


@pytest.mark.parametrize('reward', ['dense', 'sparse'])
def test_rewards_of_a_batch_are_those_of_the_steps(reward: Any) -> None:
    env = SawyerGoalEnv('push', reward=reward)
    env.reset(seed=3)
    achieved, desired, rewards = [], [], []
    for _ in range(10):
        seen, value, *_ = env.step(np.array([1.0, 0.2]))
        achieved.append(seen['achieved_goal'])
        desired.append(seen['desired_goal'])
        rewards.append(value)
    batch = env.compute_reward(np.array(achieved), np.array(desired), [{}] * 10)
    np.testing.assert_allclose(batch, rewards, rtol=1e-6)
    near = env.compute_reward(np.array(achieved), np.array(achieved), None)
    assert (near == 0.0).all()
    env.close()


def test_sparse_reward_wants_hand_and_puck_near(push: SawyerGoalEnv) -> None:
    env = SawyerGoalEnv('push', reward='sparse')
    goal = np.array([0.6, 0.0, 0.02, 0.6, 0.1])
    off = SUCCESS_M * np.array([0.9, 0, 0, 0, 0.9])
    assert env.compute_reward(goal + off, goal, None) == 0.0
    assert env.compute_reward(goal + 1.2 * off, goal, None) == -1.0
    env.close()


@pytest.mark.render
def test_pictures_are_rewarded_by_their_difference(pictures: SawyerGoalEnv) -> None:
    seen, _ = pictures.reset(seed=1)
    assert seen['observation'].shape == seen['desired_goal'].shape == (48, 48, 3)
    black, white = np.zeros((2, 48, 48, 3), np.uint8), np.full((2, 48, 48, 3), 255, np.uint8)
    np.testing.assert_allclose(pictures.compute_reward(black, white, None), [-1, -1])
    assert pictures.compute_reward(seen['achieved_goal'], seen['desired_goal'], None) < 0


@pytest.mark.render
def test_episodes_are_as_long_as_the_task_s_and_goals_as_its_held_out_ones(
        push: SawyerGoalEnv, pictures: SawyerGoalEnv) -> None:
    expected = held_out_goals(push.task, 3)[2]
    seen, facts = push.reset(options={'goal': 2})
    np.testing.assert_allclose(seen['desired_goal'][:3], expected.truth['hand'], atol=1e-6)
    np.testing.assert_allclose(seen['desired_goal'][3:], expected.truth['puck0'][:2], atol=1e-6)
    assert facts['puck0_distance'] > 0
    ends = [push.step(np.zeros(2))[2:4] for _ in range(push.task.horizon)]
    assert ends == [(False, False)] * (push.task.horizon - 1) + [(False, True)]
    seen, other = pictures.reset(options={'goal': 2})
    assert other['hand_distance'] == pytest.approx(facts['hand_distance'])


def test_seeds_decide_goals(push: SawyerGoalEnv) -> None:
    goals = [push.reset(seed=seed)[0]['desired_goal'] for seed in (5, 5, 6)]
    np.testing.assert_array_equal(goals[0], goals[1])
    assert not np.array_equal(goals[0], goals[2])
    assert not np.array_equal(goals[2], push.reset()[0]['desired_goal'])


@pytest.mark.parametrize(('options', 'message'), [
    ({'observation': 'depth'}, 'observation'), ({'reward': 'lots'}, 'reward'),
    ({'observation': 'image', 'reward': 'sparse'}, 'dense where observations are pictures'),
    ({'render_mode': 'human'}, 'render_mode')])
def test_options_that_do_not_exist_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SawyerGoalEnv('push', **options)


def test_reset_options_that_do_not_exist_are_refused(push: SawyerGoalEnv) -> None:
    with pytest.raises(ConfigError, match='options'):
        push.reset(options={'goals': 1})
    with pytest.raises(ConfigError, match='goal'):
        push.reset(options={'goal': -1})
