"""The report: one page that needs nothing else, and the same figures as JSON."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
from dot_world import DotWorld, Seer

from rig_ros.errors import ConfigError
from rig_ros.evaluation import protocol
from rig_ros.evaluation.pictures import png
from rig_ros.evaluation.plots import histogram, learning_curve, line_plot
from rig_ros.evaluation.report import (
    Figure,
    Table,
    evaluation_tables,
    write_json,
    write_report,
)

PIXELS = np.full((6, 8, 3), 200, np.uint8)


def test_page_is_self_contained_and_escapes_text(tmp_path):
    path = write_report(
        tmp_path / 'new', 'a <script> & title', {'median_final_distance_m': 0.0123, 'wall_s': 5.0},
        [Figure('Sheet', png(PIXELS), 'goal | final')], [Table('T', ('x', 'y'), ((1, '<b>'),))],
        config='vae: {beta: 1}')
    page = path.read_text()
    assert '<script>' not in page
    assert '<b>&lt;b&gt;' not in page
    assert '&lt;b&gt;' in page
    assert '1.23 cm' in page
    assert 'vae: {beta: 1}' in page
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) == 1
    kind, _, content = sources[0].partition(',')
    assert kind == 'data:image/png;base64'
    assert base64.b64decode(content) == png(PIXELS)


def test_json_holds_the_figures_and_tables(tmp_path):
    write_report(tmp_path, 't', {'median_final_distance_m': 0.0123, 'seed': 4},
                 tables=[Table('T', ('x', 'y'), ((1, 2), (3, 4)))])
    content = json.loads((tmp_path / 'report.json').read_text())
    assert content['median_final_distance_m'] == 0.0123
    assert content['seed'] == 4
    assert content['tables']['T'] == [{'x': 1, 'y': 2}, {'x': 3, 'y': 4}]


def test_json_takes_numpy_and_turns_infinities_into_null(tmp_path):
    write_json(tmp_path / 'deep' / 'f.json', {
        'a': np.float32(0.5), 'b': [np.int64(3), float('inf')], 'c': {0.01: np.array([1.0])}})
    assert json.loads((tmp_path / 'deep' / 'f.json').read_text()) == {
        'a': 0.5, 'b': [3, None], 'c': {'0.01': [1.0]}}


def test_row_with_a_missing_cell_is_refused():
    with pytest.raises(ConfigError, match='2 cells'):
        Table('T', ('x', 'y'), ((1,),))


def test_tables_of_an_evaluation_show_doing_nothing():
    world = DotWorld()
    result = protocol.run(Seer(), world, world.held_out_goals(3), 20)
    summary, goals = evaluation_tables(result)
    assert [row[0] for row in summary.rows] == ['hand', 'hand, doing nothing']
    assert summary.rows[0][2] != summary.rows[1][2]
    assert len(goals.rows) == 3
    assert goals.rows[0][1] == f'{100 * result.do_nothing("hand")[0]:.2f} cm'


def test_an_angle_is_told_in_radians_everywhere(tmp_path):
    record = protocol.GoalRecord(0, {'door': 0.4, 'hand': 0.1}, {'door': 0.05, 'hand': 0.02},
                                 DotWorld().reset(), DotWorld().reset())
    result = protocol.Evaluation((record,), 1)
    figures = result.figures()
    assert (figures['unit'], figures['objects']['hand']['unit']) == ('rad', 'm')
    page = write_report(tmp_path, 'door', figures, tables=evaluation_tables(result)).read_text()
    assert '0.050 rad' in page
    assert '2.00 cm' in page
    assert '5.00 cm' not in page
    assert 'below 1 cm or 0.01 rad' in page


@pytest.mark.parametrize('content', [
    learning_curve({'hand': ([1000, 2000], [0.1, 0.02])}, 0.16),
    line_plot({'a': ([1, 2], [1, 2]), 'b': ([1], [2])}, 'steps', 'loss'),
    histogram([0.01, 0.02], 0.16)])
def test_plots_are_pictures(content):
    assert content.startswith(b'\x89PNG')
    assert len(content) > 2000
