"""The control loop in one process: reset, step, goal pictures, distances. No ROS.

Used for training and evaluation; the ROS graph in lockstep runs the same world. Distances are
three-dimensional, in metres, from true positions: for evaluation only, nothing that learns may
read them.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rig_ros.control.action import Array, action_to_velocity
from rig_ros.control.objects import Vector3
from rig_ros.control.task import TaskConfig
from rig_ros.errors import ConfigError
from rig_ros.settings import require
from rig_ros.simulation.layout import Layout, draw_goal, draw_hand, draw_start
from rig_ros.simulation.painter import Picture
from rig_ros.simulation.props import Truth
from rig_ros.simulation.world import SawyerWorld

HAND_TRIES = 200
HELD_OUT_SEED = 20180712
"""Evaluation goals are drawn with this seed; training never uses it."""


@dataclass(frozen=True)
class Goal:
    """A picture to make true, and the positions in it (for evaluation only)."""

    image_hwc_u8: Picture
    observation: npt.NDArray[Any]
    """What an agent is given of it: the picture, unless the environment says otherwise."""
    truth: Truth
    """'hand', 'puck0', ...: positions [m], frame `base`."""
    start: Layout
    """How the episode begins that this goal belongs to; see `SawyerEnv.reset`."""


class SawyerEnv:
    """One task, stepped by actions in [-1, 1]^n."""

    def __init__(self, task: TaskConfig, seed: int = 0, image_size: int | None = None,
                 practised: TaskConfig | None = None) -> None:
        """Build the world of a task.

        Args:
            task: see `control.task`.
            seed: of the goals drawn when `sample_goal` is not given a generator.
            image_size: side of the pictures [pixel]; the task's if not given.
            practised: the same task with other starts: how an episode without a goal begins.
        """
        size = image_size or task.image_size
        self.task = task
        self.world = SawyerWorld(practised or task, seed, (size, size))
        self._rng = np.random.default_rng(seed)
        self._period = 1.0 / task.control_hz
        self._late: deque[tuple[Array, float]] = deque()
        """Velocities [m/s] and grips that are not in force yet, where the task delays them."""

    def observe(self) -> npt.NDArray[Any]:
        """Return what the agent is given: the picture. Shape (size, size, 3)."""
        return self.picture()

    def picture(self) -> Picture:
        """Return what the camera sees now. Shape (size, size, 3)."""
        return self.world.render()

    def reset(self, goal: Goal | None = None) -> npt.NDArray[Any]:
        """Put everything to the start and return the picture. Shape (size, size, 3).

        Args:
            goal: begin the episode that this goal belongs to; if left out, the start is drawn
                where the task says so.
        """
        self.begin(goal.start if goal else None)
        return self.observe()

    def begin(self, start: Layout | None = None) -> None:
        """Put everything to a start as `reset` does, without a picture."""
        self._late.clear()
        self.world.reset(start)

    def step(self, action: npt.ArrayLike) -> npt.NDArray[Any]:
        """Do one action for one control period and return the picture after it.

        Args:
            action: shape (n,), clipped to [-1, 1], in the order of the task's axes,
                then the gripper's where there is one.

        Raises:
            ConfigError: wrong number of components, or not finite.
        """
        self.act(action)
        return self.observe()

    def act(self, action: npt.ArrayLike) -> None:
        """Do one action as `step` does, without a picture."""
        velocity = action_to_velocity(action, self.task)
        self._late.append((velocity, float(np.clip(np.asarray(action)[-1], -1.0, 1.0))))
        if len(self._late) > self.world.delay_steps:
            velocity, grip = self._late.popleft()
            self.world.set_velocity(velocity)
            if self.task.gripper:
                self.world.set_grip(grip)
        self.world.advance(self._period)

    def sample_goal(self, rng: np.random.Generator | None = None) -> Goal:
        """Draw a goal for this episode, picture it and put the world back as it was.

        Args:
            rng: where the goal comes from; the environment's own generator if not given.
        """
        start = self.world.layout
        return self.picture_goal(*self.draw_goal(start, rng or self._rng), start)

    def draw_goal(self, start: Layout, rng: np.random.Generator) -> tuple[Vector3, Layout]:
        """Draw where hand [m] and objects are in a goal of an episode that starts so.

        Raises:
            ConfigError: when there is no room.
        """
        layout = draw_goal(self.task, start, rng)
        if self.task.door is None and layout.block is None:
            return draw_hand(self.task, layout, rng), layout
        with self._elsewhere():
            for _ in range(HAND_TRIES):
                hand = draw_hand(self.task, layout, rng)
                self.world.place(hand, layout)
                if self.world.hand_is_clear():
                    return hand, layout
        raise ConfigError(f'goal box of task {self.task.name}: the hand touched something in '
                          f'{HAND_TRIES} draws; make the box larger')

    def picture_goal(self, hand: npt.ArrayLike, layout: Layout | None = None,
                     start: Layout | None = None) -> Goal:
        """Picture a given goal and put the world back as it was.

        Args:
            hand: shape (3,) [m].
            layout: where the objects are; may be left out where a task has none.
            start: of the goal's episode; this one's if left out.
        """
        with self._elsewhere():
            before = self.world.layout
            self.world.place(hand, layout)
            picture = self.world.render()
            return Goal(picture, picture, self.world.ground_truth(), start or before)

    def truth_of(self, hand: npt.ArrayLike, layout: Layout | None = None) -> Truth:
        """Return a given goal's positions without a picture; see `picture_goal`."""
        with self._elsewhere():
            self.world.place(hand, layout)
            return self.world.ground_truth()

    @contextlib.contextmanager
    def _elsewhere(self) -> Iterator[None]:
        """Put the world back as it was when the block ends."""
        before = self.world.state()
        try:
            yield
        finally:
            self.world.restore(before)

    def distance(self, goal: Goal) -> dict[str, float]:
        """Return how far hand and pucks are from a goal now [m], by name.

        'pucks' is the mean over those on the table, in tasks with several.

        Raises:
            ConfigError: the goal has a puck that is not in this episode.
        """
        return self.distance_to(goal.truth)

    def do_nothing(self, goal: Goal) -> dict[str, float]:
        """Return how far a goal is from the reset state [m], by name: the baseline."""
        with self._elsewhere():
            self.world.put_at_start(goal.start)
            return self.distance_to(goal.truth)

    def distance_to(self, goal: Truth) -> dict[str, float]:
        """Return how far hand and pucks are from true positions; see `distance`."""
        here = self.world.ground_truth()
        missing = sorted(set(goal) - set(here))
        require(not missing, 'goal', f'one with {missing}', f'goals with {sorted(here)}, which '
                "are in this episode; begin the goal's episode with reset(goal)")
        result = {name: float(np.linalg.norm(np.subtract(here[name], place)))
                  for name, place in goal.items()}
        if len(self.task.pucks) > 1:
            pucks = [result[name] for name in goal if name.startswith('puck')]
            result['pucks'] = float(np.mean(pucks))
        return result

    def held_out_goals(self, count: int, seed: int = HELD_OUT_SEED) -> list[Goal]:
        """Return the fixed evaluation goals of this task, at this picture size.

        Their pictures are not randomised.
        """
        rng = np.random.default_rng(seed)
        goals = []
        with self.world.plain_looks():
            for _ in range(count):
                start = draw_start(self.task, rng)
                goals.append(self.picture_goal(*self.draw_goal(start, rng), start))
        return goals

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
