"""Runs compared: groups, intervals over seeds, published rows, failures, pictures, CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from rig_ros.errors import ConfigError, DataError
from rig_ros.evaluation import comparison, pictures, plots
from rig_ros.evaluation.comparison_report import task_table, task_tables, write_comparison


def finished(folder: Path, method: str, seed: int, puck_m: float, task: str = 'push') -> Path:
    directory = folder / f'{method}-s{seed}'
    (directory / 'pictures').mkdir(parents=True)
    (directory / 'config.yaml').write_text('task: push\n')
    (directory / 'metrics.csv').write_text(
        'env_steps,puck0_mean_distance_m\n1000,0.09\n1500,\n2000,' + f'{puck_m}\n')
    (directory / 'figures.json').write_text(json.dumps({
        'task': task, 'seed': seed, 'env_steps': 2000, 'goals': 50, 'wall_s': 10.0,
        'mean_final_distance_m': puck_m, 'objects': {'puck0': {
            'mean_final_distance_m': puck_m, 'median_final_distance_m': puck_m,
            'worst_m': 0.2, 'do_nothing_m': 0.097}}}))
    (directory / 'pictures' / 'goals-and-results.png').write_bytes(
        pictures.png(np.full((8, 8, 3), seed, np.uint8)))
    return directory


def test_runs_are_grouped_by_task_and_method_and_summed_up_over_seeds(tmp_path):
    runs = [finished(tmp_path, 'ours', seed, puck) for seed, puck in ((0, .03), (1, .05))]
    groups, unfinished = comparison.load([*runs, finished(tmp_path, 'theirs', 0, 0.08)])
    assert [(g.method, len(g.runs)) for g in groups] == [('ours', 2), ('theirs', 1)]
    assert unfinished == []
    assert [run.seed for run in groups[0].best_to_worst()] == [0, 1]
    table = task_table('push', groups, comparison.published())
    ours, theirs, idle, *literature = table.rows
    # Student's t with one degree of freedom: 4 cm +- 12.706 * 1.414 / 1.414, cut at zero.
    assert ours == ('ours', 'puck0', '2,000', 2, '4.00 cm', '0.00 cm to 16.71 cm', '5.00 cm')
    assert theirs[5] == 'one seed'
    assert idle[:2] == ('doing nothing', 'puck0')
    assert ('published: Skew-Fit', 'puck0', '35,000', '', '6.40 cm', '', '') in literature
    assert 'rlkit' in table.note


def test_a_curve_keeps_the_steps_that_all_seeds_have(tmp_path):
    runs = [finished(tmp_path, 'ours', seed, puck) for seed, puck in ((0, .03), (1, .05))]
    with (runs[0] / 'metrics.csv').open('a') as stream:
        stream.write('1800,0.04\n')
    before = (runs[0] / 'metrics.csv').read_text()
    (group,), _ = comparison.load(runs)
    band = group.curve('puck0')
    assert list(band.x) == [1000, 2000]
    assert band.y[1] == pytest.approx(0.04)
    assert band.low[0] == band.high[0] == pytest.approx(0.09)
    assert (runs[0] / 'metrics.csv').read_text() == before


def test_the_page_holds_everything_and_the_failures_too(tmp_path):
    (tmp_path / 'sweep.yaml').write_text('recipes: [ours]\nseeds: [0, 1, 2]\n')
    for seed in (0, 1):
        finished(tmp_path / 'runs', 'ours', seed, 0.03 + seed / 100)
    groups, unfinished = comparison.load([tmp_path])
    assert [path.name for path in unfinished] == ['ours-s2']
    page = write_comparison(tmp_path / 'out', 'Comparison', groups, task_tables(groups),
                            {'ours-s2': 'no <room>'}, 3)
    text = page.read_text()
    for content in ('no &lt;room&gt;', '<b>3</b><span>runs not begun', 'puck0 on the way',
                    'goals and results', 'seed 1, worst', 'published: LEXA', 'doing nothing'):
        assert content in text
    assert text.index('published: LEXA') < text.index('<figure>')  # the table leads
    assert 'http' not in text.replace('data:image', '')  # nothing is fetched
    rows = list(csv.DictReader((tmp_path / 'out/results.csv').open()))
    assert [(row['seed'], float(row['mean'])) for row in rows] == [('0', .03), ('1', .04)]
    assert len(list(csv.DictReader((tmp_path / 'out/curves.csv').open()))) == 4


def test_methods_are_ranked_by_their_mean_and_keep_their_colour(tmp_path, monkeypatch):
    runs = [finished(tmp_path, name, 0, mean) for name, mean in (('a', .05), ('b', .02))]
    groups, _ = comparison.load(runs)
    assert [row[0] for row in task_table('push', groups, []).rows] == ['b', 'a', 'doing nothing']
    drawn = {}
    for plot in ('ranking', 'bands'):
        monkeypatch.setattr(plots, plot, lambda methods, points, *_, plot=plot: (
            drawn.update({plot: (list(methods), dict(points))}), b'')[1])
    write_comparison(tmp_path / 'out', 'Comparison', groups, task_tables(groups), {})
    assert drawn['ranking'][0] == drawn['bands'][0] == ['b', 'a']
    # What was published after many times the steps would leave no room for the curves.
    assert drawn['ranking'][1]['Skew-Fit, published (460,000 steps)'] == .04
    assert not drawn['bands'][1]


def test_raises_error_if_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(ConfigError, match='neither|allowed: the folder'):
        comparison.load([tmp_path])
    (tmp_path / 'config.yaml').touch()
    with pytest.raises(ConfigError, match='none of them finished'):
        comparison.load([tmp_path])


def test_raises_error_if_figures_are_damaged(tmp_path):
    directory = finished(tmp_path, 'ours', 0, 0.03)
    (directory / 'figures.json').write_text('{')
    with pytest.raises(DataError, match='damaged'):
        comparison.load([directory])


def test_published_figures_are_plausible():
    for row in comparison.published():
        assert 0 < row.value < 0.1
        assert row.steps >= 0
        assert row.source
