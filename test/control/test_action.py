"""Action to velocity and back, and the random actions that take the first pictures."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.control import task as tasks
from rig_ros.control.action import (
    OrnsteinUhlenbeck,
    SmoothRandomActions,
    action_to_velocity,
    velocity_to_action,
)
from rig_ros.errors import ConfigError


def test_full_action_is_two_centimetres_per_step() -> None:
    task = tasks.load('reach_xy')
    velocity = action_to_velocity([1.0, -0.5], task)
    np.testing.assert_allclose(velocity / task.control_hz, [0.02, -0.01, 0.0])


def test_action_is_clipped() -> None:
    np.testing.assert_allclose(action_to_velocity([7.0, 0.0], tasks.load('push')), [0.2, 0, 0])


@pytest.mark.parametrize('name', [n for n in tasks.names() if not tasks.load(n).gripper])
def test_velocity_gives_the_action_back(name: str) -> None:
    task = tasks.load(name)
    action = np.linspace(-0.9, 0.8, task.action_dim)
    back = velocity_to_action(action_to_velocity(action, task), task)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, action, atol=1e-6)


@pytest.mark.parametrize('action', [[1.0], [1.0, 2.0, 3.0], [np.nan, 0.0], [np.inf, 0.0]])
def test_bad_action_is_refused_with_the_axes(action: list[float]) -> None:
    with pytest.raises(ConfigError, match='2 finite numbers .axes x, y'):
        action_to_velocity(action, tasks.load('reach_xy'))


def test_bad_velocity_is_refused() -> None:
    with pytest.raises(ConfigError, match='velocity'):
        velocity_to_action([0.0, np.nan, 0.0], tasks.load('reach_xy'))


def test_noise_has_the_spread_and_memory_its_parameters_say() -> None:
    noise = OrnsteinUhlenbeck(1, theta=0.15, sigma=0.2, rng=np.random.default_rng(0))
    values = np.array([noise.sample()[0] for _ in range(20000)])
    assert values.std() == pytest.approx(0.2 / np.sqrt(1 - 0.85 ** 2), rel=0.05)
    assert np.corrcoef(values[:-1], values[1:])[0, 1] == pytest.approx(0.85, abs=0.02)


def test_noise_starts_again_after_reset() -> None:
    noise = OrnsteinUhlenbeck(2, theta=0.15, sigma=0.0, rng=np.random.default_rng(0))
    noise._value[:] = 3.0
    noise.reset()
    np.testing.assert_array_equal(noise.sample(), [0.0, 0.0])


def test_random_actions_are_allowed_and_repeat_with_the_seed() -> None:
    first, second = (SmoothRandomActions(2, np.random.default_rng(5)) for _ in range(2))
    a, b = (np.array([s.sample() for _ in range(500)]) for s in (first, second))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a).max() <= 1.0
    assert np.abs(a).mean() > 0.4


@pytest.mark.parametrize(('dim', 'theta', 'sigma'), [(0, 0.1, 0.1), (1, 0.0, 0.1), (1, 0.1, -1)])
def test_bad_noise_parameters_are_refused(dim: int, theta: float, sigma: float) -> None:
    with pytest.raises(ConfigError):
        OrnsteinUhlenbeck(dim, theta, sigma, np.random.default_rng(0))


def test_the_gripper_s_component_is_no_velocity() -> None:
    task = tasks.load('pickup')
    np.testing.assert_allclose(action_to_velocity([1.0, -0.5, 1.0], task), [0.2, 0.0, -0.1])
    with pytest.raises(ConfigError, match='without a gripper'):
        velocity_to_action([0.1, 0.0, 0.0], task)
