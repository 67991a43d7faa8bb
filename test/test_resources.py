"""Shared files are found in a source tree, under ament and under sys.prefix, in that order."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rig_ros import resources
from rig_ros.errors import ConfigError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pretend that the module lies in some site-packages, away from its source tree."""
    monkeypatch.setattr(resources, '__file__', str(tmp_path / 'lib/python/rig_ros/resources.py'))
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / 'prefix'))
    return tmp_path


def share(prefix: Path) -> Path:
    """Make an installation below a prefix, as pip and colcon do."""
    (prefix / 'share/ament_index/resource_index/packages').mkdir(parents=True)
    (prefix / 'share/ament_index/resource_index/packages/rig_ros').touch()
    (prefix / 'share/rig_ros/config').mkdir(parents=True)
    return prefix / 'share/rig_ros'


def test_source_tree_is_found():
    assert (resources.share_directory() / 'package.xml').is_file()


def test_pip_installs_below_sys_prefix(installed: Path):
    expected = share(installed / 'prefix')
    assert resources.share_directory() == expected


def test_ament_comes_before_sys_prefix(installed: Path, monkeypatch: pytest.MonkeyPatch):
    share(installed / 'prefix')
    expected = share(installed / 'overlay')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f"{installed / 'other'}:{installed / 'overlay'}")
    assert resources.share_directory() == expected


def test_missing_files_name_every_place_looked_at(installed: Path):
    with pytest.raises(ConfigError, match=r'prefix/share/rig_ros.*reinstall'):
        resources.share_directory()


def test_a_missing_file_names_what_is_beside_it():
    with pytest.raises(ConfigError, match=r'nope\.yaml: does not exist; .*reach_xy\.yaml'):
        resources.find('config', 'tasks', 'nope.yaml')
