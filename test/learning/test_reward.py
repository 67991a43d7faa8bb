"""Minus the latent distance."""

from __future__ import annotations

import torch

from rig_ros.learning.reward import LatentDistance


def test_reward_is_minus_the_euclidean_distance():
    reward = LatentDistance()(torch.tensor([[3.0, 4.0], [1.0, 1.0]]),
                              torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    assert reward.tolist() == [-5.0, 0.0]
