"""`rig_ros recover` and `rig_ros inspect` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

from recorded_streams import Streams
from typer.testing import CliRunner

from rig_ros.cli import inspect, recover


def test_recover_restores_and_inspect_then_shows_it(tmp_path: Path):
    run = tmp_path / 'run'
    Streams(steps=5).build().write(run, 'whole')
    Streams(steps=5).build().record(run, 'broken').close()
    figures = tmp_path / 'figures.json'
    first = CliRunner().invoke(inspect.app, [str(run)])
    assert first.exit_code == 0
    assert 'rig_ros recover' in first.output
    done = CliRunner().invoke(recover.app, [str(run), '--json', str(figures)])
    assert done.exit_code == 0
    assert '2 recordings, 1 intact' in done.output
    outcomes = {Path(r['source']).name: r['outcome']
                for r in json.loads(figures.read_text())['recordings']}
    assert outcomes == {'broken.mcap.part': 'restored', 'whole.mcap': 'intact'}
    again = CliRunner().invoke(inspect.app, [str(run), '--json', str(figures)])
    assert again.exit_code == 0
    assert json.loads(figures.read_text())['steps'] == 10
    assert (run / 'contact_sheet.png').is_file()


def test_inspect_one_episode_lists_topics_and_what_was_left_out(tmp_path: Path):
    streams = Streams(steps=5).build()
    streams.messages = [m for m in streams.messages if m != streams.messages[7]]
    file = streams.write(tmp_path)
    shown = CliRunner().invoke(inspect.app, [str(file.path.parent)], env={'COLUMNS': '120'})
    assert shown.exit_code == 0
    assert '/camera/image' in shown.output
    assert 'left out: 1 x picture without an executed command' in shown.output


def test_inspect_draws_histograms_and_a_page(tmp_path: Path):
    file = Streams(steps=5).build().write(tmp_path)
    page = tmp_path / 'page'
    shown = CliRunner().invoke(inspect.app, [str(file.path), '--html', str(page)])
    assert shown.exit_code == 0, shown.output
    # Speeds 0.02 to 0.10 m/s of at most 0.2: the bins from 0.1 to 0.5 hold one each.
    line = next(text for text in shown.output.splitlines() if text.startswith('action  0'))
    assert line.count('\u2588') == 5
    assert 'mean 0.30' in line
    html = (page / 'report.html').read_text()
    assert html.count('data:image/png') == 2
    assert 'Executed actions' in html


def test_bars_never_hide_a_count():
    assert inspect.bars([0, 1, 1000]) == ' \u2581\u2588'
    assert inspect.bars([]) == ''


def test_inspect_shows_the_manifest_of_a_model():
    from rig_ros import resources
    (model, *_) = sorted(resources.find('models', 'reach').glob('*.safetensors'))
    shown = CliRunner().invoke(inspect.app, [str(model)])
    assert shown.exit_code == 0
    assert 'encoder_id' in shown.output
