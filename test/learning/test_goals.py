"""Imagined goals and the relabelling mixture."""

from __future__ import annotations

import torch
from toy_training import small_config

from rig_ros.learning.config import ObjectsConfig, VAEConfig
from rig_ros.learning.goals import (
    FittedPrior,
    VisitedLatents,
    make_goal_setter,
    narrowing,
    relabel,
    resample,
)
from rig_ros.learning.practice_config import RelabelConfig
from rig_ros.learning.replay import Batch

SIZE = 20_000


def batch(has_goal=True):
    """Each source of goals has a value that names it: rollout 1, future 2 (prior 3)."""
    def full(value):
        return torch.full((SIZE, 2), value)
    return Batch(full(0.0), torch.zeros(SIZE, 1), full(0.0), full(2.0), full(1.0),
                 torch.full((SIZE,), has_goal))


def prior():
    setter = FittedPrior(2)
    setter.mean, setter.std = torch.full((2,), 3.0), torch.zeros(2)
    return setter


def shares(goal):
    return [float((goal[:, 0] == value).float().mean()) for value in (1.0, 2.0, 3.0)]


def test_relabelling_draws_from_the_mixture():
    goal = relabel(batch(), RelabelConfig(0.2, 0.5, 0.3), prior(),
                   torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.tensor(shares(goal)), torch.tensor([0.2, 0.5, 0.3]),
                               atol=0.02, rtol=0)


def test_an_episode_without_a_goal_gets_future_ones():
    goal = relabel(batch(has_goal=False), RelabelConfig(0.2, 0.5, 0.3), prior(),
                   torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.tensor(shares(goal)), torch.tensor([0.0, 0.7, 0.3]),
                               atol=0.02, rtol=0)


def test_only_imagined_goals_are_narrowed():
    goal = relabel(batch(), RelabelConfig(0.2, 0.5, 0.3), prior(),
                   torch.Generator().manual_seed(0), lambda latent, goal: latent + goal / 2)
    assert set(goal.unique().tolist()) == {1.0, 2.0, 1.5}


def test_imagined_goals_move_each_object_alike_often_and_never_two():
    config = small_config(encoder='objects', vae=VAEConfig(), objects=ObjectsConfig(count=2))
    narrow = narrowing(config, torch.Generator().manual_seed(0))
    here = torch.tensor([0.0, 0, 1, 1, 1, 2, 2, 1]).expand(3000, -1)
    goal = torch.tensor([5.0, 6, 7, 8, 1, 9, 9, 1]).expand(3000, -1)
    moved = (narrow(here, goal) != here)[:, [0, 2, 5]]
    assert moved[:, 0].all()
    assert moved[:, 1:].sum(1).max() == 1
    torch.testing.assert_close(moved[:, 1:].float().mean(0), torch.full((2,), 1 / 3),
                               atol=0.03, rtol=0)


def test_an_imagined_goal_wants_an_object_as_often_where_some_are_not_there():
    """It wanted the arm only, two times in three, where each of one to three was drawn."""
    config = small_config(encoder='objects', vae=VAEConfig(), objects=ObjectsConfig(count=3))
    narrow = narrowing(config, torch.Generator().manual_seed(0))
    assert narrow is not None
    here = torch.tensor([0.0, 0, 0, 0, 0, 2, 2, 1, 0, 0, 0]).expand(3000, -1)
    goal = torch.tensor([5.0, 6, 7, 8, 1, 0, 0, 0, 3, 3, 1]).expand(3000, -1)
    moved = (narrow(here, goal) != here).float().mean(0)
    assert not moved[[2, 3, 4, 8, 9, 10]].any()
    torch.testing.assert_close(moved[5], torch.tensor(3 / 4), atol=0.03, rtol=0)


def test_nothing_is_narrowed_where_latents_are_not_objects_or_goals_are_whole():
    generator = torch.Generator()
    assert narrowing(small_config(), generator) is None
    assert narrowing(small_config(encoder='objects', vae=VAEConfig(), objects=ObjectsConfig(
        one_at_a_time=False)), generator) is None


