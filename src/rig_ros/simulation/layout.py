"""Where things are at the start and in the goal of an episode: drawn from a task. Pure numpy.

Metres, frame `base`. Nothing is drawn for what a task fixes, so that a generator gives the same
goals whatever else a task could vary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig_ros.control.objects import Puck, Vector2, Vector3
from rig_ros.control.task import TaskConfig
from rig_ros.errors import ConfigError

TOOL_RADIUS = 0.018
"""Of the tool that pushes [m]."""
_TRIES = 1000


@dataclass(frozen=True)
class Layout:
    """Where the objects are; what a task does not have stays at its default."""

    pucks: tuple[Vector2 | None, ...] = ()
    """Centre (x, y) of each puck of the task; None is not on the table."""


Box = tuple[Vector2, Vector2]
"""Lower and upper corner."""


def _apart(a: Vector2, b: Vector2, distance: float) -> bool:
    return float(np.hypot(a[0] - b[0], a[1] - b[1])) > distance


def _draw_centres(task: TaskConfig, pucks: list[Puck], boxes: list[Box],
                  rng: np.random.Generator, hand: Vector3 | None = None) -> list[Vector2]:
    """Draw one centre from each box, all again until no puck touches another or the hand."""
    for _ in range(_TRIES):
        centres: list[Vector2] = [(x, y) for x, y in
                                  (rng.uniform(low, high).tolist() for low, high in boxes)]
        placed = list(zip(centres, pucks))
        if (all(_apart(a, b, p.radius + q.radius)
                for i, (a, p) in enumerate(placed) for b, q in placed[:i])
                and (hand is None or _beside(hand, placed))):
            return centres
    raise ConfigError(f'pucks of task {task.name}: no room for {len(pucks)} in their boxes; make '
                      'the boxes larger')


def _beside(hand: Vector3, placed: list[tuple[Vector2, Puck]]) -> bool:
    """Return whether the tool touches no puck, seen from above."""
    return all(_apart(hand[:2], centre, puck.radius + TOOL_RADIUS) for centre, puck in placed)


def draw_start(task: TaskConfig, rng: np.random.Generator) -> Layout:
    """Draw the start of an episode: how many pucks, which, and where.

    Raises:
        ConfigError: when there is no room.
    """
    fewest, most = task.puck_range
    present = list(range(len(task.pucks)))
    if fewest < len(present):
        count = int(rng.integers(fewest, most + 1))
        present = sorted(rng.choice(len(task.pucks), count, replace=False).tolist())
    pucks = [task.pucks[i] for i in present]
    if any(any(puck.start_spread) for puck in pucks):
        centres = _draw_centres(task, pucks, [_start_box(p) for p in pucks], rng,
                                task.reset_hand)
    else:
        centres = [puck.start for puck in pucks]
    at = dict(zip(present, centres))
    return Layout(tuple(at.get(i) for i in range(len(task.pucks))))


def draw_goal(task: TaskConfig, start: Layout, rng: np.random.Generator) -> tuple[Vector3, Layout]:
    """Draw a goal for an episode: the hand, and the objects that are there at its start.

    Raises:
        ConfigError: when there is no room.
    """
    present = [i for i, place in enumerate(start.pucks) if place is not None]
    pucks = [task.pucks[i] for i in present]
    centres = _draw_centres(task, pucks, [(p.goal_low, p.goal_high) for p in pucks], rng)
    hand = _draw_hand(task, list(zip(centres, pucks)), rng)
    at = dict(zip(present, centres))
    return hand, Layout(tuple(at.get(i) for i in range(len(task.pucks))))


def _start_box(puck: Puck) -> Box:
    (x, y), (dx, dy) = puck.start, puck.start_spread
    return (x - dx, y - dy), (x + dx, y + dy)


def _draw_hand(task: TaskConfig, placed: list[tuple[Vector2, Puck]],
               rng: np.random.Generator) -> Vector3:
    for _ in range(_TRIES):
        x, y, z = rng.uniform(task.goal_low, task.goal_high).tolist()
        if _beside((x, y, z), placed):
            return x, y, z
    raise ConfigError(f'goal box of task {task.name}: no room for the hand beside the pucks; make '
                      'the box larger')
