"""Processes that learn as one: the same weights in all, a named error when one is gone."""

from __future__ import annotations

import dataclasses
import os
import signal
import time

import numpy as np
import pytest
import torch

from rig_ros.errors import ConfigError, HardwareError
from rig_ros.learning import team as teams
from rig_ros.learning.config import SkewConfig, TD3Config, TrainConfig, VAEConfig
from rig_ros.learning.practice_config import ExploreConfig
from rig_ros.learning.state import TrainingState
from rig_ros.learning.team import ALONE, lead, require_shareable
from rig_ros.learning.trainer import Learner

CPU = torch.device('cpu')


def recipe(**changes) -> TrainConfig:
    return dataclasses.replace(TrainConfig(
        'reach', image_size=48, goals='visited', replay_frames=500,
        skew=SkewConfig(density='neighbours'),
        vae=VAEConfig(latent_dim=3, networks='patch', batch_size=8, first_steps=3,
                      refresh_every=10, refresh_steps=2, whiten=True, whiten_by='steps'),
        td3=TD3Config(hidden=(16,), batch_size=8, first_updates=5),
        explore=ExploreConfig(random_steps=10)), **changes)


def practise(learner: Learner, episodes: int) -> None:
    rng = np.random.default_rng(learner.env_steps)
    for _ in range(episodes):
        pictures = rng.integers(0, 256, (6, 48, 48, 3), np.uint8)
        actions = rng.uniform(-1, 1, (5, 2)).astype(np.float32)
        goal = learner.decode(learner.imagine_goal(pictures[0])) if learner.ready else None
        learner.add_episode(pictures, actions, goal)
        learner.train(5)


@pytest.fixture
def together():
    """Return what makes a learner of two processes; it ends them."""
    made = []

    def make(config: TrainConfig) -> Learner:
        learner = Learner(config, 2, 0, team=lead(2, config, 2, 0, 'cpu'))
        made.append(learner)
        return learner

    yield make
    for learner in made:
        learner.team.close()


def weights(learner: Learner) -> dict[str, torch.Tensor]:
    tensors = learner.state_without_replay().tensors
    return {k: t for k, t in tensors.items() if k.split('.')[0] in ('vae', 'agent', 'motion')}


@pytest.mark.parametrize('motion', [0.0, 3.0])
def test_two_processes_learn_what_one_does(together, motion):
    vae = dataclasses.replace(recipe().vae, motion=motion)
    one, two = Learner(recipe(vae=vae), 2, 0), together(recipe(vae=vae))
    for learner in (one, two):
        practise(learner, 6)
    assert one.agent.updates == two.agent.updates > 10
    if motion:  # pairs are shared in another order, and so is the noise on them
        return
    for name, tensor in weights(one).items():
        torch.testing.assert_close(tensor, weights(two)[name], rtol=1e-2, atol=2e-3, msg=name)


def test_resumed_processes_go_on_together(together, tmp_path):
    first = together(recipe())
    practise(first, 4)
    first.state().save(tmp_path / 'state.safetensors')
    second = Learner(recipe(), 2, 7)
    second.restore(TrainingState.load(tmp_path / 'state.safetensors'))
    first.team.close()
    third = together(recipe())
    third.restore(TrainingState.load(tmp_path / 'state.safetensors'))
    third.team.tell('restore', {'path': str(tmp_path / 'state.safetensors')})
    for learner in (second, third):
        practise(learner, 2)
    for name, tensor in weights(second).items():
        torch.testing.assert_close(tensor, weights(third)[name], rtol=1e-2, atol=2e-3, msg=name)


def test_a_process_that_is_killed_ends_the_others_with_an_error(together):
    learner = together(recipe())
    practise(learner, 3)
    follower = learner.team._followers[0]
    os.kill(follower.pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(HardwareError, match='training processes'):
        practise(learner, 3)
    assert time.monotonic() - began < 30


def test_followers_end_with_the_leader(together):
    learner = together(recipe())
    follower = learner.team._followers[0]
    learner.team.close()
    assert follower.wait() == 0


@pytest.mark.parametrize(('size', 'changes', 'message'), [
    (0, {}, 'processes'), (3, {}, 'divisor of 8'),
    (2, {'td3': TD3Config(batch_size=8, compile=True)}, 'td3.compile'),
    (8, {'vae': VAEConfig(batch_size=8, motion=1.0)}, 'divisor of 4'),
    (2, {'agent': 'stable_baselines3', 'encoder': 'state', 'skew': SkewConfig()}, 'agent')])
def test_raises_error_if_processes_cannot_share_a_recipe(size, changes, message):
    with pytest.raises(ConfigError, match=message):
        require_shareable(size, recipe(**changes), CPU)


def test_one_process_starts_nothing():
    assert lead(1, recipe(), 2, 0, 'cpu') is ALONE
    assert lead(0, recipe(), 2, 0, 'cpu') is ALONE
    part = torch.arange(6)
    assert teams.Team().share(part) is part
