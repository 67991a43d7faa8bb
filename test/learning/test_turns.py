"""A goal of several objects, pursued one after another."""

from __future__ import annotations

import numpy as np

from rig_ros.learning.turns import NEAR, TURN_STEPS, Turns

HERE = np.array([0, 0, 1, 1, 1, 2, 2, 1], np.float32)
GOAL = np.array([5, 6, 1, 3, 1, 9, 9, 1], np.float32)
FIRST = np.array([5, 6, 1, 3, 1, 2, 2, 1], np.float32)
SECOND = np.array([5, 6, 1, 1, 1, 9, 9, 1], np.float32)
NONE = np.array([5, 6, 1, 1, 1, 2, 2, 1], np.float32)


def steps(turns, count, latent=HERE, goal=GOAL):
    return [turns.towards(latent, goal) for _ in range(count)]


def test_the_furthest_object_is_first_and_then_the_others_and_then_the_arm():
    turns = Turns(2)
    seen = steps(turns, 3 * TURN_STEPS)
    for number, expected in enumerate((SECOND, FIRST, NONE)):
        for towards in seen[number * TURN_STEPS:(number + 1) * TURN_STEPS]:
            np.testing.assert_array_equal(towards, expected)


def test_a_turn_ends_when_the_object_is_near():
    turns = Turns(2)
    steps(turns, 3)
    there = SECOND.copy()
    there[:2], there[5] = 0, 9 - NEAR / 2
    towards = turns.towards(there, GOAL)
    np.testing.assert_array_equal(towards[2:5], GOAL[2:5])
    np.testing.assert_array_equal(towards[5:], there[5:])


def test_objects_stay_where_they_were_when_the_turn_began():
    turns = Turns(2)
    steps(turns, 1)
    pushed = HERE.copy()
    pushed[2] = 1.5
    np.testing.assert_array_equal(turns.towards(pushed, GOAL), SECOND)


def test_another_goal_begins_anew():
    turns = Turns(2)
    steps(turns, 5 * TURN_STEPS)
    np.testing.assert_array_equal(turns.towards(HERE, GOAL), NONE)
    other = GOAL.copy()
    other[0] = 4
    assert turns.towards(HERE, other)[5] == 9


def test_another_episode_begins_anew_with_the_same_goal():
    turns = Turns(2)
    steps(turns, 5 * TURN_STEPS)
    turns.begin()
    np.testing.assert_array_equal(turns.towards(HERE, GOAL), SECOND)


def test_where_all_are_near_the_arm_has_its_goal_until_one_is_off_again():
    turns = Turns(2)
    there = GOAL.copy()
    there[:2] = 0
    assert np.array_equal(turns.towards(there, GOAL), GOAL)
    moved = there.copy()
    moved[2] += 3 * NEAR
    towards = turns.towards(moved, GOAL)
    np.testing.assert_array_equal(towards, GOAL)
    np.testing.assert_array_equal(turns.towards(there, GOAL)[2:5], GOAL[2:5])


def test_an_object_that_is_not_there_has_no_turn():
    turns = Turns(2)
    hidden = HERE.copy()
    hidden[7] = 0.1
    np.testing.assert_array_equal(turns.towards(hidden, GOAL)[:5], FIRST[:5])
