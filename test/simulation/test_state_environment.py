"""The task seen as true positions."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('mujoco')

from rig_ros.control import task as tasks
from rig_ros.simulation.state_environment import SawyerStateEnv

pytestmark = pytest.mark.render


def test_observations_are_states_and_goals_keep_their_picture() -> None:
    env = SawyerStateEnv(tasks.load('push'), image_size=48)
    try:
        (goal,) = env.held_out_goals(1)
        first = env.reset(goal)
        moved = env.step(np.array([0.0, 1.0]))
        assert first.shape == moved.shape == goal.observation.shape == (env.state_dim,)
        assert moved[1] > first[1] + 0.01  # the hand, y
        assert goal.observation[3:] == pytest.approx(goal.truth['puck0'][:2])
        assert goal.image_hwc_u8.shape == env.picture().shape == (48, 48, 3)
    finally:
        env.close()
