"""The agent: goal-conditioned TD3 on latents (Fujimoto et al. 2018), as the paper uses it.

Observation and goal are latent means. Episodes never end early, so every target bootstraps.
"""

from __future__ import annotations

import copy
from typing import Protocol

import torch
from torch import Tensor, nn

from rig_ros.learning.config import TD3Config
from rig_ros.learning.networks import Critics, Policy


class Agent(Protocol):
    """What learns to act from latents, goals and rewards."""

    def act(self, latent: Tensor, goal: Tensor) -> Tensor:
        """Return deterministic actions (B, n) for latents and goals (B, dim)."""
        ...

    def update(self, latent: Tensor, action: Tensor, reward: Tensor, next_latent: Tensor,
               goal: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Learn from B transitions and return losses."""
        ...


class TD3(nn.Module):
    """See the module."""

    def __init__(self, latent_dim: int, action_dim: int, config: TD3Config) -> None:
        super().__init__()
        self.config = config
        self.policy = Policy(latent_dim, action_dim, config.hidden)
        self.critics = Critics(config.critics, latent_dim, action_dim, config.hidden,
                               layer_norm=config.layer_norm)
        self.target_policy = copy.deepcopy(self.policy).requires_grad_(False)
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        self.policy_optimiser = torch.optim.Adam(self.policy.parameters(), config.learning_rate,
                                                 fused=True)
        self.critics_optimiser = torch.optim.Adam(self.critics.parameters(), config.learning_rate,
                                                  fused=True)
        self.updates = 0

    @torch.no_grad()
    def act(self, latent: Tensor, goal: Tensor) -> Tensor:
        """Return deterministic actions (B, n) in [-1, 1]."""
        actions: Tensor = self.policy(latent, goal)
        return actions

    def update(self, latent: Tensor, action: Tensor, reward: Tensor, next_latent: Tensor,
               goal: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve the critics, and every `policy_delay` times policy and targets.

        Args:
            latent: (B, dim).
            action: (B, n).
            reward: (B,).
            next_latent: (B, dim).
            goal: (B, dim).
            generator: source of the target noise.

        Returns:
            `critic_loss`, `value` and, when the policy moved, `policy_loss`: scalars.
        """
        with torch.no_grad():
            noise = self.config.target_noise * torch.randn(action.shape, generator=generator)
            noise.clamp_(-self.config.target_noise_clip, self.config.target_noise_clip)
            next_action = (self.target_policy(next_latent, goal) + noise).clamp_(-1, 1)
            next_value = self.target_critics(next_latent, goal, next_action).amin(0)
            target = reward + self.config.discount * next_value
        values = self.critics(latent, goal, action)
        critic_loss = ((values - target) ** 2).mean(1).sum()
        self.critics_optimiser.zero_grad()
        critic_loss.backward()
        self.critics_optimiser.step()
        metrics = {'critic_loss': critic_loss.detach(), 'value': values.detach().mean()}
        self.updates += 1
        if self.updates % self.config.policy_delay == 0:
            self.critics.requires_grad_(False)
            policy_loss = -self.critics(latent, goal, self.policy(latent, goal))[0].mean()
            self.policy_optimiser.zero_grad()
            policy_loss.backward()
            self.policy_optimiser.step()
            self.critics.requires_grad_(True)
            self._move_targets()
            metrics['policy_loss'] = policy_loss.detach()
        return metrics

    @torch.no_grad()
    def _move_targets(self) -> None:
        rate = self.config.target_rate
        for online, target in ((self.policy, self.target_policy),
                               (self.critics, self.target_critics)):
            torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), rate)
