"""Released models: small, as their cards say, and good for something in today's simulation."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

pytest.importorskip('mujoco')

from rig_ros import resources
from rig_ros.control import task as tasks
from rig_ros.evaluation import protocol
from rig_ros.learning import bundle as bundles
from rig_ros.simulation.environment import SawyerEnv

MOST_BYTES = 4_000_000
GOALS = 6
FILES = sorted(resources.find('models').glob('*/*.safetensors'))


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_a_released_model_is_small_and_its_card_names_this_file(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
    card = (path.parent / 'README.md').read_text()
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert path.name in card


@pytest.mark.render
@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_a_released_model_comes_closer_than_doing_nothing(path: Path) -> None:
    model = bundles.load(path)
    task = tasks.load(model.manifest.task)
    env = SawyerEnv(task)
    try:
        result = protocol.run(model, env, env.held_out_goals(GOALS), task.horizon)
    finally:
        env.close()
    nothing = result.do_nothing(result.primary)
    assert result.summary().mean < 0.7 * sum(nothing) / len(nothing)