def test_fitted_prior_has_the_latents_mean_and_deviation():
    generator = torch.Generator().manual_seed(0)
    latents = torch.tensor([4.0, -1.0]) + torch.tensor([0.5, 2.0]) * torch.randn(
        5000, 2, generator=generator)
    setter = FittedPrior(2)
    setter.fit(latents)
    drawn = setter.sample(5000, generator)
    torch.testing.assert_close(drawn.mean(0), latents.mean(0), atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.std(0), latents.std(0), atol=0.1, rtol=0)


def test_normal_prior_ignores_what_was_seen():
    setter = make_goal_setter('normal', 2)
    setter.fit(torch.full((10, 2), 9.0))
    assert abs(setter.sample(2000, torch.Generator().manual_seed(0)).mean().item()) < 0.1


def test_visited_goals_are_latents_that_were_seen():
    setter = VisitedLatents(1)
    setter.fit(torch.tensor([[1.0], [2.0], [3.0]]))
    drawn = setter.sample(300, torch.Generator().manual_seed(0))
    assert set(drawn[:, 0].tolist()) == {1.0, 2.0, 3.0}


def test_goal_setter_restores():
    for kind in ('fitted', 'normal', 'visited', 'correlated', 'beyond'):
        first, second = make_goal_setter(kind, 2), make_goal_setter(kind, 2)
        first.fit(torch.randn(30, 2))
        second.restore(first.state_dict())
        draws = [setter.sample(5, torch.Generator().manual_seed(3)) for setter in (first, second)]
        assert torch.equal(*draws)


def test_visited_goals_are_thinned_out_evenly():
    setter = VisitedLatents(1)
    setter.fit(torch.arange(20_000.0).unsqueeze(1))
    assert len(setter.latents) <= 8192
    assert setter.latents[-1].item() > 19_990


def test_visited_goals_are_drawn_as_often_as_they_weigh():
    setter = VisitedLatents(1)
    setter.fit(torch.arange(100.0).unsqueeze(1), torch.tensor([1.0] * 90 + [10.0] * 10))
    assert len(setter.latents) == 100
    rare = float((setter.latents >= 90).float().mean())
    assert abs(rare - 100 / 190) < 0.02
    assert float(setter.mean) > 60


def test_resampling_with_equal_weights_keeps_everything_once():
    assert resample(torch.ones(7), 7).tolist() == list(range(7))


def test_correlated_goals_vary_together_as_latents_do_and_reach_beyond_them():
    generator = torch.Generator().manual_seed(0)
    along = torch.rand(3000, 1, generator=generator) - 0.5
    latents = torch.cat((along, 2 * along, torch.zeros_like(along)), 1)
    setter = make_goal_setter('correlated', 3)
    setter.fit(latents)
    goals = setter.sample(4000, generator)
    torch.testing.assert_close(goals[:, 1], 2 * goals[:, 0], atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(goals.T), torch.cov(latents.T), atol=0.03, rtol=0)
    assert goals[:, 0].max() > 0.6


def test_goals_beyond_are_half_visited():
    setter = make_goal_setter('beyond', 1)
    setter.fit(torch.arange(10.0).unsqueeze(1))
    visited = torch.isin(setter.latents, torch.arange(10.0)).float().mean()
    assert abs(float(visited) - 0.5) < 0.01


def test_thinned_latents_keep_their_shares_and_leave_the_others_alone():
    setter = VisitedLatents(1)
    setter.latents = torch.cat((torch.zeros(300, 1), torch.ones(100, 1)))
    few = setter.thinned(40)
    assert len(few.latents) == 40
    assert len(setter.latents) == 400
    assert abs(few.latents.mean() - 0.25) < 0.03
    assert torch.equal(setter.thinned(1000).latents, setter.latents)
