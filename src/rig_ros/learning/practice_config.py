"""How a learner practises and which goals its transitions are given: two sections of a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from rig_ros.settings import require


@dataclass(frozen=True)
class RelabelConfig:
    """Where the goals of training transitions come from; the three shares sum to 1."""

    rollout: float = 0.2
    """The goal of the episode, if it had one (paper: 0.2)."""
    future: float = 0.4
    """A later picture of the same episode (paper: 0.4)."""
    prior: float = 0.4
    """An imagined goal (paper: 0.4)."""

    def __post_init__(self) -> None:
        shares = (self.rollout, self.future, self.prior)
        require(min(shares) >= 0 and abs(sum(shares) - 1.0) < 1e-6,
                'rollout, future, prior', shares, 'shares that sum to 1')


@dataclass(frozen=True)
class ExploreConfig:
    """What is added to the policy's actions while it practises: Ornstein-Uhlenbeck noise."""

    theta: float = 0.15
    """Pull to zero per step (paper: 0.15)."""
    sigma: float = 0.3
    """Noise per step, in actions of [-1, 1] (paper: 0.2)."""
    random_sigma: float = 0.6
    """The same for the random steps, where it is all there is (paper: uniform actions)."""
    random_steps: int = 1000
    """Steps of random motion before the first training (paper: 5,000 for the reacher's VAE)."""
    goals_in_turn: int = 1
    """Goals of a practised episode, one after another, each from where the one before led; in the
    simulation's loop (paper: 1)."""
    random_tail: float = 0.0
    """Share of a practised episode, at its end, that moves at random from where practice led; in
    the simulation's loop (paper: none)."""
    reset_free: bool = False
    """Whether a practised episode begins where the one before ended, in the simulation's loop; a
    measured one begins at the task's start (paper: no; Skew-Fit's door: yes)."""
    every_object: bool = False
    """Whether all objects of a task are there in a practised episode, in the simulation's loop; a
    measured one has those the task draws, such as one to three pucks."""

    def __post_init__(self) -> None:
        require(0 < self.theta <= 1, 'theta', self.theta, 'above 0, to 1')
        require(self.sigma >= 0, 'sigma', self.sigma, '0 or more')
        require(self.random_sigma > 0, 'random_sigma', self.random_sigma, 'above 0')
        require(self.random_steps >= 1, 'random_steps', self.random_steps, '1 or more')
        require(self.goals_in_turn >= 1, 'goals_in_turn', self.goals_in_turn, '1 or more')
        require(0 <= self.random_tail <= 1, 'random_tail', self.random_tail, '0 to 1')
