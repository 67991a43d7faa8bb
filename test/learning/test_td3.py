"""The update rule, term by term, and that it learns."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from rig_ros.errors import ConfigError
from rig_ros.learning import td3
from rig_ros.learning.config import TD3Config
from rig_ros.learning.td3 import TD3
from rig_ros.learning.team import Team


def step(agent, generator, size=32):
    latent, goal = torch.rand(size, 1) * 2 - 1, torch.rand(size, 1) * 2 - 1
    action = torch.rand(size, 1) * 2 - 1
    after = latent + 0.2 * action
    batch = (latent, action, -(after - goal).abs()[:, 0], after, goal)
    return agent.update(*(part.unsqueeze(0) for part in batch), generator)


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


def test_the_policy_that_acts_is_the_average_and_explores_with_the_newest():
    agent = TD3(1, 1, TD3Config(hidden=(8,), average_updates=4, policy_delay=2))
    agent.updates, generator = 1000, torch.Generator().manual_seed(0)
    old = [p.clone() for p in agent.policy.parameters()]
    step(agent, generator)
    step(agent, generator)
    expected = [0.5 * a + 0.5 * b for a, b in zip(old, agent.policy.parameters())]
    for average, mean in zip(agent.acting_policy.parameters(), expected):
        torch.testing.assert_close(average, mean)
    at = torch.zeros(1, 1)
    torch.testing.assert_close(agent.act(at, at), agent.acting_policy(at, at))
    torch.testing.assert_close(agent.act(at, at, newest=True), agent.policy(at, at))
    assert not torch.equal(agent.act(at, at), agent.act(at, at, newest=True))


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
    z = torch.zeros(1, size, 1)
    losses = agent.update(z, z, torch.full((1, size), -1.0), z, z, torch.Generator())
    assert losses['critic_loss'].item() == pytest.approx(2 * (-1.0 + 0.5 * 3.0) ** 2)


def test_targets_have_no_gradients():
    agent = TD3(1, 1, TD3Config(hidden=(8,), policy_delay=1))
    step(agent, torch.Generator())
    targets = [*agent.target_critics.parameters(), *agent.target_policy.parameters()]
    assert all(p.grad is None and not p.requires_grad for p in targets)


def test_an_average_begun_anew_forgets_what_was_before():
    agent = TD3(1, 1, TD3Config(hidden=(8,), average_updates=1000, policy_delay=2))
    agent.updates, generator = 10_000, torch.Generator().manual_seed(0)
    step(agent, generator)
    step(agent, generator)
    agent.restart_average()
    for _ in range(2):  # one move of the policy: the newest alone
        step(agent, generator)
    for average, newest in zip(agent.acting_policy.parameters(), agent.policy.parameters()):
        torch.testing.assert_close(average, newest)


@pytest.mark.parametrize('cost', [0.0, 0.3])
def test_policy_ascends_the_first_critic_as_autograd_would(cost):
    agent = TD3(2, 2, TD3Config(hidden=(8, 6), policy_delay=1, learning_rate=1e-12,
                                preactivation_cost=cost))
    latent, goal, z = torch.randn(5, 2), torch.randn(5, 2), torch.zeros(1, 5, 2)
    agent.update(latent[None], z, z[..., 0], z, goal[None], torch.Generator())
    explicit = [p.grad.clone() for p in agent.policy.parameters()]
    loss = -agent.critics(latent, goal, agent.policy(latent, goal))[0].mean()
    preactivations = agent.policy.body(torch.cat((latent, goal), -1)[None])
    loss = loss + cost * preactivations.square().mean()
    expected = torch.autograd.grad(loss, list(agent.policy.parameters()))
    for a, b in zip(explicit, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('delay', [1, 2, 3])
def test_minibatches_together_do_what_they_do_one_by_one(delay):
    config = TD3Config(hidden=(8,), policy_delay=delay, target_noise=0.0)
    torch.manual_seed(0)
    together, alone = TD3(1, 1, config), TD3(1, 1, config)
    alone.load_state_dict(together.state_dict())
    rows = [torch.rand(7, 6, 1), torch.rand(7, 6, 1), torch.rand(7, 6),
            torch.rand(7, 6, 1), torch.rand(7, 6, 1)]
    for some in (slice(0, 2), slice(2, 7)):  # the first call ends between two policy updates
        together.update(*(row[some] for row in rows), torch.Generator())
    for number in range(7):
        alone.update(*(row[number:number + 1] for row in rows), torch.Generator())
    assert together.updates == alone.updates == 7
    for name, tensor in together.state_dict().items():
        torch.testing.assert_close(tensor, alone.state_dict()[name])


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_learns_to_reach_on_a_line(precision):
    torch.manual_seed(0)
    config = TD3Config(hidden=(32, 32), discount=0.9, precision=precision)
    agent, generator = TD3(1, 1, config), torch.Generator()
    for _ in range(600):
        step(agent, generator, 64)
    latent, goal = torch.tensor([[-0.5], [0.5]]), torch.tensor([[0.5], [-0.5]])
    for _ in range(12):
        latent = latent + 0.2 * agent.act(latent, goal)
    assert (latent - goal).abs().max() < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(('precision', 'tolerance'), [('fp32', 1e-4), ('bf16', 2e-2)])
def test_compiled_updates_are_the_same_updates(precision, tolerance):
    config = TD3Config(hidden=(64, 64), target_noise=0.0, precision=precision, average_updates=4)
    plain, compiled = TD3(4, 2, config), TD3(4, 2, dataclasses.replace(config, compile=True))
    compiled.load_state_dict(plain.state_dict())
    torch.manual_seed(0)
    many, size = 7, 64  # three whole cycles of two, and one update left over
    batch = (torch.randn(many, size, 4), torch.rand(many, size, 2), -torch.rand(many, size),
             torch.randn(many, size, 4), torch.randn(many, size, 4))
    for _ in range(2):
        losses = [agent.update(*batch, torch.Generator()) for agent in (plain, compiled)]
    assert plain.updates == compiled.updates == 14
    for name, value in losses[0].items():
        torch.testing.assert_close(losses[1][name], value, rtol=0.05, atol=tolerance)
    for a, b in zip(plain.state_dict().values(), compiled.state_dict().values()):
        assert (a - b).abs().mean() < tolerance


@pytest.mark.slow
def test_a_cycle_is_compiled_in_one_piece():
    """Adam's step was not, and with it a cycle was twelve pieces, each looked up anew."""
    agent = TD3(4, 2, TD3Config(hidden=(8, 8)))
    given = (torch.randn(2, 6, 10), torch.randn(2, 6), torch.randn(2, 6, 8), torch.randn(2, 6, 2),
             torch.randn(6, 8))
    with torch.no_grad():
        seen = torch._dynamo.explain(agent._learn)(*given)
    assert (seen.graph_count, seen.graph_break_count) == (1, 0), seen.break_reasons


def test_without_a_compiler_the_setting_is_refused(monkeypatch):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(ConfigError, match=r'td3\.compile.*auto.*no-such-compiler.*install'):
        TD3(1, 1, TD3Config(hidden=(8,), compile=True))


def test_auto_compiles_where_that_is_possible(monkeypatch):
    def compiles(**given) -> bool:
        return TD3(1, 1, TD3Config(hidden=(8,), compile='auto'), **given)._cycle == 'compiled'

    class Several(Team):
        size = 2

    monkeypatch.setattr(td3, 'compiled', lambda function, device: 'compiled')
    monkeypatch.setattr(td3, 'missing_to_compile', lambda: '')
    assert compiles()
    assert not compiles(team=Several())
    monkeypatch.setattr(td3, 'missing_to_compile', lambda: 'a C++ compiler')
    assert not compiles()
