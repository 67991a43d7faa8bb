"""Reading the arm's motion makes latents tell what pixels hardly show."""

from __future__ import annotations

import numpy as np
import torch

from rig_ros.learning.config import TrainConfig, VAEConfig
from rig_ros.learning.motion import MotionReader
from rig_ros.learning.practice_config import ExploreConfig
from rig_ros.learning.trainer import Learner


def test_loss_is_the_squared_error_of_the_sum_of_actions():
    reader = MotionReader(3, 2)
    before, later = torch.zeros(4, 3), torch.tensor([[1.0, 2.0, 0.0]]).expand(4, 3)
    with torch.no_grad():
        reader.reader.weight.copy_(torch.eye(2, 3))
    means = torch.cat((before, later))
    assert reader.loss(means, torch.tensor([[1.0, 2.0]]).expand(4, 2)).item() == 0
    assert reader.loss(means, torch.tensor([[4.0, 6.0]]).expand(4, 2)).item() == 9 + 16


def walk(rng, steps=20):
    """Return an episode: a small patch tells where the arm is, the rest is noise in blocks."""
    place, places, actions = 0.5, [0.5], []
    for _ in range(steps):
        action = rng.uniform(-1, 1)
        place = float(np.clip(place + 0.1 * action, 0, 1))
        places.append(place)
        actions.append([action])
    blocks = rng.integers(96, 160, (steps + 1, 2, 2, 1), dtype=np.uint8)
    pictures = blocks.repeat(24, 1).repeat(24, 2).repeat(3, 3)
    pictures[:, :8, :8] = (100 + 50 * np.array(places))[:, None, None, None]
    return pictures, np.array(actions, np.float32), places


def unexplained(motion):
    """Return the share of the place's variance that no linear map reads from latents."""
    rng = np.random.default_rng(0)
    learner = Learner(TrainConfig(
        'reach', image_size=48, explore=ExploreConfig(random_steps=1),
        vae=VAEConfig(latent_dim=3, networks='patch', beta=0.1, batch_size=32,
                      motion=motion)), action_dim=1, seed=0)
    for _ in range(30):
        pictures, actions, _ = walk(rng)
        learner.add_episode(pictures, actions)
    learner.train_vae(250)
    pictures, _, places = walk(rng, 400)
    latents = learner.vae.encode(torch.from_numpy(pictures))[0].numpy()
    known = np.hstack((latents, np.ones((len(latents), 1))))
    fit, *_ = np.linalg.lstsq(known[::2], np.array(places)[::2], rcond=None)
    return np.var(known[1::2] @ fit - np.array(places)[1::2]) / np.var(places)


def test_latents_tell_a_place_that_pixels_hardly_show():
    assert unexplained(motion=0.0) > 0.8
    assert unexplained(motion=300.0) < 0.4
