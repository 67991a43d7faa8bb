"""Colours, and what belongs together by how it moves."""

from __future__ import annotations

import torch

from rig_ros.learning.colours import k_means, telling, together, told_by

COUNT = 2000


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_k_means_finds_colours_and_their_shares_by_weight():
    colours = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.2, 0.2, 0.9]])
    which = torch.arange(COUNT) % 3
    pixels = colours[which] + 0.01 * drawn(COUNT, 3)
    weights = torch.tensor([1.0, 2.0, 0.0])[which]
    centres, shares = k_means(pixels, weights, 2, torch.Generator().manual_seed(0))
    order = centres[:, 1].argsort()
    torch.testing.assert_close(centres[order], colours[:2], atol=0.01, rtol=0)
    torch.testing.assert_close(shares[order], torch.tensor([1 / 3, 2 / 3]), atol=0.02, rtol=0)


def motions():
    """Return actions (N, 2) and the motion of colours that follow both, one, and none of them."""
    actions = drawn(COUNT, 2)
    follows = actions @ torch.tensor([[1.0, 0.5], [-0.5, 1.0]])
    along = torch.cat((actions[:, :1], torch.zeros(COUNT, 1)), 1)
    return actions, torch.stack((follows, along, drawn(COUNT, 2, seed=1)), 1)


def test_a_colour_that_follows_actions_is_told_by_them():
    told = told_by(*motions())
    torch.testing.assert_close(told, torch.tensor([1.0, 1.0, 0.0]), atol=0.01, rtol=0)


def test_a_colour_that_never_moves_is_told_by_nothing():
    actions, step = motions()
    assert told_by(actions, torch.zeros_like(step)).tolist() == [0.0, 0.0, 0.0]


def test_a_colour_tells_the_actions_only_if_it_tells_each_of_their_components():
    torch.testing.assert_close(telling(*motions()), torch.tensor([1.0, 0.0, 0.0]),
                               atol=0.01, rtol=0)


def test_colours_that_move_together_are_one_object_and_the_faint_are_left():
    first, second = drawn(COUNT, 2), drawn(COUNT, 2, seed=1)
    step = torch.stack((first, second, first + 0.2 * drawn(COUNT, 2, seed=2), second,
                        drawn(COUNT, 2, seed=3)), 1)
    weight = torch.tensor([1.0, 5.0, 1.0, 0.0, 0.01])
    assert [sorted(group) for group in together(step, weight)] == [[1], [0, 2]]
