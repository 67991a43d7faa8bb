"""What stands where in a latent of objects."""

from __future__ import annotations

import pytest
import torch

from rig_ros.learning.config import ObjectsConfig, VAEConfig
from rig_ros.learning.object_latents import latent_dim_of, one_imagined, one_moved, split
from rig_ros.learning.objects import ObjectEncoder

LATENT = torch.tensor([[0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 1.0]])
GOAL = torch.tensor([[5.0, 6.0, 7.0, 8.0, 0.9, 9.0, 9.0, 0.8]])


def test_a_latent_has_the_arms_place_and_three_values_for_each_object():
    assert latent_dim_of(ObjectsConfig(count=3)) == 11
    assert ObjectEncoder(48, VAEConfig(), ObjectsConfig(count=3)).latent_dim == 11


def test_latents_are_split_into_the_arm_and_objects():
    arm, objects = split(LATENT)
    assert arm.tolist() == [[0.0, 0.0]]
    assert objects.tolist() == [[[1.0, 1.0, 1.0], [2.0, 2.0, 1.0]]]


@pytest.mark.parametrize(('which', 'expected'), [
    (0, [5, 6, 7, 8, 0.9, 2, 2, 1]), (1, [5, 6, 1, 1, 1, 9, 9, 0.8]),
    (2, [5, 6, 1, 1, 1, 2, 2, 1])])
def test_a_goal_of_one_object_leaves_the_others(which, expected):
    moved = one_moved(LATENT, GOAL, torch.tensor([which]))
    torch.testing.assert_close(moved, torch.tensor([expected], dtype=torch.float32))


@pytest.mark.parametrize('missing', [LATENT, GOAL])
def test_an_object_that_is_not_in_both_stays_as_it_is(missing):
    latent, goal = LATENT.clone(), GOAL.clone()
    (latent if missing is LATENT else goal)[0, 4] = 0.1
    moved = one_moved(latent, goal, torch.tensor([0]))
    torch.testing.assert_close(moved[:, 2:], latent[:, 2:])


@pytest.mark.parametrize('which', [0, 1, 2])
def test_with_all_there_an_imagined_goal_is_that_of_the_object_asked_for(which):
    asked = torch.tensor([which])
    assert one_imagined(LATENT, GOAL, asked).equal(one_moved(LATENT, GOAL, asked))


def test_an_object_that_is_there_takes_the_part_of_one_that_is_not():
    latent = LATENT.clone()
    latent[0, 2:5] = 0
    imagined = one_imagined(latent, GOAL, torch.tensor([0]))
    torch.testing.assert_close(imagined, torch.tensor([[5.0, 6, 0, 0, 0, 9, 9, 0.8]]))


def test_an_object_that_the_goal_does_not_show_is_wanted_where_another_is():
    goal = GOAL.clone()
    goal[0, 5:] = 0
    imagined = one_imagined(LATENT, goal, torch.tensor([1]))
    torch.testing.assert_close(imagined, torch.tensor([[5.0, 6, 1, 1, 1, 7, 8, 0.9]]))


@pytest.mark.parametrize('empty', ['latent', 'goal', 'both'])
def test_where_there_is_no_object_only_the_arm_has_a_goal(empty):
    latent, goal = LATENT.clone(), GOAL.clone()
    for name, each in (('latent', latent), ('goal', goal)):
        if empty in (name, 'both'):
            each[0, 2:] = 0
    imagined = one_imagined(latent, goal, torch.tensor([1]))
    torch.testing.assert_close(imagined, torch.cat((GOAL[:, :2], latent[:, 2:]), 1))
