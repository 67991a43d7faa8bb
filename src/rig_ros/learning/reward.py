"""Rewards computed from latents alone: no state, no task knowledge."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from rig_ros.learning.config import RewardConfig
from rig_ros.learning.object_latents import THERE, split


class Reward(Protocol):
    """What is good: a function of the latent reached and the goal."""

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,) for latents and goals (B, dim)."""
        ...


class LatentDistance:
    """Minus the Euclidean distance in latent space: the paper's main reward.

    With a cap (ours), what is far off is no worse than what is a little off: an arm that must
    leave its own place in the goal to move an object loses nothing by it.
    """

    def __init__(self, cap: float = math.inf) -> None:
        self.cap = cap

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,), zero at the goal."""
        distance: Tensor = torch.linalg.vector_norm(next_latent - goal, dim=-1)
        return -distance.clamp_max(self.cap)


class ManhattanDistance:
    """Minus the sum of the latents' absolute differences.

    Near a goal, the last bit of one latent counts whatever the others lack. In the Euclidean
    distance it hardly does: sqrt(a^2 + b^2) is flat in b while a is large.
    """

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,), zero at the goal."""
        distance: Tensor = (next_latent - goal).abs().sum(-1)
        return -distance


class ObjectsDistance:
    """Minus the sum of differences of the places that arm and objects have and shall have.

    The arm's counts less than an object's; one that the goal does not show counts nothing.
    Latents are those of `objects.ObjectEncoder`.
    """

    def __init__(self, arm_weight: float) -> None:
        self.arm_weight = arm_weight

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,), zero at the goal."""
        arm, objects = split(next_latent)
        arm_wanted, wanted = split(goal)
        apart = (objects - wanted)[..., :2].abs().sum(-1) * (wanted[..., 2] > THERE)
        distance: Tensor = apart.sum(-1) + self.arm_weight * (arm - arm_wanted).abs().sum(-1)
        return -distance


class SquaredDistance:
    """The logarithm of a Gaussian around the goal: the paper's log probability.

    The paper divides by the encoder's variance of each picture; here one deviation stands for all,
    because nearly every one of them is at the encoder's floor.
    """

    def __init__(self, deviation: float) -> None:
        self.deviation = deviation

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,), zero at the goal."""
        squares: Tensor = ((next_latent - goal) / self.deviation).square().sum(-1)
        return -0.5 * squares


class Sparse:
    """Zero within a radius of the goal and minus one elsewhere."""

    def __init__(self, radius: float) -> None:
        self.radius = radius

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,)."""
        distance = torch.linalg.vector_norm(next_latent - goal, dim=-1)
        reward: Tensor = -(distance > self.radius).to(distance.dtype)
        return reward


class Scaled:
    """Another reward times a constant."""

    def __init__(self, reward: Reward, scale: float) -> None:
        self.reward, self.scale = reward, scale

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,)."""
        return self.scale * self.reward(next_latent, goal)


def make_reward(config: RewardConfig) -> Reward:
    """Return the reward of that name, scaled."""
    kinds: dict[str, Reward] = {
        'distance': LatentDistance(config.cap or math.inf), 'manhattan': ManhattanDistance(),
        'objects': ObjectsDistance(config.arm_weight),
        'log_probability': SquaredDistance(config.deviation),
        'sparse': Sparse(config.radius)}
    reward = kinds[config.kind]
    return reward if config.scale == 1 else Scaled(reward, config.scale)
