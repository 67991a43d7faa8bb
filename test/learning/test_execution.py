"""What actions depend on beside latent and goal."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.learning.execution import Execution

HERE, THERE = np.zeros(2, np.float32), np.ones(2, np.float32)


def full(latent, goal):
    return np.array([1.0, -1.0], np.float32)


def test_an_action_holds_a_share_of_the_one_before_and_the_first_one_of_standstill():
    execution = Execution(0.75)
    actions = [execution.act(full, HERE, THERE) for _ in range(3)]
    np.testing.assert_allclose(actions, [(0.25, -0.25), (0.4375, -0.4375), (0.578125, -0.578125)])
    assert actions[0].dtype == np.float32


def test_what_goes_back_and_forth_is_mostly_stopped():
    signs = iter([1, -1] * 20)
    execution = Execution(0.5)
    actions = [execution.act(lambda z, g: np.full(2, next(signs), np.float32), HERE, THERE)
               for _ in range(40)]
    assert np.abs(actions[10:]).max() == pytest.approx(1 / 3, rel=0.01)  # (1 - s) / (1 + s)


def test_an_episode_begins_from_standstill():
    execution = Execution(0.5)
    first = execution.act(full, HERE, THERE)
    execution.act(full, HERE, THERE)
    execution.begin()
    assert np.array_equal(execution.act(full, HERE, THERE), first)


def test_an_action_that_its_caller_changes_changes_no_later_one():
    execution = Execution(0.5)
    first = execution.act(full, HERE, THERE)
    first += 100
    np.testing.assert_allclose(execution.act(full, HERE, THERE), (0.75, -0.75))


def test_without_smoothing_actions_are_the_policys_in_bounds():
    action = Execution(0).act(lambda z, g: np.array([3.0, -0.123], np.float32), HERE, THERE)
    assert np.array_equal(action, np.array([1.0, -0.123], np.float32))


def test_the_arm_stands_still_once_the_goal_is_as_near_as_that():
    execution, near = Execution(0, arrival=0.5), np.array([1.0, 0.6], np.float32)
    assert not execution.act(full, near, THERE).any()
    assert execution.act(full, HERE, THERE).all()  # and goes on where it is further off
    assert execution.act(full, np.array([1.0, 0.5], np.float32), THERE).all()
    assert Execution(0).act(full, THERE, THERE).all()


def test_a_smooth_action_fades_at_the_goal():
    execution = Execution(0.5, arrival=0.5)
    execution.act(full, HERE, THERE)
    np.testing.assert_allclose(execution.act(full, THERE, THERE), (0.25, -0.25))


def test_a_goal_of_several_objects_is_pursued_by_turns():
    here = np.array([0, 0, 0.5, 0, 1, 0, 0.5, 1], np.float32)  # the arm, then two objects
    whole = np.array([1, 1, -0.5, 0, 1, 0, 2.5, 1], np.float32)
    goals = []
    Execution(0, objects=2).act(lambda z, g: goals.append(g) or full(z, g), here, whole)
    assert goals[0].tolist() == [1, 1, 0.5, 0, 1, 0, 2.5, 1]  # the furthest, with the arm's goal
