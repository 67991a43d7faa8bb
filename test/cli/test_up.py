"""`rig_ros up` as a user runs it: one process to start, Ctrl-C to stop all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig_ros.cli import main

pytestmark = [pytest.mark.ros, pytest.mark.timeout(90)]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A camera graph whose driver never comes: one node, and it says what it waits for."""
    with subprocess.Popen(
            [sys.executable, '-m', 'rig_ros.cli.main', 'up', 'camera', '--source', 'topic'],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        yield process
        process.kill()


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    found = []
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = stat.read_text().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Return the first line that has the text; the test's own time-out guards the wait."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f'ended without {text!r}')


@pytest.mark.parametrize('signum', [signal.SIGINT, signal.SIGTERM])
def test_stops_everything_and_says_so(up: subprocess.Popen[str], signum: int):
    assert 'camera' in read_until(up, 'Ctrl-C stops all')
    read_until(up, 'no usable picture')  # the node runs, and waits
    nodes = children(up.pid)
    assert len(nodes) == 1
    os.kill(up.pid, signum)
    up.wait(15)
    assert up.returncode == (0 if signum == signal.SIGINT else 128 + signum)
    assert not Path(f'/proc/{nodes[0]}').exists()


def test_a_node_that_cannot_start_ends_it_with_the_cause(tmp_path: Path):
    (tmp_path / 'mine.yaml').write_text('/**/camera: {ros__parameters: {sorce: "0"}}')
    result = subprocess.run(
        [sys.executable, '-m', 'rig_ros.cli.main', 'up', 'camera', '--params-file', 'mine.yaml'],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 1
    assert "did you mean 'source'" in result.stdout


def test_a_file_that_is_not_there_is_a_mistake_not_a_failure(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, '-m', 'rig_ros.cli.main', 'up', 'sim', '--bundle', 'gone.safetensors'],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == main.EXIT_ERROR
    assert 'gone.safetensors' in result.stderr
    assert not list(tmp_path.iterdir())
