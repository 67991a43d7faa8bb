"""Starting, attaching to and restarting the side process, and what it may see."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from side_stub import SideStub

from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError, HardwareError
from rig_ros.hardware import sawyer_process
from rig_ros.hardware.sawyer_process import SideProcess

SLEEP = [sys.executable, '-c', 'import time; time.sleep(60)']


def make(command: list[str], path: Path, said: list[str],
         clock: Callable[[], float] = time.monotonic) -> SideProcess:
    return SideProcess(command, path / 'arm.sock', dict(os.environ), said.append, clock)


def test_environment_has_no_trace_of_ros_2():
    made = sawyer_process.environment('sawyer.local', '10.0.0.7', {
        'HOME': '/home/lab', 'PYTHONPATH': '/x', 'LD_LIBRARY_PATH': '/y', 'AMENT_PREFIX_PATH': '/',
        'ROS_DISTRO': 'jazzy', 'VIRTUAL_ENV': '/v', 'PATH': '/v/bin', 'ROS_HOSTNAME': 'old'})
    assert set(made) == {'HOME', 'PATH', 'PYTHONUNBUFFERED', 'ROS_MASTER_URI', 'ROS_IP'}
    assert made['ROS_MASTER_URI'] == 'http://sawyer.local:11311'
    assert '/v/bin' not in made['PATH']


def test_the_program_is_appended_to_the_command():
    line = sawyer_process.command_line('bash -c \'source a; exec python3 "$@"\' rig', ['m.py'])
    assert line == ['bash', '-c', 'source a; exec python3 "$@"', 'rig', 'm.py']
    assert sawyer_process.command_line('', ['m.py']) == ['/usr/bin/python3', 'm.py']
    with pytest.raises(ConfigError, match='side_command'):
        sawyer_process.command_line("bash -c 'open", [])


def test_settings_are_the_tasks_and_the_labs():
    task = tasks.load('reach_xy')
    made = sawyer_process.side_settings(task, 0.02, more='{"joint_fraction": 0.02}')
    assert made['box_low'] == task.workspace_low
    assert (made['speed'], made['joint_fraction'], made['dry_run']) == (0.02, 0.02, False)
    with pytest.raises(ConfigError, match='side_settings: got'):
        sawyer_process.side_settings(task, 0.02, more='joint_fraction')


def test_it_is_started_only_when_nobody_listens(tmp_path: Path):
    said: list[str] = []
    stub = SideStub(tmp_path / 'arm.sock')
    side = make(SLEEP, tmp_path, said)
    side.look_after(connected=False)
    assert side.pid is None
    stub.close()
    try:
        side.look_after(connected=False)
        assert side.pid is not None
    finally:
        side.stop()
    assert side.pid is None


SERVE = [sys.executable, '-c', """
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1]); s.listen(8); time.sleep(60)
"""]


def test_one_that_outlives_its_driver_is_taken_over_and_ended(tmp_path: Path):
    said: list[str] = []
    path = tmp_path / 'arm.sock'
    first = make([*SERVE, str(path)], tmp_path, said)
    first.look_after(connected=False)
    deadline = time.monotonic() + 20
    while sawyer_process.listener(path) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    second = make(SLEEP, tmp_path, said)
    second.look_after(connected=False)
    assert second.pid == first.pid
    assert 'attached' in said[-1]
    assert first._popen is not None
    waiter = threading.Thread(target=first._popen.wait)  # this test is the parent: reap it
    waiter.start()
    second.stop()
    waiter.join(20)
    assert first._popen.returncode == -15


def test_external_starts_nothing(tmp_path: Path):
    side = make([], tmp_path, [])
    side.look_after(connected=False)
    assert side.pid is None


def test_one_that_dies_starts_again_later_each_time(tmp_path: Path):
    now, said = [100.0], []
    side = make([sys.executable, '-c', 'raise SystemExit(3)'], tmp_path, said, lambda: now[0])
    waits = []
    side.look_after(connected=False)
    for _ in range(3):
        assert side._popen is not None
        side._popen.wait(20)
        side.look_after(connected=False)
        assert 'exit code 3' in said[-1]
        began = now[0]
        while side._popen is None:
            now[0] += 0.1
            side.look_after(connected=False)
        waits.append(now[0] - began)
    side.stop()
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


def test_one_that_hangs_is_killed(tmp_path: Path):
    now, said = [100.0], []
    side = make(SLEEP, tmp_path, said, lambda: now[0])
    side.look_after(connected=False)
    side.look_after(connected=True)
    now[0] += sawyer_process.HUNG_S + 0.1
    side.look_after(connected=False)
    assert 'says nothing' in said[-1]
    assert side._popen is not None
    assert side._popen.wait(20) == -9
    side.stop()


def test_a_command_that_does_not_exist_is_named(tmp_path: Path):
    with pytest.raises(HardwareError, match='side_command'):
        make(['/no/such/python'], tmp_path, []).look_after(connected=False)


def test_the_sockets_folder_is_private(tmp_path: Path):
    sawyer_process.private_folder(tmp_path / 'new' / 'arm.sock')
    assert (tmp_path / 'new').stat().st_mode & 0o777 == 0o700
