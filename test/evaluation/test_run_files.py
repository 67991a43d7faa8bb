"""The folder of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig_ros import settings
from rig_ros.errors import ConfigError, DataError
from rig_ros.evaluation.run_files import RunFiles
from rig_ros.learning.config import TrainConfig


def test_recipe_comes_back_from_the_folder(tmp_path):
    files = RunFiles(tmp_path / 'a')
    config = TrainConfig(task='reach', env_steps=123)
    files.create(config)
    assert settings.load(TrainConfig, files.config) == config


def test_folder_in_use_is_refused_and_kept(tmp_path):
    (tmp_path / 'mine.txt').write_text('x')
    with pytest.raises(ConfigError, match=r'not empty.*--run.*--resume'):
        RunFiles(tmp_path).create(TrainConfig(task='reach'))
    assert [p.name for p in tmp_path.iterdir()] == ['mine.txt']


def test_resume_needs_a_checkpoint(tmp_path):
    files = RunFiles(tmp_path / 'a')
    with pytest.raises(ConfigError, match='config.yaml does not exist'):
        files.require_resumable()
    files.create(TrainConfig(task='reach'))
    with pytest.raises(ConfigError, match='checkpoint.safetensors does not exist'):
        files.require_resumable()


def test_new_metrics_become_columns_and_old_rows_stay(tmp_path):
    files = RunFiles(tmp_path)
    files.add({'env_steps': 50, 'wall_s': 1.0})
    files.add({'env_steps': 100, 'wall_s': 2.0, 'loss': 0.5})
    files.add({'env_steps': 150, 'loss': 0.4})
    lines = files.metrics.read_text().split()
    assert lines == ['env_steps,wall_s,loss', '50,1.0,', '100,2.0,0.5', '150,,0.4']
    assert files.series('loss') == ([100, 150], [0.5, 0.4])


def test_resumed_table_forgets_what_came_after_the_checkpoint(tmp_path):
    files = RunFiles(tmp_path)
    for step in (50, 100, 150):
        files.add({'env_steps': step, 'loss': step / 100})
    again = RunFiles(tmp_path)
    again.reload_metrics(100)
    again.add({'env_steps': 150, 'loss': 9.0})
    assert again.series('loss') == ([50, 100, 150], [0.5, 1.0, 9.0])
    assert len(again.metrics.read_text().split()) == 4


def test_damaged_table_is_named(tmp_path):
    files = RunFiles(tmp_path)
    files.metrics.write_text('env_steps,loss\n50,what\n')
    with pytest.raises(DataError, match='metrics.csv'):
        files.reload_metrics(100)


def test_naming_a_run_touches_nothing(tmp_path):
    RunFiles(tmp_path / 'a')
    assert list(Path(tmp_path).iterdir()) == []
