"""How a policy is judged: one deterministic episode for each of a fixed set of goal pictures.

The environment and the agent are injected; the agent sees pictures only, and the true distances
come from the environment's ground truth. Doing nothing is always measured beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rig_ros.evaluation.metrics import Summary, summarise
from rig_ros.evaluation.units import ANGLES
from rig_ros.settings import require

FloatArray = NDArray[np.float32]
ImageArray = NDArray[np.uint8]
Observation = NDArray[Any]
"""A picture, as `ImageArray`, unless the agent is one that is given true positions."""
PRIMARY = ('door', 'object', 'pucks', 'puck0', 'hand')
"""A task is judged by the first of these that it has."""


class Goal(Protocol):
    """A goal picture; its ground truth is the environment's business."""

    @property
    def image_hwc_u8(self) -> ImageArray:
        """The picture to make true."""
        ...

    @property
    def observation(self) -> Observation:
        """What the agent is given of it: that picture, or a state."""
        ...


class Environment(Protocol):
    """What evaluation needs of `simulation.environment.SawyerEnv`."""

    def reset(self, goal: Any = None) -> Observation:
        """Return to the start of the goal's episode and give its picture."""
        ...

    def step(self, action: FloatArray) -> Observation:
        """Act for one control step."""
        ...

    def picture(self) -> ImageArray:
        """Return the picture of how things are."""
        ...

    def distance(self, goal: Any) -> dict[str, float]:
        """Return the distance to the goal by object [m]."""
        ...


class Agent(Protocol):
    """What evaluation needs of a model; `learning.bundle.Bundle` is one."""

    def encode(self, image_hwc_u8: ImageArray, /) -> tuple[FloatArray, FloatArray]:
        """Return mean and log-variance of a picture's latent."""
        ...

    def begin(self) -> None:
        """An episode begins."""
        ...

    def act(self, latent: FloatArray, goal: FloatArray) -> FloatArray:
        """Return the deterministic action."""
        ...


@dataclass(frozen=True)
class GoalRecord:
    """One episode."""

    index: int
    do_nothing: dict[str, float]
    """Distance of where the episode begins to the goal by object [m]."""
    final: dict[str, float]
    """Distance after the last step by object [m]."""
    goal_image: ImageArray
    final_image: ImageArray


@dataclass(frozen=True)
class Evaluation:
    """All episodes of one evaluation."""

    records: tuple[GoalRecord, ...]
    steps: int
    """Control steps in an episode."""

    @property
    def objects(self) -> list[str]:
        """Names of what distances are measured for, pucks before the hand."""
        return sorted({name for record in self.records for name in record.final}, reverse=True)

    @property
    def primary(self) -> str:
        """What the task is about: its object, all its pucks together, or the hand."""
        return primary_of(self.objects)

    def final(self, name: str) -> list[float]:
        """Return the final distances of one object [m], of the episodes it was in."""
        return [record.final[name] for record in self.records if name in record.final]

    def do_nothing(self, name: str) -> list[float]:
        """Return the distances of doing nothing for one object [m], likewise."""
        return [record.do_nothing[name] for record in self.records if name in record.do_nothing]

    def summary(self, name: str | None = None) -> Summary:
        """Return the summary of one object's final distances; of the primary one by default."""
        return summarise(self.final(name or self.primary))

    def figures(self) -> dict[str, Any]:
        """Return what `--json` files hold: the primary object's figures, then each object's.

        Names that end in `_m` are metres unless `unit` beside them says that they are radians.
        """
        main = self.summary()
        by_object = {}
        for name in self.objects:
            summary = self.summary(name)
            by_object[name] = {
                'median_final_distance_m': summary.median, 'mean_final_distance_m': summary.mean,
                'median_95': list(summary.median_interval), 'mean_95': list(summary.mean_interval),
                'unit': 'rad' if name in ANGLES else 'm', 'worst_m': summary.worst,
                'do_nothing_m': float(np.mean(self.do_nothing(name))),
                'success': {f'{t:g}': rate for t, rate in summary.success.items()}}
        return {'median_final_distance_m': main.median, 'mean_final_distance_m': main.mean,
                'do_nothing_m': float(np.mean(self.do_nothing(self.primary))),
                'unit': by_object[self.primary]['unit'], 'goals': main.count,
                'objects': by_object}


def primary_of(objects: Container[str]) -> str:
    """Return what a task with these objects is about."""
    return next(name for name in PRIMARY if name in objects)


def run(agent: Agent, environment: Environment, goals: Sequence[Goal], steps: int,
        progress: Callable[[int], None] | None = None, *, resets: bool = True) -> Evaluation:
    """Let the agent act towards each goal for a fixed number of steps.

    Args:
        agent: acts without exploration.
        environment: its task must be the one the goals were made for.
        goals: held-out goals.
        steps: control steps in an episode.
        progress: called with the number of finished goals.
        resets: whether each goal's episode begins at its own start. Without, all but the first
            begin as a reset without a goal leaves things, which must be one that moves nothing
            (`TaskConfig.reset_free`).
    """
    require(len(goals) > 0, 'goals', len(goals), 'one or more')
    require(steps >= 1, 'steps', steps, '1 or more')
    records = []
    for index, goal in enumerate(goals):
        observation = environment.reset(goal if resets or index == 0 else None)
        do_nothing = environment.distance(goal)
        agent.begin()
        goal_latent, _ = agent.encode(goal.observation)
        for _ in range(steps):
            latent, _ = agent.encode(observation)
            observation = environment.step(agent.act(latent, goal_latent))
        records.append(GoalRecord(index, do_nothing, environment.distance(goal),
                                  goal.image_hwc_u8, environment.picture().copy()))
        if progress is not None:
            progress(index + 1)
    return Evaluation(tuple(records), steps)
