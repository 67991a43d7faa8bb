"""Between the policy's action in [-1, 1]^n and a hand velocity [m/s]; smooth random actions.

An action of 1.0 asks for `action_scale` metres along its axis in one control step.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rig_ros.control.task import TaskConfig
from rig_ros.settings import require

Array = npt.NDArray[np.float64]
Array32 = npt.NDArray[np.float32]


def action_to_velocity(action: npt.ArrayLike, task: TaskConfig) -> Array:
    """Return the hand velocity an action asks for. Shape (3,) [m/s], frame `base`.

    Args:
        action: shape (n,), in the order of `task.axes`, then the gripper's, which is no velocity;
            values outside [-1, 1] are clipped.
        task: axes, scale and rate.

    Raises:
        ConfigError: wrong number of components, or not finite.
    """
    values = np.asarray(action, dtype=np.float64)
    require(values.shape == (task.action_dim,) and bool(np.isfinite(values).all()), 'action',
            action, f'{task.action_dim} finite numbers (axes {", ".join(task.action_names)})')
    velocity = np.zeros(3)
    driven = np.clip(values[:len(task.axes)], -1.0, 1.0)
    velocity[list(task.axis_indices)] = driven * task.max_speed
    return velocity


def velocity_to_action(velocity: npt.ArrayLike, task: TaskConfig) -> Array32:
    """Return the action that asks for a hand velocity; other axes are dropped. Shape (n,).

    Args:
        velocity: shape (3,) [m/s], frame `base`; speeds above the task's are clipped to 1.
        task: axes, scale and rate.

    Raises:
        ConfigError: not three finite numbers, or a task with a gripper, which no velocity moves.
    """
    require(not task.gripper, 'task', task.name, 'tasks without a gripper; velocities do not '
            'tell what the gripper did')
    values = np.asarray(velocity, dtype=np.float64)
    require(values.shape == (3,) and bool(np.isfinite(values).all()), 'velocity', velocity,
            '3 finite numbers [m/s]')
    driven = values[list(task.axis_indices)] / task.max_speed
    return np.clip(driven, -1.0, 1.0).astype(np.float32)


class OrnsteinUhlenbeck:
    """Noise that wanders smoothly: x += -theta x + sigma n, n standard normal, each step."""

    def __init__(self, dim: int, theta: float, sigma: float, rng: np.random.Generator) -> None:
        require(dim >= 1, 'dim', dim, 'at least 1')
        require(0 < theta <= 1, 'theta', theta, 'above 0, at most 1')
        require(sigma >= 0, 'sigma', sigma, 'at least 0')
        self._theta, self._sigma, self._rng = theta, sigma, rng
        self._value = np.zeros(dim)

    def reset(self) -> None:
        """Start again from zero, as at the start of an episode."""
        self._value = np.zeros_like(self._value)

    def sample(self) -> Array32:
        """Take one step and return the value, not clipped. Shape (dim,)."""
        noise = self._rng.standard_normal(self._value.shape)
        self._value = self._value - self._theta * self._value + self._sigma * noise
        return self._value.astype(np.float32)


class SmoothRandomActions:
    """Smooth random actions in [-1, 1]^n that cover a workspace: for the first pictures."""

    def __init__(self, dim: int, rng: np.random.Generator, theta: float = 0.15,
                 sigma: float = 0.5) -> None:
        self._noise = OrnsteinUhlenbeck(dim, theta, sigma, rng)

    def reset(self) -> None:
        """Start a new episode."""
        self._noise.reset()

    def sample(self) -> Array32:
        """Return the next action. Shape (dim,)."""
        return np.clip(self._noise.sample(), -1.0, 1.0)
