"""Executes recorded commands once more on the simulated arm, with the guard in between.

Where the arm went then and where it goes now are compared: a recording whose commands cannot be
replayed to the same place was made with another robot, task or clock than it says. Metres,
seconds, frame `base`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig_ros.control.guard import Guard, GuardLimits, Request
from rig_ros.control.task import TaskConfig
from rig_ros.errors import DataError
from rig_ros.simulation.robot import SimulatedRobot
from rig_ros.simulation.world import SawyerWorld

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RecordedCommands:
    """What a recording says about motion; stamps in seconds, rising."""

    stamps_s: Array
    """Shape (T,)."""
    velocities: Array
    """Executed, shape (T, 3) [m/s]."""
    pose_stamps_s: Array
    """Shape (P,)."""
    positions: Array
    """Of the hand, shape (P, 3) [m]."""


@dataclass(frozen=True)
class Replayed:
    """What came of it."""

    steps: int
    refused: dict[str, int]
    """Commands the guard did not let through, by reason."""
    limited: int
    """Commands the guard reduced."""
    path: Array
    """Hand before each command and after the last, shape (T + 1, 3) [m]."""
    deviation_m: Array
    """Between recorded and replayed hand at the stamps of `path`, shape (T + 1,)."""


def replay(commands: RecordedCommands, task: TaskConfig, seed: int = 0) -> Replayed:
    """Send the commands at their own times, starting where the recorded hand was.

    Raises:
        DataError: no commands, or no hand positions to start from.
    """
    if not len(commands.stamps_s) or not len(commands.pose_stamps_s):
        raise DataError(f'recording: got {len(commands.stamps_s)} commands and '
                        f'{len(commands.pose_stamps_s)} hand positions, allowed: some of both')
    ends = np.append(commands.stamps_s, commands.stamps_s[-1] + 1 / task.control_hz)
    recorded = np.stack([np.interp(ends, commands.pose_stamps_s, commands.positions[:, axis])
                         for axis in range(3)], axis=1)
    guard = Guard(GuardLimits.of_task(task))
    guard.start_episode(len(commands.stamps_s), float(ends[0]))
    refused: Counter[str] = Counter()
    limited, path = 0, []
    world = SawyerWorld(task, seed)
    try:
        world.place(recorded[0], world.layout)
        robot = SimulatedRobot(world)
        for velocity, now, after in zip(commands.velocities, ends, ends[1:]):
            hand = robot.state().hand_position
            path.append(hand)
            guard.see_hand(hand, now, now)
            verdict = guard.check(Request(velocity, 'base', now), now, now)
            if verdict.reason:
                refused[verdict.reason] += 1
            limited += verdict.limited is not None
            robot.send_twist(verdict.velocity)
            robot.advance(min(after - now, 2 / task.control_hz))
        path.append(robot.state().hand_position)
    finally:
        world.close()
    driven = np.array(path)
    return Replayed(len(commands.stamps_s), dict(refused), limited, driven,
                    np.linalg.norm(driven - recorded, axis=1))
