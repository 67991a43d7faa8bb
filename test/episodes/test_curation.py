"""Merging, splitting, binning: nothing changed, nothing gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded_streams import Streams

from rig_ros.episodes import bag_metadata, curation
from rig_ros.episodes.inspection import survey
from rig_ros.episodes.reading import find_episodes
from rig_ros.errors import ConfigError, DataError


def names(folder: Path) -> list[str]:
    return [path.parent.name for path in find_episodes(folder)]


def test_merge_keeps_both_of_one_name_and_can_be_repeated(tmp_path: Path):
    Streams(steps=3).build().write(tmp_path / 'a', 'e1')
    Streams(steps=4).build().write(tmp_path / 'b', 'e1')
    sources, target = [tmp_path / 'a', tmp_path / 'b'], tmp_path / 'all'
    assert [c.new for c in curation.merge(sources, target)] == [True, True]
    assert [c.new for c in curation.merge(sources, target)] == [False, False]
    assert names(target) == ['e1', 'e1-2']
    assert sum(e.steps for e in survey(target).episodes) == 7
    metadata = bag_metadata.read(target / 'e1-2')
    assert metadata['relative_file_paths'] == ['e1-2.mcap']
    assert metadata['custom_data']['outcome'] == 'end'


def test_merge_refuses_damage_and_leaves_nothing_half_done(tmp_path: Path):
    bad = Streams().build().write(tmp_path / 'a', 'e1').path
    bad.write_bytes(bad.read_bytes()[:3000])
    with pytest.raises(DataError, match='rig_ros recover'):
        curation.merge([tmp_path / 'a'], tmp_path / 'all')
    assert list((tmp_path / 'all').iterdir()) == []


def test_merge_refuses_a_target_inside_a_source(tmp_path: Path):
    Streams().build().write(tmp_path / 'a', 'e1')
    with pytest.raises(DataError, match='a folder outside'):
        curation.merge([tmp_path / 'a'], tmp_path / 'a' / 'all')


def test_split_draws_whole_episodes_and_gives_every_share_one(tmp_path: Path):
    for number in range(5):
        Streams(steps=number + 1).build().write(tmp_path / 'a', f'e{number}')
    parts = curation.split(tmp_path / 'a', tmp_path / 'out', {'train': 99, 'rest': 1}, seed=3)
    assert {name: len(copied) for name, copied in parts.items()} == {'train': 4, 'rest': 1}
    assert sorted(names(tmp_path / 'out')) == [f'e{n}' for n in range(5)]
    again = curation.split(tmp_path / 'a', tmp_path / 'out', {'train': 99, 'rest': 1}, seed=3)
    assert not any(copied.new for group in again.values() for copied in group)
    with pytest.raises(ConfigError, match='two or more'):
        curation.split(tmp_path / 'a', tmp_path / 'x', {'train': 1})
    with pytest.raises(DataError, match='at least one for each'):
        curation.split(tmp_path / 'a' / 'e0', tmp_path / 'x', {'train': 1, 'rest': 1})


def test_deleted_episodes_are_out_of_sight_and_come_back(tmp_path: Path):
    for name in ('e1', 'e2'):
        Streams().build().write(tmp_path, name)
    curation.delete(tmp_path / 'e1')
    assert names(tmp_path) == ['e2']
    assert survey(tmp_path).unfinished == ()
    Streams().build().write(tmp_path, 'e1')
    with pytest.raises(DataError, match='nothing is overwritten'):
        curation.restore(tmp_path, 'e1')
    second = curation.delete(tmp_path / 'e1')
    assert [p.name for p in curation.binned(tmp_path)] == ['e1', 'e1-2']
    with pytest.raises(DataError, match='in the bin already'):
        curation.delete(second)
    with pytest.raises(DataError, match=r"allowed: one of \['e1', 'e1-2'\]"):
        curation.restore(tmp_path, 'e9')
    assert curation.restore(tmp_path, 'e1').name == 'e1'
    assert names(tmp_path) == ['e1', 'e2']


def test_delete_refuses_what_is_no_episode(tmp_path: Path):
    with pytest.raises(DataError, match='the folder of one finished episode'):
        curation.delete(tmp_path)
