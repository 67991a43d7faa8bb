"""The control loop in one process: reset, step, goal pictures, distances. No ROS.

Used for training and evaluation; the ROS graph in lockstep runs the same world. Distances are
three-dimensional, in metres, from true positions: for evaluation only, nothing that learns may
read them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_ros.control.action import action_to_velocity
from rig_ros.control.task import TaskConfig, Vector3
from rig_ros.errors import ConfigError
from rig_ros.simulation.painter import Picture
from rig_ros.simulation.world import SawyerWorld

HELD_OUT_SEED = 20180712
"""Evaluation goals are drawn with this seed; training never uses it."""
TOOL_RADIUS = 0.018
"""Of the tool that pushes [m]."""


@dataclass(frozen=True)
class Goal:
    """A picture to make true, and the positions in it (for evaluation only)."""

    image_hwc_u8: Picture
    truth: dict[str, Vector3]
    """'hand', 'puck0', ...: positions [m], frame `base`."""


def _distances(here: dict[str, Vector3], there: dict[str, Vector3]) -> dict[str, float]:
    return {name: float(np.linalg.norm(np.subtract(here[name], there[name]))) for name in there}


class SawyerEnv:
    """One task, stepped by actions in [-1, 1]^n."""

    def __init__(self, task: TaskConfig, seed: int = 0, image_size: int | None = None) -> None:
        """Build the world of a task.

        Args:
            task: see `control.task`.
            seed: of the goals drawn when `sample_goal` is not given a generator.
            image_size: side of the pictures [pixel]; the task's if not given.
        """
        size = image_size or task.image_size
        self.task = task
        self.world = SawyerWorld(task, seed, (size, size))
        self._rng = np.random.default_rng(seed)
        self._period = 1.0 / task.control_hz
        self._start = self.world.ground_truth()

    def reset(self) -> Picture:
        """Put everything to the start and return the picture. Shape (size, size, 3)."""
        self.world.reset()
        return self.world.render()

    def step(self, action: npt.ArrayLike) -> Picture:
        """Do one action for one control period and return the picture after it.

        Args:
            action: shape (n,), clipped to [-1, 1], in the order of the task's axes.

        Raises:
            ConfigError: wrong number of components, or not finite.
        """
        self.world.set_velocity(action_to_velocity(action, self.task))
        self.world.advance(self._period)
        return self.world.render()

    def sample_goal(self, rng: np.random.Generator | None = None) -> Goal:
        """Draw a goal, picture it and put the world back as it was.

        Args:
            rng: where the goal comes from; the environment's own generator if not given.
        """
        rng = rng or self._rng
        pucks = self._draw_pucks(rng)
        hand = self._draw_hand(rng, pucks)
        return self.picture_goal(hand, pucks)

    def picture_goal(self, hand: npt.ArrayLike, pucks: npt.ArrayLike = ()) -> Goal:
        """Picture a given goal and put the world back as it was.

        Args:
            hand: shape (3,) [m].
            pucks: shape (number of pucks, 2) [m].
        """
        before = self.world.state()
        try:
            self.world.place(hand, pucks)
            return Goal(self.world.render(), self.world.ground_truth())
        finally:
            self.world.restore(before)

    def _draw_pucks(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        pucks = self.task.pucks
        for _ in range(1000):
            centres = np.array([rng.uniform(p.goal_low, p.goal_high) for p in pucks])
            if all(np.linalg.norm(centres[i] - centres[j]) > pucks[i].radius + pucks[j].radius
                   for i in range(len(pucks)) for j in range(i)):
                return centres.reshape(-1, 2)
        raise ConfigError(f'pucks of task {self.task.name}: no room for {len(pucks)} in their '
                          'goal boxes; make the boxes larger')

    def _draw_hand(self, rng: np.random.Generator,
                   pucks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        for _ in range(1000):
            hand = rng.uniform(self.task.goal_low, self.task.goal_high)
            if all(np.linalg.norm(hand[:2] - centre) > puck.radius + TOOL_RADIUS
                   for centre, puck in zip(pucks, self.task.pucks)):
                return hand
        raise ConfigError(f'goal box of task {self.task.name}: no room for the hand beside the '
                          'pucks; make the box larger')

    def distance(self, goal: Goal) -> dict[str, float]:
        """Return how far hand and pucks are from a goal now [m], by name."""
        return _distances(self.world.ground_truth(), goal.truth)

    def do_nothing(self, goal: Goal) -> dict[str, float]:
        """Return how far a goal is from the reset state [m], by name: the baseline."""
        return _distances(self._start, goal.truth)

    def held_out_goals(self, count: int, seed: int = HELD_OUT_SEED) -> list[Goal]:
        """Return the fixed evaluation goals of this task, at this picture size."""
        rng = np.random.default_rng(seed)
        return [self.sample_goal(rng) for _ in range(count)]

    def close(self) -> None:
        """Free the GL context."""
        self.world.close()


def held_out_goals(task: TaskConfig, count: int, seed: int = HELD_OUT_SEED) -> list[Goal]:
    """Return the fixed evaluation goals of a task; training never uses them."""
    env = SawyerEnv(task)
    try:
        return env.held_out_goals(count, seed)
    finally:
        env.close()
