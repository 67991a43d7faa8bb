"""The rewards on points whose distances are known."""

from __future__ import annotations

import torch

from rig_ros.learning.config import RewardConfig
from rig_ros.learning.reward import LatentDistance, make_reward

FAR = torch.tensor([[3.0, 4.0], [1.0, 1.0]])
NEAR = torch.tensor([[0.0, 0.0], [1.0, 1.0]])


def test_reward_is_minus_the_euclidean_distance():
    reward = LatentDistance()(FAR, NEAR)
    assert reward.tolist() == [-5.0, 0.0]


def test_objects_reward_is_minus_the_sum_of_places_differences():
    here = torch.tensor([[0.0, 0, 1, 1, 1, 2, 2, 1]])
    goal = torch.tensor([[1.0, 2, 4, 1, 0.5, 2, 9, 0.1]])
    reward = make_reward(RewardConfig('objects', arm_weight=0.5))
    # Of the objects one is three off; the goal does not show the other one.
    assert reward(here, goal).tolist() == [-(3 + 0.5 * 3)]
    assert reward(here, here).tolist() == [0.0]


def test_manhattan_reward_is_minus_the_sum_of_the_differences():
    assert make_reward(RewardConfig('manhattan'))(FAR, NEAR).tolist() == [-7.0, 0.0]
    assert make_reward(RewardConfig('manhattan'))(NEAR, FAR).tolist() == [-7.0, 0.0]


def test_log_probability_is_half_the_squared_distance_in_deviations():
    reward = make_reward(RewardConfig('log_probability', deviation=2.0))(FAR, NEAR)
    assert reward.tolist() == [-0.5 * 25 / 4, 0.0]


def test_sparse_reward_counts_what_is_outside_the_radius():
    assert make_reward(RewardConfig('sparse', radius=4.9))(FAR, NEAR).tolist() == [-1.0, 0.0]
    assert make_reward(RewardConfig('sparse', radius=5.1))(FAR, NEAR).tolist() == [0.0, 0.0]


def test_distance_is_the_default():
    assert isinstance(make_reward(RewardConfig()), LatentDistance)


def test_beyond_its_cap_a_distance_is_no_worse():
    assert make_reward(RewardConfig(cap=4.0))(FAR, NEAR).tolist() == [-4.0, 0.0]
    assert make_reward(RewardConfig(cap=6.0))(FAR, NEAR).tolist() == [-5.0, 0.0]


def test_scale_multiplies_any_reward():
    assert make_reward(RewardConfig(scale=0.1))(FAR, NEAR).tolist() == [-0.5, 0.0]
    assert make_reward(RewardConfig('sparse', scale=2.0, radius=1.0))(FAR, NEAR).tolist() == [
        -2.0, 0.0]
