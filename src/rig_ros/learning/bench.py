"""Gradient updates a second of a recipe: sampling, relabelling, targets and both networks."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from rig_ros.learning.config import TrainConfig
from rig_ros.learning.trainer import Learner

EPISODES = 40
HORIZON = 50
ACTION_DIM = 2
CHUNK = 20


def _filled_learner(config: TrainConfig) -> Learner:
    """Return a learner with a replay of noise, past its first (one-step) VAE training."""
    learner = Learner(config, ACTION_DIM, seed=0)
    rng = np.random.default_rng(0)
    size = config.image_size
    for _ in range(EPISODES):
        images = rng.integers(0, 256, (HORIZON + 1, size, size, 3), np.uint8)
        actions = rng.uniform(-1, 1, (HORIZON, ACTION_DIM)).astype(np.float32)
        learner.add_episode(images, actions, images[-1])
    learner.train_vae(1)
    return learner


def _rate(work: Callable[[], int], seconds: float, clock: Callable[[], float]) -> float:
    work()  # the first pass allocates
    began = clock()
    done = 0
    while clock() - began < seconds:
        done += work()
    return done / (clock() - began)


def updates_per_second(config: TrainConfig, seconds: float,
                       clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Measure a recipe on this machine.

    Args:
        config: the recipe.
        seconds: time for each of the two figures [s].
        clock: seconds.

    Returns:
        `updates_per_s`: policy and critic updates; `vae_minibatches_per_s`.
    """
    learner = _filled_learner(config)

    def policy() -> int:
        learner.train_policy(CHUNK)
        return CHUNK

    def vae() -> int:
        images = learner.replay.sample_images(config.vae.batch_size, learner.generator)
        loss = learner.vae.loss(images, learner.generator)
        learner.vae_optimiser.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        learner.vae_optimiser.step()
        return 1

    rate = _rate(policy, seconds, clock)
    learner.vae.train()
    return {'updates_per_s': rate, 'vae_minibatches_per_s': _rate(vae, seconds, clock)}
