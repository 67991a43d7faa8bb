"""Imagined goals and relabelling, both in latent space.

RIG practises on goals it imagines (draws from a prior over latents) and learns from each
transition under several goals: the episode's own, one it reached later, and an imagined one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from rig_ros.learning.config import GoalKind, TrainConfig
from rig_ros.learning.object_latents import one_imagined
from rig_ros.learning.practice_config import RelabelConfig
from rig_ros.learning.replay import Batch

MIN_STD = 1e-6
MAX_VISITED = 8192
"""Latents a goal setter remembers."""


class GoalSetter(Protocol):
    """Where imagined goals come from."""

    mean: Tensor
    std: Tensor

    def fit(self, latents: Tensor, weights: Tensor | None = None) -> None:
        """Adapt to latents (N, dim) of pictures seen, which count by weights (N,), or alike."""
        ...

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Return goals (count, dim)."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Return what `fit` learned."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take what `state_dict` returned."""
        ...


class FittedPrior(nn.Module):
    """A Gaussian with the mean and deviation of the pictures' latents, dimension by dimension."""

    mean: Tensor
    std: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer('mean', torch.zeros(latent_dim))
        self.register_buffer('std', torch.ones(latent_dim))

    def fit(self, latents: Tensor, weights: Tensor | None = None) -> None:
        """Take the weighted mean and deviation of the latents (N, dim)."""
        weights = torch.ones(len(latents)) if weights is None else weights
        share = (weights / weights.sum()).unsqueeze(1)
        self.mean = (share * latents).sum(0)
        self.std = (share * (latents - self.mean) ** 2).sum(0).sqrt().clamp(min=MIN_STD)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw goals (count, dim)."""
        noise = torch.randn((count, self.mean.shape[0]), generator=generator)
        return self.mean + self.std * noise

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take what `state_dict` returned."""
        for name, tensor in state.items():
            self.register_buffer(name, tensor.clone())


class NormalPrior(FittedPrior):
    """N(0, 1), the prior the VAE was trained towards, whatever was seen."""

    def fit(self, latents: Tensor, weights: Tensor | None = None) -> None:
        """Keep N(0, 1)."""
        del latents, weights


class VisitedLatents(FittedPrior):
    """Latents of pictures seen, drawn by their weights; mean and deviation are still fitted.

    A Gaussian in 8 dimensions is mostly air: pictures of a hand that moves in a plane lie on a
    surface in it, and goals beside the surface cannot be reached.
    """

    latents: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.register_buffer('latents', torch.zeros(1, latent_dim))

    def fit(self, latents: Tensor, weights: Tensor | None = None) -> None:
        """Remember the latents (N, dim), as often as they weigh, MAX_VISITED at most."""
        super().fit(latents, weights)
        weights = torch.ones(len(latents)) if weights is None else weights
        self.latents = latents[resample(weights, min(len(latents), MAX_VISITED))]

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw goals (count, dim)."""
        return self.latents[torch.randint(len(self.latents), (count,), generator=generator)]

    def thinned(self, count: int) -> VisitedLatents:
        """Return a copy that remembers at most so many of the latents, taken at even distances."""
        copied = copy.deepcopy(self)
        if len(self.latents) > count:
            copied.latents = self.latents[resample(torch.ones(len(self.latents)), count)]
        return copied


class CorrelatedGoals(VisitedLatents):
    """Draws of a Gaussian with the latents' whole covariance, kept as if they had been visited.

    It reaches beyond what was seen, as the paper's prior does, but along the directions in which
    latents vary together: goals stay near the surface of pictures where that surface is flat.
    """

    share = 1.0
    """Of these draws; the rest of what is kept are latents that were visited."""

    def fit(self, latents: Tensor, weights: Tensor | None = None) -> None:
        """Remember draws around the latents (N, dim) that count by their weights."""
        super().fit(latents, weights)
        weights = torch.ones(len(latents)) if weights is None else weights
        from_mean = latents - self.mean
        covariance = (from_mean * (weights / weights.sum()).unsqueeze(1)).T @ from_mean
        variances, directions = torch.linalg.eigh(covariance)
        root = directions * variances.clamp(min=0).sqrt()
        # A table of the same draws each time, so that fitting takes nothing from any generator.
        normal = torch.randn((round(self.share * MAX_VISITED), latents.shape[1]),
                             generator=torch.Generator().manual_seed(0))
        visited = self.latents[torch.arange(MAX_VISITED - len(normal)) % len(self.latents)]
        self.latents = torch.cat((self.mean + normal @ root.T, visited))


class GoalsBeyond(CorrelatedGoals):
    """Half visited latents, half draws of the Gaussian around them."""

    share = 0.5


def resample(weights: Tensor, count: int) -> Tensor:
    """Return `count` indices, each as often as its weight's share to within one; no chance."""
    edges = torch.cumsum(weights.double(), 0)
    at = (torch.arange(count, dtype=torch.float64) + 0.5) * (edges[-1] / count)
    return torch.searchsorted(edges, at).clamp(max=len(weights) - 1)


def make_goal_setter(kind: GoalKind, latent_dim: int) -> FittedPrior:
    """Return the goal setter of that name."""
    kinds: dict[str, type[FittedPrior]] = {
        'fitted': FittedPrior, 'normal': NormalPrior, 'visited': VisitedLatents,
        'correlated': CorrelatedGoals, 'beyond': GoalsBeyond}
    return kinds[kind](latent_dim)


def narrowing(config: TrainConfig,
              generator: torch.Generator) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Return what makes imagined goals such of one object, if the recipe wants them.

    It takes latents (B, dim) and goals (B, dim) that are imagined from there.
    """
    objects = config.objects_in_latents
    if objects is None or not objects.one_at_a_time:
        return None
    choices = objects.count + 1
    return lambda latent, goal: one_imagined(
        latent, goal, torch.randint(choices, (len(goal),), generator=generator))


def relabel(batch: Batch, shares: RelabelConfig, setter: GoalSetter,
            generator: torch.Generator,
            narrow: Callable[[Tensor, Tensor], Tensor] | None = None) -> Tensor:
    """Return a goal (B, dim) for each transition, drawn from the mixture.

    A transition whose episode had no goal (random motion) gets a future one in its place. What
    is imagined goes through `narrow`, with the latents it is imagined from, if there is one.
    """
    size = len(batch.latent)
    draw = torch.rand(size, 1, generator=generator)
    imagined = setter.sample(size, generator)
    if narrow is not None:
        imagined = narrow(batch.latent, imagined)
    rollout = torch.where(batch.has_rollout_goal.unsqueeze(1), batch.rollout_goal, batch.future)
    goal = torch.where(draw < shares.rollout + shares.future, batch.future, imagined)
    return torch.where(draw < shares.rollout, rollout, goal)
