"""What pip installs: every module, every shared file, a command for every node."""

from __future__ import annotations

import configparser
import importlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from rig_ros import resources

ROOT = Path(__file__).parents[1]
SHARED = ('config', 'launch', 'models', 'sim')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this source tree, built from a copy so that the tree stays clean."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    ignored = shutil.ignore_patterns('*.egg-info', '__pycache__')
    for name in ('src', 'resource', *SHARED):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ('setup.py', 'setup.cfg', 'pyproject.toml', 'package.xml', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    result = subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation',
         '--wheel-dir', str(folder), str(source)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return zipfile.ZipFile(next(folder.glob('*.whl')))


def test_wheel_holds_every_module(wheel: zipfile.ZipFile):
    modules = {str(path.relative_to(ROOT / 'src')) for path in (ROOT / 'src').rglob('*.py')}
    assert modules <= set(wheel.namelist())


def test_wheel_holds_the_files_of_the_console_page(wheel: zipfile.ZipFile):
    files = {str(path.relative_to(ROOT / 'src'))
             for path in (ROOT / 'src/rig_ros/console/static').iterdir()}
    assert files
    assert files <= set(wheel.namelist())


def test_wheel_holds_every_shared_file_in_its_folder(wheel: zipfile.ZipFile):
    prefix = next(name for name in wheel.namelist() if '.data/data/' in name).partition('/')[0]
    files = {f'{prefix}/data/share/rig_ros/{path.relative_to(ROOT)}'
             for folder in SHARED for path in (ROOT / folder).rglob('*')
             if path.is_file() and '__pycache__' not in path.parts}
    files |= {f'{prefix}/data/share/rig_ros/package.xml',
              f'{prefix}/data/share/ament_index/resource_index/packages/rig_ros'}
    assert files <= set(wheel.namelist())
    assert not any('__pycache__' in name for name in wheel.namelist())


def entry_points(wheel: zipfile.ZipFile, group: str) -> dict[str, str]:
    parser = configparser.ConfigParser()
    name = next(name for name in wheel.namelist() if name.endswith('entry_points.txt'))
    parser.read_string(wheel.read(name).decode())
    return dict(parser[group])


def test_gymnasium_finds_the_environments(wheel: zipfile.ZipFile):
    [(namespace, target)] = entry_points(wheel, 'gymnasium.envs').items()
    module, _, function = target.partition(':')
    assert namespace == 'rig_ros'
    assert callable(getattr(importlib.import_module(module), function))


def test_every_node_has_a_command(wheel: zipfile.ZipFile):
    scripts = entry_points(wheel, 'console_scripts')
    nodes = {path.stem for path in (ROOT / 'src/rig_ros/nodes').glob('*.py')
             if 'import RigNode' in path.read_text()}
    assert scripts == {'rig_ros': 'rig_ros.cli.main:main',
                       **{f'{node}_node': f'rig_ros.nodes.{node}:main' for node in nodes}}


def test_package_xml_and_setup_agree(wheel: zipfile.ZipFile):
    package = ET.parse(ROOT / 'package.xml').getroot()
    name = next(name for name in wheel.namelist() if name.endswith('METADATA'))
    metadata = wheel.read(name).decode().splitlines()
    assert f"Version: {package.findtext('version')}" in metadata
    assert f"Name: {package.findtext('name')}".replace('_', '-') in [
        line.replace('_', '-') for line in metadata]


def test_constraints_name_only_packages_that_setup_asks_for():
    asked = (ROOT / 'setup.py').read_text()
    for line in (ROOT / 'constraints.txt').read_text().splitlines():
        if line and not line.startswith('#'):
            assert f"'{line.partition('==')[0]}" in asked, line


def test_this_installation_finds_its_files():
    for folder in SHARED:
        assert resources.find(folder).is_dir()
