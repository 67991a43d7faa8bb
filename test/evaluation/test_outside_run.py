"""Stable-Baselines3's agent leaves what ours leave."""

from __future__ import annotations

import dataclasses
import json

import pytest

pytest.importorskip('stable_baselines3')
pytest.importorskip('mujoco')
from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError
from rig_ros.evaluation import comparison, measured_run
from rig_ros.evaluation.outside_run import OutsideRun
from rig_ros.learning import config as configs
from rig_ros.simulation.gym import SawyerGoalEnv
from rig_ros.simulation.state_environment import SawyerStateEnv

pytestmark = [pytest.mark.render, pytest.mark.extras]


def test_a_run_is_compared_with_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(measured_run, 'QUICK_EVERY_STEPS', 20)
    monkeypatch.setattr(measured_run, 'QUICK_GOALS', 1)
    task = dataclasses.replace(tasks.load('reach'), horizon=10)
    recipe = configs.load('reach_sb3_her_td3')
    recipe = dataclasses.replace(recipe, env_steps=40, replay_frames=100, explore=(
        dataclasses.replace(recipe.explore, random_steps=20)))
    seen = []
    world, practice = SawyerStateEnv(task, 0, 48), SawyerGoalEnv(task)
    try:
        run = OutsideRun(tmp_path / 'sb3-s3', recipe, task, world, practice, 3,
                         progress=lambda event: seen.append(event.done))
        run.train()
        figures = run.finish(goals=2)
    finally:
        world.close()
        practice.close()
    assert seen == [10, 20, 30, 40]
    assert (figures['sees'], figures['seed'], figures['env_steps']) == ('true positions', 3, 40)
    (group,), unfinished = comparison.load([tmp_path / 'sb3-s3'])
    assert (group.method, unfinished) == ('sb3', [])
    assert list(group.curve('hand').x) == [20, 40]
    assert json.loads((tmp_path / 'sb3-s3/figures.json').read_text())['task'] == 'reach_xy'


def test_raises_error_if_it_is_to_see_pictures():
    with pytest.raises(ConfigError, match="'state'"):
        configs.TrainConfig('reach', agent='stable_baselines3')
