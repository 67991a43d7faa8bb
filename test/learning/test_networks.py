"""The batched ensemble against single networks."""

from __future__ import annotations

import pytest
import torch
from gradients import assert_agree_with_autograd

from rig_ros.learning.networks import Critics, EnsembleMLP, Policy


def test_members_of_an_ensemble_are_independent_networks():
    net = EnsembleMLP(3, 4, (8,), 1, layer_norm=True)
    x = torch.randn(5, 4)
    together = net(x.expand(3, -1, -1))
    for member in range(3):
        alone = EnsembleMLP(1, 4, (8,), 1, layer_norm=True)
        alone.load_state_dict({name: tensor[member:member + 1]
                               for name, tensor in net.state_dict().items()})
        torch.testing.assert_close(alone(x.unsqueeze(0))[0], together[member])


def test_gradient_of_one_member_leaves_the_others():
    net = EnsembleMLP(2, 4, (8,), 1)
    net(torch.randn(5, 4).expand(2, -1, -1))[0].sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert not parameter.grad[1].any()
    assert net.layers[0].weight.grad[0].any()


def test_layer_norm_agrees_with_torch():
    net = EnsembleMLP(1, 4, (8,), 1, layer_norm=True)
    linear, norm = net.layers[0], net.layers[1]
    hidden = linear(torch.randn(1, 6, 4))
    torch.testing.assert_close(norm(hidden)[0], torch.nn.LayerNorm(8)(hidden[0]))


def test_policy_is_bounded_and_starts_near_zero():
    policy = Policy(3, 2, (16, 16))
    action = policy(torch.randn(50, 3), torch.randn(50, 3))
    assert action.shape == (50, 2)
    assert action.abs().max() < 0.2
    assert policy(1e6 * torch.ones(1, 3), torch.ones(1, 3)).abs().max() <= 1


def test_critics_give_a_value_for_each_member_and_transition():
    critics = Critics(4, 3, 2, (16,), layer_norm=True)
    assert critics(torch.randn(7, 3), torch.randn(7, 3), torch.randn(7, 2)).shape == (4, 7)


@pytest.mark.parametrize('layer_norm', [False, True])
def test_written_gradients_agree_with_autograd(layer_norm):
    net = EnsembleMLP(3, 4, (8, 7), 2, layer_norm=layer_norm)
    assert_agree_with_autograd(net, 4, 2)


@pytest.mark.parametrize('layer_norm', [False, True])
def test_fewer_members_are_the_first_ones(layer_norm):
    net, x = EnsembleMLP(3, 4, (8,), 1, layer_norm=layer_norm), torch.randn(3, 5, 4)
    with torch.no_grad():
        every, first = net.trace(x), net.trace(x[:1])
        torch.testing.assert_close(first[-1], every[-1][:1])
        slope = torch.ones(3, 5, 1)
        torch.testing.assert_close(net.input_gradient(first, slope[:1]),
                                   net.input_gradient(every, slope)[:1])
