"""How a policy is carried out where nothing is explored: object by object, smoothly, to the goal.

A policy learnt with one step at a time in view sends the arm back and forth about its goal. The
mean of an action and those before keeps what they have in common. And where the goal is as near
as a step leads, standing still loses less than another step may.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rig_ros.learning.turns import Turns

FloatArray = NDArray[np.float32]
PolicyFunction = Callable[[FloatArray, FloatArray], FloatArray]


class Execution:
    """What actions depend on beside latent and goal, since an episode began."""

    def __init__(self, smoothing: float, objects: int = 0, arrival: float = 0.0) -> None:
        """Begin.

        Args:
            smoothing: share of the action before in the next, in [0, 1).
            objects: in a latent, where goals are of one at a time; else 0.
            arrival: distance of latent and goal below which the policy is not asked to move.
        """
        self.smoothing, self.arrival = smoothing, arrival
        self._turns = Turns(objects) if objects else None
        self.begin()

    def begin(self) -> None:
        """An episode begins: from standstill, and with the first turn."""
        self._before: FloatArray | float = 0.0
        if self._turns is not None:
            self._turns.begin()

    def act(self, policy: PolicyFunction, latent: FloatArray, goal: FloatArray) -> FloatArray:
        """Return the action (n,) in [-1, 1] for a latent and a whole goal (dim,)."""
        arrived = np.linalg.norm(latent - goal) < self.arrival
        if self._turns is not None:
            goal = self._turns.towards(latent, goal)
        newest = np.clip(policy(latent, goal), -1.0, 1.0) * (not arrived)
        action: FloatArray = (1 - self.smoothing) * newest + self.smoothing * self._before
        self._before = action.copy()
        return action
