"""Rewards computed from latents alone: no state, no task knowledge."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Reward(Protocol):
    """What is good: a function of the latent reached and the goal."""

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,) for latents and goals (B, dim)."""
        ...


class LatentDistance:
    """Minus the Euclidean distance in latent space: the paper's main reward."""

    def __call__(self, next_latent: Tensor, goal: Tensor) -> Tensor:
        """Return rewards (B,), zero at the goal."""
        distance: Tensor = torch.linalg.vector_norm(next_latent - goal, dim=-1)
        return -distance
