"""Gradient updates a second of a recipe, and a replay larger than memory: its time and memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from rig_ros.learning.arithmetic import Device
from rig_ros.learning.config import TrainConfig
from rig_ros.learning.state import TrainingState
from rig_ros.learning.trainer import Learner
from rig_ros.learning.vae import ConvVAE
from rig_ros.settings import require

EPISODES = 40
HORIZON = 50
ACTION_DIM = 2
CHUNK = 20
SQUARES = ((30, 160, 60), (200, 40, 40), (220, 180, 30))
"""Colours of the things in drawn pictures."""


def _squares(actions: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return pictures (T + 1, size, size, 3) of a square that moves by actions (T, 2) and others.

    Noise has nothing to be found by its colour; an encoder of objects learns from these. The one
    that moves begins anywhere, or it would be the ground, and is so large that it is still found
    where all colours of the palette share it.
    """
    images = np.full((len(actions) + 1, size, size, 3), 230, np.uint8)
    side = size // 4
    for colour in SQUARES:
        row, column = rng.integers(0, size - side, 2)
        images[:, row:row + side, column:column + side] = colour
    places = rng.uniform(0.2, 0.7, 2) * size + np.cumsum(np.vstack((np.zeros(2), 2 * actions)), 0)
    for image, (row, column) in zip(images, places.clip(0, size - side).astype(int)):
        image[row:row + side, column:column + side] = (20, 70, 170)
    return images


def _filled_learner(config: TrainConfig, episodes: int, folder: Path | None = None,
                    device: Device = 'cpu') -> Learner:
    """Return a learner with a replay of noise, past its first (one-step) VAE training."""
    learner = Learner(config, ACTION_DIM, seed=0, folder=folder, device=device)
    rng = np.random.default_rng(0)
    size = config.image_size
    for _ in range(episodes):
        actions = rng.uniform(-1, 1, (HORIZON, ACTION_DIM)).astype(np.float32)
        images = (_squares(actions, size, rng) if config.encoder == 'objects' else
                  rng.integers(0, 256, (HORIZON + 1, size, size, 3), np.uint8))
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


def _policy_updates(learner: Learner) -> int:
    learner.train_policy(CHUNK)
    return CHUNK


def updates_per_second(config: TrainConfig, seconds: float,
                       clock: Callable[[], float] = time.perf_counter,
                       device: Device = 'cpu') -> dict[str, float]:
    """Measure a recipe on this machine.

    Args:
        config: the recipe.
        seconds: time for each of the two figures [s].
        clock: seconds.
        device: of the networks.

    Returns:
        `updates_per_s`: policy and critic updates; `vae_minibatches_per_s`, 0 without a VAE.

    Raises:
        ConfigError: the recipe sees no pictures, or has its agent from elsewhere.
    """
    require(config.agent == 'td3' and config.encoder != 'state', 'recipe',
            (config.agent, config.encoder), "agent 'td3' and an encoder of pictures")
    learner = _filled_learner(config, EPISODES, device=device)
    vae = learner.vae
    rate = _rate(lambda: _policy_updates(learner), seconds, clock)
    if not isinstance(vae, ConvVAE):
        return {'updates_per_s': rate, 'vae_minibatches_per_s': 0.0}
    draw = learner.picture_sampler()

    def pictures() -> int:
        losses, _ = learner.improve_vae(draw)
        losses['vae_loss'].item()  # waits for a GPU
        return 1

    vae.train()
    return {'updates_per_s': rate, 'vae_minibatches_per_s': _rate(pictures, seconds, clock)}


def large_replay(config: TrainConfig, folder: Path, seconds: float,
                 clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Fill a recipe's whole replay, learn from it, save and restore it; measure on the way.

    Args:
        config: the recipe; its `replay_frames` are filled.
        folder: for the pictures and the checkpoint; on a disk, not in memory.
        seconds: time for each of the two rates [s].
        clock: seconds.

    Returns:
        `frames`, `pictures_gb`; `fill_s`, until all pictures are there and encoded;
        `pictures_per_s` drawn for the VAE; `updates_per_s` of the policy; `save_s`, `restore_s` of
        a checkpoint; `restored`, 1 if it draws the same pictures as what was saved; `peak_gb`, the
        most memory the process held (VmHWM: mapped files and all).
    """
    times = [clock()]
    learner = _filled_learner(config, config.replay_frames // (HORIZON + 1), folder)
    replay = learner.replay
    times.append(clock())
    updates = _rate(lambda: _policy_updates(learner), seconds, clock)
    batch = config.vae.batch_size
    pictures = _rate(lambda: len(replay.sample_images(batch, learner.generator)), seconds, clock)
    checkpoint = folder / 'checkpoint.safetensors'
    try:
        times.append(clock())
        learner.state().save(checkpoint)
        times.append(clock())
        before = replay.sample_images(batch, learner.generator)
        learner.restore(TrainingState.load(checkpoint))
        times.append(clock())
    finally:
        checkpoint.unlink(missing_ok=True)
    same = torch.equal(before, replay.sample_images(batch, learner.generator))
    return {'frames': replay.frames, 'pictures_gb': 1e-9 * replay.frames * before[0].numel(),
            'fill_s': times[1] - times[0], 'pictures_per_s': pictures, 'updates_per_s': updates,
            'save_s': times[3] - times[2], 'restore_s': times[4] - times[3],
            'restored': float(same), 'peak_gb': _peak_gb()}


def _peak_gb() -> float:
    """Return the most memory this process has held [GB]: what Linux calls VmHWM."""
    status = Path('/proc/self/status').read_text(encoding='utf-8')
    return 1024e-9 * int(status.partition('VmHWM:')[2].split()[0])
