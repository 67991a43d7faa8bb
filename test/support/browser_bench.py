"""A real browser for tests: where it is, how it starts, and when its absence is a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync']
SIZES = {'phone': (390, 844), 'tablet': (820, 1180), 'desktop': (1440, 900)}


def browser_or_skip() -> str:
    """Return Chromium's path; without one skip the module.

    In CI it is a failure where `make setup` could have installed one.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    if os.environ.get('CI') == 'true' and _installable():
        pytest.fail('no Chromium, though apt has it: did make setup run?', pytrace=False)
    pytest.skip('needs Chromium: apt install chromium', allow_module_level=True)


def _installable() -> bool:
    if os.geteuid() or not shutil.which('apt-cache'):
        return False
    policy = subprocess.run(['apt-cache', 'policy', 'chromium'], capture_output=True, text=True)
    return 'Candidate: ' in policy.stdout and 'Candidate: (none)' not in policy.stdout


def screenshot_path(name: str) -> str | None:
    """Return where a screenshot is kept; None unless RIG_ROS_SCREENSHOTS names a folder."""
    folder = os.environ.get('RIG_ROS_SCREENSHOTS')
    return str(Path(folder) / f'{name}.png') if folder else None

