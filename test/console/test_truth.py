"""True distances: of what the task is about, and only where both places are known."""

from __future__ import annotations

import math

import pytest

from rig_ros.console.truth import Gap, gap, places


def test_places_are_read_from_messages_and_files():
    assert places({'hand': '0.1 -0.2 0.3', 'door': [0.5]}) == {
        'hand': (0.1, -0.2, 0.3), 'door': (0.5,)}


@pytest.mark.parametrize('values', [
    None, [], 'hand', {'hand': 'here'}, {'hand': ''}, {'hand': 'nan 0 0'}, {'hand': 3},
    {'hand': [None]}, {'hand': {}}])
def test_what_is_no_place_is_left_out(values: object):
    assert places(values) == {}


@pytest.mark.parametrize(('extra', 'of', 'distance'), [
    ({}, 'hand', 0.05), ({'puck0': ((0.1, 0.0), (0.1, 0.1))}, 'puck0', 0.1),
    ({'puck0': ((0.0, 0.0), (0.0, 0.1)), 'puck1': ((0.0, 0.0), (0.0, 0.3))}, 'pucks', 0.2),
    ({'door': ((0.1,), (0.4,))}, 'door', 0.3)])
def test_a_task_is_judged_by_its_object(extra: dict, of: str, distance: float):
    here = {'hand': (0.0, 0.0, 0.0), **{name: pair[0] for name, pair in extra.items()}}
    goal = {'hand': (0.03, 0.04, 0.0), **{name: pair[1] for name, pair in extra.items()}}
    found = gap(here, goal)
    assert found is not None
    assert found.of == of
    assert found.distance == pytest.approx(distance)


@pytest.mark.parametrize(('here', 'goal'), [
    ({}, {}), ({'hand': (0.0, 0.0, 0.0)}, {}), ({}, {'hand': (0.0, 0.0, 0.0)}),
    ({'hand': (0.0, 0.0)}, {'hand': (0.0, 0.0, 0.0)})])
def test_without_both_places_there_is_no_distance(here: dict, goal: dict):
    assert gap(here, goal) is None


def test_people_read_centimetres_and_degrees():
    assert Gap('puck0', 0.0314).words == 'puck0 3.1 cm'
    assert Gap('door', math.pi / 6).words == 'door 30.0 deg'
