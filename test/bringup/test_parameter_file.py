"""Parameter files: one node's values change, comments and other nodes stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig_ros import resources
from rig_ros.bringup import parameter_file
from rig_ros.errors import ConfigError

CROP = {'crop': [80, 0, 480, 480], 'exposure': 156.0}


def test_a_new_file_is_the_shipped_one_with_the_values(tmp_path: Path):
    path = tmp_path / 'lab' / 'nodes.yaml'
    parameter_file.write(path, 'camera', CROP)
    found, shipped = path.read_text().splitlines(), resources.find(
        'config', 'nodes.yaml').read_text().splitlines()
    changed = [new for new, old in zip(found, shipped) if new != old]
    assert len(found) == len(shipped)
    assert [line.split('#')[0].strip() for line in changed] == [
        'crop: [80, 0, 480, 480]', 'exposure: 156.0']
    assert '# [x, y, width, height]' in changed[0]
    assert parameter_file.read(path, 'camera')['crop'] == [80, 0, 480, 480]
    assert parameter_file.read(path, 'sim')['clock'] == 'lockstep'


def test_a_persons_file_keeps_its_comments_and_order(tmp_path: Path):
    path = tmp_path / 'mine.yaml'
    path.write_text('# ours\n/**/guard:\n  ros__parameters:\n    max_speed: 0.05  # slow\n\n'
                    '/**/camera:\n  ros__parameters:\n    crop: [1, 2, 3, 4]\n\n'
                    '# the rest\n/**/goal:\n  ros__parameters:\n    seed: 3\n')
    parameter_file.write(path, 'camera', CROP)
    assert path.read_text() == (
        '# ours\n/**/guard:\n  ros__parameters:\n    max_speed: 0.05  # slow\n\n'
        '/**/camera:\n  ros__parameters:\n    crop: [80, 0, 480, 480]\n    exposure: 156.0\n\n'
        '# the rest\n/**/goal:\n  ros__parameters:\n    seed: 3\n')


def test_a_section_that_is_missing_is_added(tmp_path: Path):
    path = tmp_path / 'mine.yaml'
    path.write_text('/**/goal:\n  ros__parameters:\n    seed: 3\n')
    parameter_file.write(path, 'camera', CROP)
    assert parameter_file.read(path, 'camera') == CROP
    assert parameter_file.read(path, 'goal') == {'seed': 3}


@pytest.mark.parametrize('text', [
    '/**/camera: {ros__parameters: {crop: [1, 2, 3, 4]}}\n',
    '/**/camera:\n  ros__parameters:\n    crop:\n      - 1\n      - 2\n', '- no\n', 'a: [\n'])
def test_another_form_is_refused_and_left_as_it_was(tmp_path: Path, text: str):
    path = tmp_path / 'mine.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError):
        parameter_file.write(path, 'camera', CROP)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_there_holds_nothing(tmp_path: Path):
    assert parameter_file.read(tmp_path / 'none.yaml', 'camera') == {}
