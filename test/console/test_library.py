"""Goals by name survive a restart; nothing outside the folder can be named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rig_ros.console.library import Library
from rig_ros.errors import DataError

PICTURE = np.random.default_rng(1).integers(0, 255, (84, 84, 3), np.uint8)


def test_goals_and_attempts_survive_a_restart(tmp_path: Path):
    library = Library(tmp_path / 'goals')
    library.save('corner', PICTURE, 'captured', {'hand': (0.6, 0.1, 0.055)})
    library.note('corner', {'id': '1', 'outcome': 'end', 'distance': 0.5, 'success': None})
    library.note('corner', {'id': '2', 'outcome': 'end', 'distance': 0.2, 'success': True})
    library.note('corner', {'id': '1', 'outcome': 'end', 'distance': 0.5, 'success': False})
    again = Library(tmp_path / 'goals')
    assert again.goals['corner'].summary == {
        'name': 'corner', 'source': 'captured', 'created': library.goals['corner'].created,
        'attempts': 2, 'labelled': 2, 'successes': 1}
    assert np.array_equal(again.picture('corner'), PICTURE)
    assert again.truth('corner') == {'hand': (0.6, 0.1, 0.055)}


@pytest.mark.parametrize('name', ['', '../x', 'a/b', '.hidden', 'A', 'a' * 41, 'a.png', 'ä',
                                  'a\n'])
def test_names_stay_inside_the_folder(tmp_path: Path, name: str):
    library = Library(tmp_path)
    with pytest.raises(DataError, match='goal name'):
        library.save(name, PICTURE, '')
    with pytest.raises(DataError, match='not in the library'):
        library.picture(name)
    with pytest.raises(DataError, match='not in the library'):
        library.remove(name)


def test_a_name_is_not_taken_twice(tmp_path: Path):
    library = Library(tmp_path)
    library.save('a', PICTURE, '')
    with pytest.raises(DataError, match='taken'):
        library.save('a', PICTURE, '')


def test_a_removed_goal_can_be_found_again(tmp_path: Path):
    library = Library(tmp_path)
    library.save('a', PICTURE, '')
    library.remove('a')
    assert Library(tmp_path).goals == {}
    assert len(list((tmp_path / '.removed').iterdir())) == 2


@pytest.mark.parametrize('text', ['', '{', '[]', '{"attempts": 3}', '{"attempts": [3]}'])
def test_a_broken_description_does_not_hide_the_picture(tmp_path: Path, text: str):
    Library(tmp_path).save('a', PICTURE, '')
    (tmp_path / 'a.json').write_text(text)
    assert np.array_equal(Library(tmp_path).picture('a'), PICTURE)
