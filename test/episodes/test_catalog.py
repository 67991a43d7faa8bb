"""The catalog is an index: it follows the recordings, whatever became of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded_streams import Streams

from rig_ros.episodes import curation
from rig_ros.episodes.catalog import Catalog
from rig_ros.errors import ConfigError, DataError


def test_refresh_reads_only_what_changed_and_forgets_what_is_gone(tmp_path: Path):
    for number in range(3):
        Streams(steps=number + 2).build().write(tmp_path, f'e{number}')
    catalog = Catalog(tmp_path)
    assert catalog.refresh().read == 3
    assert catalog.refresh().read == 0
    assert [e.steps for e in catalog.find()] == [2, 3, 4]
    assert [e.path for e in catalog.find(min_steps=4)] == ['e2/e2.mcap']
    assert catalog.find(mode='reach') == []
    assert len(catalog.find(mode='practise', outcome='end')) == 3
    curation.delete(tmp_path / 'e1')
    bad = tmp_path / 'e2' / 'e2.mcap'
    bad.write_bytes(bad.read_bytes()[:3000])
    done = catalog.refresh()
    assert (done.entries, done.read, done.removed, done.unreadable) == (2, 1, 1, 1)
    assert [e.path for e in catalog.find()] == ['e0/e0.mcap']


@pytest.mark.parametrize('content', [b'', b'not a database' * 100])
def test_a_damaged_catalog_is_made_anew(tmp_path: Path, content: bytes):
    Streams().build().write(tmp_path, 'e1')
    catalog = Catalog(tmp_path)
    catalog.refresh()
    catalog.path.write_bytes(content)
    assert catalog.refresh().read == 1
    assert len(catalog.find()) == 1


def test_mistakes_are_named(tmp_path: Path):
    with pytest.raises(DataError, match='does not exist'):
        Catalog(tmp_path / 'none')
    with pytest.raises(ConfigError, match="column: got 'color'"):
        Catalog(tmp_path).find(color='red')
