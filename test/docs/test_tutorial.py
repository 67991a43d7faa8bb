"""The first tutorial, command by command as it stands there, on real processes."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('mujoco')
pytest.importorskip('aiohttp')

pytestmark = [pytest.mark.ros, pytest.mark.render, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
STAYS = ('up', 'console')
"""Verbs that run until Ctrl-C; the reader leaves them open in a terminal of their own."""
LIMIT_S = 120.0


def commands() -> Iterator[list[str]]:
    """Yield the arguments of each `rig_ros` line of the tutorial's blocks, in order."""
    page = (ROOT / 'doc/tutorials/first-goal.md').read_text()
    for block in re.findall(r'^```bash\n(.*?)^```', page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith('rig_ros '):
                yield shlex.split(line)[1:]


def test_the_tutorial_runs_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / 'models').symlink_to(ROOT / 'models')
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(101 + os.getpid() % 100)}
    background: list[subprocess.Popen[bytes]] = []
    done = []
    try:
        for words in commands():
            command = [sys.executable, '-m', 'rig_ros.cli.main', *words]
            if words[0] in STAYS:
                background.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
                continue
            if words[:2] == ['goal', 'capture']:
                command += ['--timeout', str(LIMIT_S / 2)]  # the graph may still be starting
            result = subprocess.run(command, cwd=tmp_path, env=environment, timeout=LIMIT_S,
                                    capture_output=True, text=True, check=False)
            assert result.returncode == 0, f'{words}: {result.stdout}{result.stderr}'
            done.append(' '.join(words[:2]))
        assert [process.poll() for process in background] == [None] * len(background)
    finally:
        for process in background:
            process.send_signal(signal.SIGINT)
        ends = [process.wait(timeout=30) for process in background]
    assert done == ['goal capture', 'goal imagine', 'goal capture', 'goal send', 'goal send',
                    'goal clear']
    assert len(ends) == 2
    pictures = [(tmp_path / name).read_bytes() for name in ('start.png', 'there.png')]
    assert pictures[0] != pictures[1]
    assert len(list((tmp_path / 'runs/first/episodes').glob('*/*.mcap'))) >= 3
