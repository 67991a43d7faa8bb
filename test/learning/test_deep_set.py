"""Networks that treat objects alike."""

from __future__ import annotations

import pytest
import torch
from gradients import assert_agree_with_autograd

from rig_ros.learning.deep_set import Arranged, DeepSet, Summed
from rig_ros.learning.networks import Critics, Policy
from rig_ros.learning.object_latents import ARM, PER_OBJECT

OBJECTS, EXTRA = 3, 2
LATENT = ARM + PER_OBJECT * OBJECTS


def test_a_row_holds_what_concerns_an_object():
    latent, goal, action = torch.randn(1, LATENT), torch.randn(1, LATENT), torch.randn(1, EXTRA)
    rows = Arranged(LATENT, OBJECTS, EXTRA)(torch.cat((latent, goal, action), -1).unsqueeze(0))
    assert rows.shape == (1, 1 + OBJECTS, rows.shape[-1])
    arm, wanted_arm = latent[0, :ARM], goal[0, :ARM]
    there = torch.ones(1)
    for number, row in enumerate(rows[0]):
        at = slice(3 * number - 1, 3 * number + 2)
        own, wanted = ((latent[0, at], goal[0, at]) if number else
                       (torch.cat((arm, there)), torch.cat((wanted_arm, there))))
        label = torch.eye(1 + OBJECTS)[number]
        torch.testing.assert_close(row, torch.cat((
            own[:2] - arm, own, wanted - own, wanted_arm - arm, arm, action[0], label)))


def test_the_sum_is_over_the_objects_of_the_same_input():
    rows = torch.arange(12.0).view(1, 6, 2)
    torch.testing.assert_close(Summed(3)(rows)[0] * 3 ** 0.5,
                               torch.tensor([[6.0, 9.0], [24.0, 27.0]]))


@pytest.mark.parametrize('layer_norm', [False, True])
def test_written_gradients_agree_with_autograd(layer_norm):
    net = DeepSet(2, LATENT, OBJECTS, EXTRA, (7, 6, 5), 1, layer_norm=layer_norm)
    assert_agree_with_autograd(net, 2 * LATENT + EXTRA, 1)


def test_objects_that_change_places_make_no_difference_but_for_their_names():
    net = DeepSet(1, LATENT, OBJECTS, 0, (8, 8), 2, layer_norm=False)
    first = net.layers[1]
    with torch.no_grad():
        first.weight[:, -1 - OBJECTS:] = 0  # of which it is
    latent, goal = torch.randn(1, LATENT), torch.randn(1, LATENT)
    order = [0, 1, *(ARM + 3 * k + j for k in (2, 0, 1) for j in range(3))]
    same = net(torch.cat((latent, goal), -1).unsqueeze(0))
    other = net(torch.cat((latent[:, order], goal[:, order]), -1).unsqueeze(0))
    torch.testing.assert_close(same, other)


def test_policy_and_critics_see_objects():
    latent, goal = torch.randn(5, LATENT), torch.randn(5, LATENT)
    assert Policy(LATENT, 2, (8, 8), OBJECTS)(latent, goal).shape == (5, 2)
    critics = Critics(3, LATENT, 2, (8, 8), layer_norm=True, objects=OBJECTS)
    assert critics(latent, goal, torch.randn(5, 2)).shape == (3, 5)
