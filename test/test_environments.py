"""The tasks' names in Gymnasium, and that naming them loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rig_ros import environments
from rig_ros.control import task as tasks


@pytest.mark.parametrize(('task', 'name'), [
    ('reach_xy', 'ReachXY-v0'), ('reach_xyz', 'ReachXYZ-v0'), ('push', 'Push-v0'),
    ('push_multi', 'PushMulti-v0')])
def test_names_read_like_gymnasium_s(task: str, name: str) -> None:
    assert environments.environment_name(task) == name


def test_every_task_is_registered_in_the_namespace_without_loading_mujoco() -> None:
    pytest.importorskip('gymnasium')
    code = """
import sys
import gymnasium
from gymnasium.envs.registration import namespace
from rig_ros import environments
with namespace('rig_ros'):
    environments.register()
assert 'mujoco' not in sys.modules and 'torch' not in sys.modules
print(*sorted(key for key in gymnasium.registry if key.startswith('rig_ros/')))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(
        f'rig_ros/{environments.environment_name(task)}' for task in tasks.names())
