"""The held-out protocol, on a world without a simulator."""

from __future__ import annotations

import numpy as np
import pytest
from dot_world import DotWorld, Seer, Sleeper

from rig_ros.errors import ConfigError
from rig_ros.evaluation import protocol
from rig_ros.evaluation.protocol import Evaluation, GoalRecord


def test_an_agent_that_sees_and_moves_arrives():
    world = DotWorld()
    goals = world.held_out_goals(6, seed=1)
    finished: list[int] = []
    result = protocol.run(Seer(), world, goals, 20, finished.append)
    assert max(result.final('hand')) < 0.03
    assert finished == [1, 2, 3, 4, 5, 6]
    assert world.steps == 6 * 20
    np.testing.assert_array_equal(result.records[2].goal_image, goals[2].image_hwc_u8)
    pictured, _ = Seer().encode(result.records[2].final_image)
    np.testing.assert_allclose(pictured, goals[2].place, atol=0.03)


def test_an_agent_is_told_of_each_episode():
    agent, world, begun = Seer(), DotWorld(), []
    agent.begin = lambda: begun.append(world.steps)
    protocol.run(agent, world, world.held_out_goals(3), 5)
    assert begun == [0, 5, 10]


def test_an_agent_that_sleeps_scores_the_do_nothing_baseline():
    world = DotWorld()
    result = protocol.run(Sleeper(), world, world.held_out_goals(5), 3)
    assert result.final('hand') == pytest.approx(result.do_nothing('hand'))
    figures = result.figures()
    assert figures['mean_final_distance_m'] == pytest.approx(figures['do_nothing_m'])


def test_each_episode_starts_from_the_reset_pose():
    world = DotWorld()
    goals = world.held_out_goals(4)
    together = protocol.run(Seer(), world, goals, 2).final('hand')
    alone = [protocol.run(Seer(), DotWorld(), [goal], 2).final('hand')[0] for goal in goals]
    assert together == alone


def test_without_resets_an_episode_begins_where_the_one_before_ended():
    world = DotWorld()
    goals = [world.goal(place) for place in ((0.5, 0.9), (0.5, 0.9), (0.5, 0.1))]
    started = world.reset
    world.reset = lambda goal=None: world.picture() if goal is None else started(goal)
    result = protocol.run(Seer(), world, goals, 5, resets=False)
    assert result.do_nothing('hand') == pytest.approx([0.8, 0.3, 0.8], abs=0.02)
    assert result.final('hand') == pytest.approx([0.3, 0.0, 0.3], abs=0.02)


def record(index: int, hand: float, puck: float) -> GoalRecord:
    image = np.zeros((4, 4, 3), np.uint8)
    return GoalRecord(index, {'hand': 0.2, 'puck0': 0.1}, {'hand': hand, 'puck0': puck}, image,
                      image)


def test_the_puck_is_what_a_pushing_task_is_judged_by():
    result = Evaluation((record(0, 0.01, 0.04), record(1, 0.03, 0.08)), 50)
    figures = result.figures()
    assert result.primary == 'puck0'
    assert figures['mean_final_distance_m'] == pytest.approx(0.06)
    assert figures['do_nothing_m'] == pytest.approx(0.1)
    assert figures['objects']['hand']['mean_final_distance_m'] == pytest.approx(0.02)
    assert figures['objects']['hand']['success']['0.02'] == 0.5


def test_an_object_counts_in_the_episodes_it_was_in():
    image = np.zeros((4, 4, 3), np.uint8)
    other = {'hand': 0.01, 'puck1': 0.05, 'pucks': 0.05}
    result = Evaluation((record(0, 0.01, 0.04), GoalRecord(1, other, other, image, image)), 50)
    assert result.objects == ['pucks', 'puck1', 'puck0', 'hand']
    assert result.primary == 'pucks'
    assert (result.final('puck0'), result.final('puck1')) == ([0.04], [0.05])
    assert result.figures()['objects']['puck1']['do_nothing_m'] == pytest.approx(0.05)


@pytest.mark.parametrize(('goals', 'steps'), [(0, 5), (1, 0)])
def test_nothing_to_do_is_refused(goals, steps):
    world = DotWorld()
    with pytest.raises(ConfigError):
        protocol.run(Seer(), world, world.held_out_goals(goals), steps)
