"""`rig_ros sweep`: one crash harms no other run; started again it does only what is left."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip('torch')

from rig_ros.cli import sweep as verb
from rig_ros.errors import ConfigError
from rig_ros.evaluation import sweep

FILE = 'recipes: [reach]\nseeds: [0, 1, 2]\n'
PROGRAM = """
import sys, pathlib
name = pathlib.Path(sys.argv[1])
if name.name.endswith('s1') and not (name.parents[1] / 'mended').exists():
    raise SystemExit('boom')
name.mkdir(parents=True)
(name / 'figures.json').write_text('{}')
"""


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Replace training by a program that crashes for seed 1; return the runs it was given."""
    runs: list[str] = []

    def command(job: sweep.Job) -> list[str]:
        runs.append(job.name)
        return [sys.executable, '-c', PROGRAM, str(job.run.directory)]
    monkeypatch.setattr(sweep, 'command', command)
    (tmp_path / 's.yaml').write_text(FILE)
    return runs


def invoke(directory: Path, *options: str):
    return CliRunner().invoke(verb.app, [str(directory / 's.yaml'), '--run',
                                         str(directory / 'out'), *options])


def test_a_crash_harms_no_other_and_the_next_start_does_what_is_left(tmp_path, started):
    result = invoke(tmp_path, '--local')
    assert result.exit_code == 1, result.output
    assert 'reach-s1 failed: boom' in result.output
    assert started == ['reach-s0', 'reach-s1', 'reach-s2']
    started.clear()
    (tmp_path / 'out' / 'mended').touch()
    result = invoke(tmp_path, '--local')
    assert result.exit_code == 0, result.output
    assert '2 of them finished before' in result.output
    assert started == ['reach-s1']


def test_without_ray_the_message_names_the_way_out(tmp_path, started, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    result = invoke(tmp_path)
    assert isinstance(result.exception, ConfigError)
    assert '--local' in str(result.exception)


@pytest.mark.slow
@pytest.mark.extras
def test_ray_runs_them_too(tmp_path):
    pytest.importorskip('ray')
    (tmp_path / 's.yaml').write_text(
        'recipes: [reach]\nseeds: [0]\ngoals: 1\nchanges: {env_steps: 1}\n')
    result = invoke(tmp_path)
    assert result.exit_code == 0, result.output
    assert (tmp_path / 'out/runs/reach-s0/figures.json').is_file()
