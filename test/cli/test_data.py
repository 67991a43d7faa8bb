"""`rig_ros data` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recorded_streams import Streams
from typer.testing import CliRunner

from rig_ros.cli import data
from rig_ros.errors import ConfigError, DataError


def call(*arguments: object) -> str:
    result = CliRunner().invoke(data.app, [str(a) for a in arguments], env={'COLUMNS': '160'})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_merge_split_delete_restore_catalog_follow_each_other(tmp_path: Path):
    for number in range(3):
        Streams(steps=4).build().write(tmp_path / f'run{number}', f'e{number}')
    everything, figures = tmp_path / 'all', tmp_path / 'found.json'
    runs = [tmp_path / f'run{n}' for n in range(3)]
    assert '3 recordings copied, 0 were there' in call('merge', *runs, '--into', everything)
    shown = call('split', everything, '--into', tmp_path / 'parts', '--share', 'a=2', '--share',
                 'b=1')
    assert 'parts/a: 2 recordings' in shown
    call('delete', everything / 'e1')
    assert call('restore', everything).strip() == 'e1'
    assert '2 of 2 recordings, 8 transitions' in call('catalog', everything, '--json', figures)
    call('restore', everything, 'e1')
    assert '3 of 3 recordings, 12 transitions; 1 read' in call('catalog', everything)
    assert len(json.loads(figures.read_text())['recordings']) == 2
    with pytest.raises(ConfigError, match="--share: got 'a'"):
        call('split', everything, '--into', tmp_path / 'x', '--share', 'a')


def test_export_and_import(tmp_path: Path):
    pytest.importorskip('pyarrow')
    Streams(steps=4).build().write(tmp_path / 'run', 'e')
    assert '1 unbroken' in call('export', tmp_path / 'run', '--to', tmp_path / 'set')
    assert '1 episodes, 4 steps' in call('import', tmp_path / 'set', '--into', tmp_path / 'back')


def test_replay_without_hand_positions_is_refused(tmp_path: Path):
    file = Streams(steps=4).build().write(tmp_path)
    with pytest.raises(DataError, match='0 hand positions'):
        call('replay', file.path)
