"""A killed training is resumed and judged by what it learnt."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rig_ros.cli import drill, training_drill

RECIPE = """
task: reach
image_size: 48
env_steps: 120
vae: {latent_dim: 2, networks: patch, batch_size: 8, first_steps: 2}
td3: {hidden: [16], batch_size: 8, first_updates: 2, updates_per_step: 0.2}
explore: {random_steps: 20}
"""


def test_steps_are_those_of_the_newest_whole_row(tmp_path: Path):
    metrics = tmp_path / 'metrics.csv'
    assert training_drill._steps(metrics, 0) == 0
    metrics.write_text('')
    assert training_drill._steps(metrics, 0) == 0
    metrics.write_text('wall_s,env_steps\n0.5,50\n0.9,100.0\n1.2,1')
    assert training_drill._steps(metrics, 0) == 100
    assert training_drill._steps(metrics, time.time() + 60) == 0  # of the one killed before


@pytest.mark.render
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_training_survives_a_kill(tmp_path: Path):
    pytest.importorskip('mujoco')
    (tmp_path / 'r.yaml').write_text(RECIPE)
    result = CliRunner().invoke(drill.app, [
        'training', '--kills', '1', '--steps', '500', '--checkpoint-every', '50', '--recipe',
        str(tmp_path / 'r.yaml'), '--best', '0', '--worst', '1', '--out', str(tmp_path / 'out'),
        '--json', str(tmp_path / 'f.json')])
    assert result.exit_code == 0, result.output
    assert 0 < json.loads((tmp_path / 'f.json').read_text())['mean_final_distance_m'] < 1
    assert 'killed at' in result.output
