"""Processes: how they start, how they end, and what they say when they cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, '-m', 'rig_ros.nodes.guard', '--ros-args',
                             *arguments], stderr=subprocess.PIPE, text=True, env=os.environ)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_with_status_zero(number: signal.Signals) -> None:
    process = start()
    assert process.stderr is not None
    line = process.stderr.readline()
    assert 'state: active' in line, line
    process.send_signal(number)
    rest = process.communicate(timeout=20)[1]
    assert process.returncode == 0, rest
    assert 'Traceback' not in rest


def test_a_second_signal_does_not_cut_the_closing_short() -> None:
    process = start()
    assert process.stderr is not None
    assert 'state: active' in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)  # in the middle of the closing: rclpy has taken its own handlers away
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=20)[1]
    assert process.returncode == 0, rest


@pytest.mark.parametrize(('arguments', 'text'), [
    (('-p', 'max_speed:=9.0'), 'guard.max_speed: got 9.0, allowed: 0.001 to 0.3'),
    (('-p', 'max_sped:=0.1'), "unknown parameter 'max_sped'; did you mean 'max_speed'?"),
    (('-p', 'task:=juggle'), "task: got 'juggle', allowed: one of"),
])
def test_a_wrong_configuration_is_one_line_and_status_one(arguments: tuple[str, ...],
                                                          text: str) -> None:
    process = start(*arguments)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert text in said
    assert 'Traceback' not in said
    assert len(said.strip().splitlines()) == 1, said


def test_a_broken_parameter_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / 'broken.yaml'
    file.write_text('/**/guard:\n  ros__parameters: [1, 2')
    process = start('--params-file', str(file))
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert 'broken.yaml' in said
    assert 'Traceback' not in said


def test_without_autostart_a_node_waits_for_the_life_cycle_services() -> None:
    process = start('-p', 'autostart:=false', '-p', 'task:=juggle')
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    process.terminate()
    assert process.wait(20) == 0
    process.communicate()
