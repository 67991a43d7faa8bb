"""Recorded commands executed again: the same path, or a deviation that is told."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.control import task as tasks
from rig_ros.errors import DataError
from rig_ros.evaluation.replaying import RecordedCommands, replay
from rig_ros.simulation.robot import SimulatedRobot
from rig_ros.simulation.world import SawyerWorld

TASK = tasks.load('reach_xy')


def driven(velocities: np.ndarray) -> RecordedCommands:
    """What a recording of these commands on the simulated arm would hold."""
    world = SawyerWorld(TASK)
    robot, positions = SimulatedRobot(world), []
    for velocity in velocities:
        positions.append(robot.state().hand_position)
        robot.send_twist(velocity)
        robot.advance(0.1)
    positions.append(robot.state().hand_position)
    world.close()
    stamps = 5.0 + 0.1 * np.arange(len(velocities) + 1)
    return RecordedCommands(stamps[:-1], velocities, stamps, np.array(positions))


def test_a_recording_of_the_simulation_is_replayed_to_the_same_path():
    angle = np.linspace(0, 6, 30)
    velocities = np.stack([np.full(30, 0.03), 0.08 * np.sin(angle), np.zeros(30)], axis=1)
    done = replay(driven(velocities), TASK)
    assert (done.steps, done.refused, done.limited) == (30, {}, 0)
    assert done.path.shape == (31, 3)
    assert np.ptp(done.path[:, 0]) > 0.01
    assert done.deviation_m.max() < 1e-3


def test_the_guard_stays_on_and_deviation_is_told():
    velocities = np.tile([0.1, 0.0, 0.0], (20, 1))
    recorded = driven(velocities)
    wild = RecordedCommands(recorded.stamps_s, np.tile([9.0, 0.0, 0.0], (20, 1)),
                            recorded.pose_stamps_s, recorded.positions)
    done = replay(wild, TASK)
    assert done.limited == 20
    assert (done.path[:, 0] <= TASK.workspace_high[0] + 0.005).all()
    assert done.deviation_m.max() > 0.02


def test_commands_that_are_no_numbers_are_refused():
    recorded = driven(np.tile([0.1, 0.0, 0.0], (5, 1)))
    recorded.velocities[2] = np.nan
    (reason,) = replay(recorded, TASK).refused
    assert 'finite' in reason


def test_nothing_to_replay_is_refused():
    recorded = driven(np.tile([0.1, 0.0, 0.0], (2, 1)))
    empty = RecordedCommands(recorded.stamps_s, recorded.velocities, np.zeros(0), np.zeros((0, 3)))
    with pytest.raises(DataError, match='0 hand positions'):
        replay(empty, TASK)
