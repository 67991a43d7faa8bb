"""Sweeps: what is run, what is skipped, gone on with or begun anew. Nothing is trained here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip('torch')

from rig_ros import settings
from rig_ros.errors import ConfigError
from rig_ros.evaluation import sweep
from rig_ros.learning.config import TrainConfig


def planned(directory: Path, **changes: object) -> list[sweep.Job]:
    config = sweep.SweepConfig(**{'recipes': ('reach', 'rig_paper'), 'seeds': (0, 3),
                                  'changes': {'env_steps': 70}, **changes})  # type: ignore
    return sweep.prepare(config, directory / 'x.yaml', directory / 'sweep')


def test_recipes_times_seeds_with_the_changes_written_out(tmp_path):
    jobs = planned(tmp_path)
    assert [job.name for job in jobs] == ['reach-s0', 'rig_paper-s0', 'reach-s3', 'rig_paper-s3']
    assert {job.steps for job in jobs} == {70}
    recipe = settings.load(TrainConfig, jobs[1].recipe)
    assert (recipe.env_steps, recipe.td3.hidden) == (70, (400, 300))


def test_finished_runs_are_known_and_begun_ones_are_gone_on_with(tmp_path):
    first, second, third, _ = planned(tmp_path)
    for job in (first, second, third):
        job.run.directory.mkdir()
    (first.run.directory / 'figures.json').write_text('{}')
    second.run.checkpoint.write_bytes(b'')
    third.run.metrics.write_text('env_steps,hand\n50,1\n70.0,2\n')
    assert [job.state for job in planned(tmp_path)] == ['finished', 'begun', 'new', 'new']
    assert '--resume' in sweep.command(second)
    assert third.done_steps() == 70
    assert '--resume' not in sweep.command(third)
    assert not third.run.directory.exists()  # it died before its first checkpoint
    assert third.done_steps() == 0


def test_a_folder_of_another_sweep_is_refused(tmp_path):
    planned(tmp_path)
    with pytest.raises(ConfigError, match='differs'):
        planned(tmp_path, changes={'env_steps': 71})
    (tmp_path / 'sweep' / 'sweep.yaml').unlink()
    with pytest.raises(ConfigError, match='not empty'):
        planned(tmp_path)


@pytest.mark.parametrize('wrong', [{'recipes': ()}, {'seeds': (1, 1)}, {'seeds': (-1,)},
                                   {'goals': 0}])
def test_raises_error_if_a_value_is_not_allowed(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        sweep.SweepConfig(**{'recipes': ('reach',), **wrong})


def test_shipped_sweeps_name_shipped_recipes(tmp_path):
    for name in ('headline', 'published_methods', 'push_ablations'):
        config, path = sweep.load(name)
        assert len(sweep.prepare(config, path, tmp_path / name)) == (
            len(config.recipes) * len(config.seeds))
    with pytest.raises(ConfigError, match='headline'):
        sweep.load('headlines')


def test_a_run_that_crashes_gives_its_status_and_its_last_words(tmp_path, monkeypatch):
    job = planned(tmp_path)[0]
    program = "print('began'); raise SystemExit('no room')"
    monkeypatch.setattr(sweep, 'command', lambda job: [sys.executable, '-c', program])
    assert sweep.execute(job) == 1
    assert sweep.last_words(job.log) == 'no room'
