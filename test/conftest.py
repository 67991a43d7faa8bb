"""What every test may rely on: its own ROS domain, this machine only, and honest skips."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path

import pytest

NEEDS = {'ros': 'rclpy', 'render': 'mujoco'}
COMPUTING = {'control', 'docs', 'episodes', 'evaluation', 'learning', 'simulation', 'vision'}
"""Folders whose tests watch no clock but for a generous deadline."""

# Before anything imports rclpy. Domain 0 is where a lab's robots are.
if 'PYTEST_XDIST_WORKER' in os.environ:  # which inherits the domain of its parent
    os.environ.pop('ROS_DOMAIN_ID', None)
os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ.setdefault('OMP_NUM_THREADS', '1')
# A shell starts what runs in the background deaf to Ctrl-C, and so is all that it starts in turn.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --hardware, which moves a real robot."""
    parser.addoption('--hardware', action='store_true', help='run tests on the physical robot')


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what may run beside something else."""
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0]
        if folder in COMPUTING and not item.get_closest_marker('ros'):
            item.add_marker('computes')


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run, and what must not run by itself."""
    for marker, package in NEEDS.items():
        if item.get_closest_marker(marker) and importlib.util.find_spec(package) is None:
            pytest.skip(f'needs {package}: pip install {package!r} or make setup')
    if item.get_closest_marker('hardware') and not item.config.getoption('--hardware'):
        pytest.skip('moves the physical robot; run with --hardware')
