"""The update rule, term by term, and that it learns."""

from __future__ import annotations

import pytest
import torch

from rig_ros.learning.config import TD3Config
from rig_ros.learning.td3 import TD3


def step(agent, generator, size=32):
    latent, goal = torch.rand(size, 1) * 2 - 1, torch.rand(size, 1) * 2 - 1
    action = torch.rand(size, 1) * 2 - 1
    after = latent + 0.2 * action
    return agent.update(latent, action, -(after - goal).abs()[:, 0], after, goal, generator)


def test_policy_and_targets_move_only_every_second_update():
    agent, generator = TD3(1, 1, TD3Config(hidden=(8,))), torch.Generator().manual_seed(0)
    before = [p.clone() for p in agent.policy.parameters()]
    first = step(agent, generator)
    assert 'policy_loss' not in first
    assert all(torch.equal(a, b) for a, b in zip(before, agent.policy.parameters()))
    assert 'policy_loss' in step(agent, generator)
    assert not all(torch.equal(a, b) for a, b in zip(before, agent.policy.parameters()))


def test_targets_follow_at_the_target_rate():
    agent = TD3(1, 1, TD3Config(hidden=(8,), target_rate=0.25, policy_delay=1))
    old = agent.target_critics.body.layers[0].weight.clone()
    step(agent, torch.Generator().manual_seed(0))
    new = agent.critics.body.layers[0].weight
    torch.testing.assert_close(agent.target_critics.body.layers[0].weight,
                               0.75 * old + 0.25 * new.detach())


def test_target_is_reward_plus_discounted_minimum():
    config = TD3Config(hidden=(8,), discount=0.5, target_noise=0.0)
    agent, size = TD3(1, 1, config), 6
    with torch.no_grad():  # the critics' targets become the constants 3 and 7
        last = agent.target_critics.body.layers[-1]
        last.weight.zero_()
        last.bias.copy_(torch.tensor([3.0, 7.0]).reshape(2, 1, 1))
        online = agent.critics.body.layers[-1]
        online.weight.zero_()
        online.bias.zero_()
    z = torch.zeros(size, 1)
    losses = agent.update(z, z, torch.full((size,), -1.0), z, z, torch.Generator().manual_seed(0))
    assert losses['critic_loss'].item() == pytest.approx(2 * (-1.0 + 0.5 * 3.0) ** 2)


def test_the_policys_step_leaves_the_critics_without_gradient():
    agent = TD3(1, 1, TD3Config(hidden=(8,), policy_delay=1))
    generator = torch.Generator().manual_seed(0)
    step(agent, generator)
    assert all(p.requires_grad for p in agent.critics.parameters())
    assert all(p.grad is None for p in agent.target_critics.parameters())


def test_learns_to_reach_on_a_line():
    torch.manual_seed(0)
    agent, generator = TD3(1, 1, TD3Config(hidden=(32, 32), discount=0.9)), torch.Generator()
    for _ in range(600):
        step(agent, generator, 64)
    latent, goal = torch.tensor([[-0.5], [0.5]]), torch.tensor([[0.5], [-0.5]])
    for _ in range(12):
        latent = latent + 0.2 * agent.act(latent, goal)
    assert (latent - goal).abs().max() < 0.2
