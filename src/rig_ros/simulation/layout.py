"""Where things are at the start and in the goal of an episode: drawn from a task. Pure numpy.

Metres, frame `base`. Nothing is drawn for what a task fixes, so that a generator gives the same
goals whatever else a task could vary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig_ros.control.objects import Block, Puck, Vector2, Vector3
from rig_ros.control.task import TaskConfig
from rig_ros.errors import ConfigError

TOOL_RADIUS = 0.018
"""Of the tool that pushes [m]."""
DOOR_HINGE = (0.725, -0.21)
"""Axis of the door's hinge (x, y) in `sim/door.xml` [m]."""
PANEL_FRONT = 0.01
"""From the hinge's plane to the face of the door [m]."""
HOOK_REACH = 0.06
"""How far the hook reaches forward from the hand [m]."""
_TRIES = 1000


@dataclass(frozen=True)
class Layout:
    """Where the objects are; what a task does not have stays at its default."""

    pucks: tuple[Vector2 | None, ...] = ()
    """Centre (x, y) of each puck of the task; None is not on the table."""
    door_rad: float = 0.0
    """Angle of the door; 0 is shut."""
    block: Vector2 | None = None
    """Centre (x, y) of the block on the table; None where it is held, or the task has none."""
    closed: bool = False
    """Whether the gripper is closed; a block that is not on the table is in it."""


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


def before_door(hand: Vector3, door_rad: float) -> bool:
    """Return whether hand and hook are on the robot's side of the door's face."""
    x, y = hand[0] + HOOK_REACH - DOOR_HINGE[0], hand[1] - DOOR_HINGE[1]
    return math.cos(door_rad) * x + math.sin(door_rad) * y < -PANEL_FRONT


def draw_start(task: TaskConfig, rng: np.random.Generator) -> Layout:
    """Draw the start of an episode: how many pucks, which, and where.

    Raises:
        ConfigError: when there is no room.
    """
    present = list(range(len(task.pucks)))
    if task.pucks_vary:
        fewest, most = task.puck_range
        count = int(rng.integers(fewest, most + 1))
        present = sorted(rng.choice(len(task.pucks), count, replace=False).tolist())
    pucks = [task.pucks[i] for i in present]
    if any(any(puck.start_spread) for puck in pucks):
        centres = _draw_centres(task, pucks, [_start_box(p) for p in pucks], rng,
                                task.reset_hand)
    else:
        centres = [puck.start for puck in pucks]
    at = dict(zip(present, centres))
    return Layout(tuple(at.get(i) for i in range(len(task.pucks))),
                  block=task.block.start if task.block else None)


def draw_goal(task: TaskConfig, start: Layout, rng: np.random.Generator) -> Layout:
    """Draw where the objects that an episode has at its start are in its goal.

    Raises:
        ConfigError: when there is no room.
    """
    present = [i for i, place in enumerate(start.pucks) if place is not None]
    pucks = [task.pucks[i] for i in present]
    centres = _draw_centres(task, pucks, [(p.goal_low, p.goal_high) for p in pucks], rng)
    at = dict(zip(present, centres))
    door_rad = rng.uniform(task.door.goal_low, task.door.goal_high) if task.door else 0.0
    block, closed = _draw_block(task.block, rng) if task.block else (None, False)
    return Layout(tuple(at.get(i) for i in range(len(task.pucks))), door_rad, block, closed)


def _draw_block(block: Block, rng: np.random.Generator) -> tuple[Vector2 | None, bool]:
    """Draw a block that is held, or lies on the table under an open or closed gripper."""
    if rng.uniform() < block.held_goals:
        return None, True
    x, y = rng.uniform(block.goal_low, block.goal_high).tolist()
    return (x, y), bool(rng.uniform() < 0.5)


def draw_hand(task: TaskConfig, goal: Layout, rng: np.random.Generator) -> Vector3:
    """Draw the hand's goal [m]: beside the pucks and before the door.

    Whether it touches the door's handle or the block only the simulation knows.

    Raises:
        ConfigError: when there is no room.
    """
    placed = [(place, puck) for place, puck in zip(goal.pucks, task.pucks) if place is not None]
    for _ in range(_TRIES):
        x, y, z = rng.uniform(task.goal_low, task.goal_high).tolist()
        if (_beside((x, y, z), placed)
                and (task.door is None or before_door((x, y, z), goal.door_rad))):
            return x, y, z
    raise ConfigError(f'goal box of task {task.name}: no room for the hand beside the objects; '
                      'make the box larger')


def _start_box(puck: Puck) -> Box:
    (x, y), (dx, dy) = puck.start, puck.start_spread
    return (x - dx, y - dy), (x + dx, y + dy)
