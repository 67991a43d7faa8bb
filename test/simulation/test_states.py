"""True positions as vectors."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.control import task as tasks
from rig_ros.simulation.states import StateVectors

HERE = {'hand': (0.6, 0.1, 0.02), 'puck0': (0.5, 0.0, 0.015), 'puck2': (0.7, -0.1, 0.015)}


def test_a_puck_that_is_not_there_is_told_to_be_beside_the_box() -> None:
    vectors = StateVectors(tasks.load('push_multi'))
    expected = [0.6, 0.1, 0.02, 0.5, 0.0, 0.8, 0.0, 0.7, -0.1]  # puck1: 0.1 beyond 0.7
    np.testing.assert_allclose(vectors.goal(HERE), expected, atol=1e-7)
    np.testing.assert_allclose(vectors.state(HERE), expected, atol=1e-7)
    assert (vectors.goal_size, vectors.state_size) == (9, 9)
    assert vectors.goal(HERE).dtype == vectors.state(HERE).dtype == np.float32


def test_a_state_without_a_gripper_is_a_goal() -> None:
    vectors = StateVectors(tasks.load('push'))
    assert vectors.parts == ('hand', 'puck0')
    assert vectors.state_size == vectors.goal_size == 5


def test_distances_are_by_part_for_any_batch() -> None:
    vectors = StateVectors(tasks.load('push'))
    a = np.zeros((2, 3, 5))
    b = a.copy()
    b[1, 2] = [0.0, 0.3, 0.4, 0.06, 0.08]
    distances = vectors.distances(a, b)
    assert distances.shape == (2, 3, 2)
    assert distances[1, 2] == pytest.approx([0.5, 0.1])
    assert not distances[0].any()


def test_a_door_is_its_angle() -> None:
    vectors = StateVectors(tasks.load('door'))
    assert vectors.parts == ('hand', 'door')
    goal = vectors.goal({'hand': (0.5, 0.0, 0.2), 'door': (0.7,)})
    assert goal == pytest.approx([0.5, 0.0, 0.2, 0.7])


def test_a_gripper_adds_its_opening_to_the_state() -> None:
    vectors = StateVectors(tasks.load('pickup'))
    assert vectors.parts == ('hand', 'object')
    state = vectors.state({'hand': (0.5, 0.0, 0.1), 'object': (0.6, 0.0, 0.02)}, 0.03)
    assert state == pytest.approx([0.5, 0.0, 0.1, 0.6, 0.0, 0.02, 0.03])
