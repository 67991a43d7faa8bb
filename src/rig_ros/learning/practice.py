"""The loop that practises in an environment: act, store, train, measure now and then.

Steps are environment steps. What learns from recordings instead has a loop of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rig_ros.learning.pictures import Observation
from rig_ros.learning.progress import Progress, ProgressHook, ignore_progress
from rig_ros.learning.trainer import Float32Array, Learner

logger = logging.getLogger(__name__)


class Environment(Protocol):
    """What the loop needs of a world: observations as `Replay` keeps, actions (n,) in [-1, 1]."""

    def reset(self) -> Observation:
        """Bring the hand to its start and return the first observation."""

    def step(self, action: Float32Array) -> Observation:
        """Carry out one control step and return the observation after it."""


@dataclass(frozen=True)
class Record:
    """Figures at one point of a training."""

    env_steps: int
    wall_s: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """When and how to measure; `measure` returns figures in metres, by name."""

    measure: Callable[[Learner], Mapping[str, float]]
    every_steps: int


def run_episode(env: Environment, learner: Learner, horizon: int,
                image: Observation | None = None) -> Observation:
    """Practise an imagined goal (or move at random before any VAE) and store the episode.

    The end of it may be random again: from where practice led, it meets what it seldom meets.

    Args:
        env: the world.
        learner: acts, and keeps the episode.
        horizon: steps.
        image: how things are, to go on from there; otherwise the world is reset.

    Returns:
        The last observation.
    """
    learner.start_episode()
    if image is None:
        image = env.reset()
    images, actions = [image], []
    goal = learner.imagine_goal(image) if learner.ready else None
    directed = round(horizon * (1 - learner.config.explore.random_tail))
    for step in range(horizon):
        action = (learner.random_action() if goal is None or step >= directed
                  else learner.act(learner.encode(image), goal, explore=True))
        image = env.step(action)
        images.append(image)
        actions.append(action)
    learner.add_episode(np.stack(images), np.stack(actions),
                        None if goal is None else learner.decode(goal))
    return image


def train_in_environment(env: Environment, learner: Learner, steps: int, *, horizon: int,
                         progress: ProgressHook = ignore_progress,
                         evaluation: Evaluation | None = None,
                         clock: Callable[[], float] = time.monotonic) -> list[Record]:
    """Alternate episodes and training until `steps` environment steps are done.

    Args:
        env: the world.
        learner: new, or restored to go on.
        steps: environment steps in all, counted from the learner's beginning.
        horizon: steps in an episode; the last one is shortened to end at `steps`.
        progress: called often, with figures.
        evaluation: measured on the way and at the end; None never.
        clock: seconds, for the records.

    Returns:
        One record for each evaluation (or one at the end).
    """
    began = clock()
    records: list[Record] = []
    next_evaluation = learner.env_steps + (evaluation.every_steps if evaluation else steps)
    in_turn = learner.config.explore.goals_in_turn
    image: Observation | None = None
    episodes = 0
    while learner.env_steps < steps:
        length = min(max(1, horizon // in_turn), steps - learner.env_steps)
        image = run_episode(env, learner, length, image if episodes % in_turn else None)
        episodes += 1
        metrics = learner.train(length, progress)
        progress(Progress('collect', learner.env_steps, steps, learner.env_steps, dict(metrics)))
        finished = learner.env_steps >= steps
        if learner.env_steps >= next_evaluation or finished:
            next_evaluation += evaluation.every_steps if evaluation else steps
            measured = evaluation.measure(learner) if evaluation and learner.ready else {}
            records.append(Record(learner.env_steps, clock() - began, {**metrics, **measured}))
            logger.info('%d steps: %s', learner.env_steps, records[-1].metrics)
    return records
