"""A child that asked for it ends when its parent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from rig_ros.processes import SPINS, thread_settings

CHILD = """
import os, sys, time
from rig_ros.processes import end_with_parent
end_with_parent(int(sys.argv[1]))
os.write(1, b'r')
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())])
print(child.pid, flush=True)
child.wait()
"""


def test_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, '-c', PARENT, CHILD], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) > 0
    assert parent.stdout.read(1) == b'r'
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert parent.stdout.read() == b''  # an end of file only once the child, too, is gone


def test_ends_at_once_when_its_parent_is_not_the_one_named() -> None:
    done = subprocess.run([sys.executable, '-c', CHILD, '1'], stdout=subprocess.PIPE, timeout=30)
    assert done.returncode == 1
    assert done.stdout == b''


@pytest.mark.parametrize('told', ['OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'])
def test_threads_wait_as_the_environment_says(monkeypatch, told) -> None:
    monkeypatch.delenv('OMP_WAIT_POLICY', raising=False)
    monkeypatch.delenv('GOMP_SPINCOUNT', raising=False)
    assert thread_settings(2) == {'OMP_NUM_THREADS': '2', 'GOMP_SPINCOUNT': str(SPINS)}
    monkeypatch.setenv(told, 'anything')
    assert thread_settings(2) == {'OMP_NUM_THREADS': '2'}
