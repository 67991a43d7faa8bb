"""True positions as vectors, for agents that learn from state. Pure numpy.

A goal vector holds the hand's (x, y, z), each puck's (x, y), the door's angle and the block's
(x, y, z); metres, radians, frame `base`; a puck that is not on the table is told to be `ASIDE`
beyond the hand's box, about as far from the others as they are from each other. A state vector is
a goal vector and the gripper's opening [m] where there is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rig_ros.control.task import TaskConfig
from rig_ros.simulation.props import Truth

Array32 = npt.NDArray[np.float32]
ASIDE = 0.1
"""[m], along x."""


class StateVectors:
    """How the truth of one task is laid out in vectors."""

    def __init__(self, task: TaskConfig) -> None:
        self._sizes = {'hand': 3, **{f'puck{i}': 2 for i in range(len(task.pucks))}}
        if task.door:
            self._sizes['door'] = 1
        if task.block:
            self._sizes['object'] = 3
        self._gripper = task.gripper
        low, high = task.workspace_low, task.workspace_high
        self._aside = (high[0] + ASIDE, (low[1] + high[1]) / 2)
        self._starts = np.cumsum([0, *self._sizes.values()])[:-1]

    @property
    def parts(self) -> tuple[str, ...]:
        """What is in a goal vector, in order."""
        return tuple(self._sizes)

    @property
    def goal_size(self) -> int:
        """Length of a goal vector."""
        return sum(self._sizes.values())

    @property
    def state_size(self) -> int:
        """Length of a state vector."""
        return self.goal_size + self._gripper

    def goal(self, truth: Truth) -> Array32:
        """Return the goal vector of true positions. Shape (goal_size,)."""
        parts = [truth.get(name, self._aside)[:size] for name, size in self._sizes.items()]
        return np.concatenate(parts).astype(np.float32)

    def state(self, truth: Truth, opening: float = 0.0) -> Array32:
        """Return the state vector of true positions. Shape (state_size,).

        Args:
            truth: where everything is.
            opening: of the gripper [m].
        """
        more = [opening] if self._gripper else []
        return np.append(self.goal(truth), np.array(more, np.float32))

    def distances(self, a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the distance between goal vectors by part [m], the door's [rad].

        Args:
            a: shape (..., goal_size).
            b: likewise.

        Returns:
            Shape (..., number of parts).
        """
        squares = np.square(np.subtract(a, b))
        result: npt.NDArray[Any] = np.sqrt(np.add.reduceat(squares, self._starts, axis=-1))
        return result
