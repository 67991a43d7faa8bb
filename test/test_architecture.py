"""Who may import whom, how large a module may be, and what a plain import may load.

Walks every import with `ast`, those inside functions too: an import that is only late is still a
dependency. The rules are those of doc/architecture.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rig_ros

ROOT = Path(rig_ros.__file__).parent
FAKE_ROS1 = ROOT / 'simulation' / 'fake_robot' / 'ros1'
MODULES = sorted(ROOT.rglob('*.py'))
MAX_LINES = 400
BASE = {'errors', 'processes', 'resources', 'settings'}

MAY_IMPORT: dict[str, set[str]] = {
    'errors': set(),
    'resources': {'errors'},
    'settings': {'errors'},
    'processes': set(),
    'arm_side': set(),  # stands alone; not even the base modules
    'environments': {'control'},  # names for Gymnasium
    'vision': set(),
    'control': {'vision'},
    'learning': {'vision', 'control'},
    'episodes': {'vision', 'control'},
    'evaluation': {'vision', 'control', 'learning', 'simulation'},
    'simulation': {'vision', 'control', 'hardware'},  # the contract of a robot
    'hardware': {'vision', 'control', 'arm_side'},  # the packets of its socket
    'bringup': {'control'},
    'console': {'vision', 'control', 'episodes', 'learning', 'evaluation', 'hardware'},
    'ros': {'vision', 'control', 'learning', 'episodes', 'hardware', 'simulation'},
    'nodes': {'ros', 'console', 'vision', 'control', 'learning', 'episodes', 'hardware',
              'simulation', 'arm_side'},
    'cli': {'bringup', 'console', 'nodes', 'ros', 'vision', 'control', 'learning', 'episodes',
            'evaluation', 'hardware', 'simulation', 'arm_side'},
}
"""Beside itself and what stands directly in the package."""

ROS_PACKAGES = {'rclpy', 'rcl_interfaces', 'builtin_interfaces', 'std_msgs', 'sensor_msgs',
                'geometry_msgs', 'diagnostic_msgs', 'std_srvs', 'lifecycle_msgs',
                'visualization_msgs', 'rosgraph_msgs'}
ROS1_PACKAGES = {'rospy', 'intera_interface', 'intera_core_msgs'}
ONLY_IN: dict[str, set[str]] = {
    **{package: {'ros', 'nodes'} for package in ROS_PACKAGES},
    **{package: {'arm_side'} for package in ROS1_PACKAGES},
    'sensor_msgs': {'ros', 'nodes', 'arm_side'},  # ROS 1 has one of that name
    'launch': {'bringup'}, 'launch_ros': {'bringup'},
    'torch': {'learning', 'ros'},  # ros: one thread per node
    'mujoco': {'simulation'},
    'gymnasium': {'environments', 'simulation'},
    'typer': {'cli'},
    'ray': {'cli'},
    'stable_baselines3': {'evaluation'},
    'aiohttp': {'console', 'cli'},
}
"""Packages that only some parts may import."""

HEAVY = ('torch', 'mujoco', 'rclpy', 'cv2', 'matplotlib', 'numpy')
PURE = ('vision', 'control', 'learning', 'episodes', 'evaluation', 'simulation', 'hardware',
        'bringup', 'console')


def name_of(path: Path) -> str:
    """Return a module's name without `rig_ros.`; '' is the package itself."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(part for part in parts if part != '__init__')


def part_of(path: Path) -> str:
    return name_of(path).partition('.')[0]


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and absolute name of everything a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if part_of(path) == 'arm_side':  # may be copied anywhere and called anything
                assert node.level < 2, f'{path}:{node.lineno}: leaves the folder'
            else:
                assert node.level == 0, f'{path}:{node.lineno}: relative import'
            if node.level:
                yield node.lineno, f'rig_ros.{part_of(path)}'
            elif node.module == 'rig_ros':
                yield from ((node.lineno, f'rig_ros.{alias.name}') for alias in node.names)
            else:
                yield node.lineno, node.module or ''


@pytest.mark.parametrize('path', MODULES, ids=name_of)
def test_imports_follow_the_directions(path: Path):
    part = part_of(path)
    if FAKE_ROS1 in path.parents:
        return  # stands alone too, and stands for ROS 1
    assert part in MAY_IMPORT or part == '', f'{part} is not in the architecture'
    allowed = MAY_IMPORT.get(part, set()) | {part} | (set() if part == 'arm_side' else BASE)
    wrong = []
    for line, name in imports_of(path):
        package, _, rest = name.partition('.')
        target = rest.partition('.')[0]
        if package == 'rig_ros' and target and target not in allowed:
            wrong.append(f'line {line}: {part} may not import rig_ros.{target}')
        if package in ONLY_IN and part not in ONLY_IN[package]:
            wrong.append(f'line {line}: {package} belongs in {sorted(ONLY_IN[package])}')
    assert not wrong, f'{path}: {wrong}'


def test_base_modules_do_not_lean_on_each_other_in_circles():
    for name in BASE:
        found = {target.partition('.')[2] for _, target in imports_of(ROOT / f'{name}.py')
                 if target.startswith('rig_ros.')}
        assert found <= MAY_IMPORT[name], name


@pytest.mark.parametrize('path', MODULES, ids=name_of)
def test_modules_stay_readable(path: Path):
    lines = path.read_text(encoding='utf-8').count('\n')
    assert lines <= MAX_LINES, f'{path}: {lines} lines, allowed: {MAX_LINES}; split it'
    assert ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))), f'{path}: no docstring'


def loaded_by(statement: str, names: tuple[str, ...]) -> set[str]:
    """Return which of the packages a fresh interpreter has loaded after a statement."""
    program = f'{statement}\nimport sys\nprint(*[n for n in {names!r} if n in sys.modules])'
    result = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                            timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by('import rig_ros', HEAVY) == set()


def test_the_command_line_loads_no_heavy_package_before_a_verb_runs():
    assert loaded_by('import rig_ros.cli.main', HEAVY) == set()


def test_pure_packages_load_no_ros():
    modules = [f'rig_ros.{name_of(path)}' for path in MODULES
               if part_of(path) in PURE and name_of(path) != 'bringup.launching'
               and FAKE_ROS1 not in path.parents]
    statement = '\n'.join(f'import {module}' for module in modules)
    assert loaded_by(statement, tuple(ROS_PACKAGES)) == set()
