"""A goal that wants several objects elsewhere, pursued one object after another.

What practises on goals of one object at a time (`goals.narrowing`) acts towards such goals: the
object that is furthest off has its turn, until it is near or some steps are over. After as many
turns as there could be objects only the arm still has a goal.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from rig_ros.learning.object_latents import THERE, one_moved, split

FloatArray = NDArray[np.float32]

TURN_STEPS = 30
NEAR = 0.1
"""Distance at which an object is where it shall be; the spread of places is one."""


class Turns:
    """Holds whose turn it is, from the beginning of an episode or of a goal."""

    def __init__(self, count: int) -> None:
        """Begin.

        Args:
            count: objects in a latent.
        """
        self._count = count
        self.begin()

    def begin(self) -> None:
        """Begin anew."""
        self._goal: FloatArray | None = None
        self._towards: FloatArray | None = None
        self._which = self._count
        self._since = self._steps = 0

    def towards(self, latent: FloatArray, goal: FloatArray) -> FloatArray:
        """Return the goal (dim,) of the present turn, for how things are and a whole goal."""
        if self._goal is None or not np.array_equal(goal, self._goal):
            self._goal, self._towards, self._steps = goal.copy(), None, 0
        apart = self._apart(latent, goal)
        late = self._steps >= self._count * TURN_STEPS
        if self._which < self._count:
            over = late or self._since >= TURN_STEPS or 0 <= apart[self._which] < NEAR
        else:
            over = not late and apart.max() >= 2 * NEAR
        if self._towards is None or over:
            self._begin(latent, goal, apart, arm_only=late)
        self._since += 1
        self._steps += 1
        assert self._towards is not None
        return self._towards

    def _begin(self, latent: FloatArray, goal: FloatArray, apart: FloatArray, *,
               arm_only: bool) -> None:
        if self._towards is not None and self._which < self._count:
            apart[self._which] = -1  # it had its turn
        furthest = int(apart.argmax())
        far = not arm_only and apart[furthest] >= NEAR
        self._which, self._since = furthest if far else self._count, 0
        here, wanted = (torch.from_numpy(each[None]) for each in (latent, goal))
        self._towards = one_moved(here, wanted, torch.tensor([self._which]))[0].numpy()

    @staticmethod
    def _apart(latent: FloatArray, goal: FloatArray) -> FloatArray:
        """Return how far each object is off; -1 for one that is not seen in both."""
        (_, here), (_, there) = (split(torch.from_numpy(each)) for each in (latent, goal))
        apart = torch.linalg.vector_norm((here - there)[:, :2], dim=1)
        seen = (here[:, 2] > THERE) & (there[:, 2] > THERE)
        return torch.where(seen, apart, -1.0).numpy()
