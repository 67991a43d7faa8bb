"""`rig_ros benchmark --short`: the whole way from a sweep's file to its page, for real."""

from __future__ import annotations

import csv

import pytest
from typer.testing import CliRunner

pytest.importorskip('torch')
pytest.importorskip('mujoco')

from rig_ros.cli import benchmark, report

OPTIONS = ('--short', '--local')


@pytest.mark.render
def test_the_short_form_runs_through_and_again_does_nothing(tmp_path):
    (tmp_path / 'small.yaml').write_text('recipes: [reach]\nseeds: [0, 1]\n')
    arguments = [*OPTIONS, '--file', str(tmp_path / 'small.yaml'), '--run', str(tmp_path / 'run')]
    result = CliRunner().invoke(benchmark.app, arguments)
    assert result.exit_code == 0, result.output
    page = (tmp_path / 'run/comparison/report.html').read_text()
    for content in ('reach_xy', 'doing nothing', 'goals and results', 'only seed', 'on the way',
                    'Headline', 'not run', 'Skew-Fit 0.05 rad'):
        assert content in page
    rows = list(csv.DictReader((tmp_path / 'run/comparison/results.csv').open()))
    assert [(row['method'], row['env_steps']) for row in rows] == [('reach', '150')]
    again = CliRunner().invoke(benchmark.app, arguments)
    assert again.exit_code == 0, again.output
    assert '1 of them finished before' in again.output
    alone = CliRunner().invoke(report.app, [str(tmp_path / 'run/runs/reach-s0')])
    assert alone.exit_code == 0, alone.output
