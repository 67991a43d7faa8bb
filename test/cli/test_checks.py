"""Doctor: what is found is said, what is missing has a remedy."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rig_ros.cli import checks, doctor
from rig_ros.cli.findings import Finding

Usage = namedtuple('Usage', 'total used free')


def test_a_trial_that_fails_gives_its_last_line():
    assert checks.attempt('print(1); print(2)') == (True, '2')
    worked, text = checks.attempt('raise ValueError("no such card")')
    assert (worked, text) == (False, 'ValueError: no such card')


def test_a_trial_that_hangs_or_crashes_is_survived(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checks, 'TRIAL_TIMEOUT_S', 0.5)
    assert checks.attempt('import time; time.sleep(60)') == (False, 'no answer for 0 s')
    monkeypatch.undo()
    assert checks.attempt('import os; os.abort()')[0] is False


def test_drawing_needs_one_way_not_both(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checks, 'version', lambda package: '3.2')
    monkeypatch.setattr(checks, 'attempt', lambda program, environment: (
        environment['MUJOCO_GL'] == 'osmesa', 'no EGL device'))
    mujoco, egl, osmesa = checks.drawing()
    assert (mujoco.ok, egl.ok, osmesa.ok) == (True, False, True)
    assert 'libegl1' in egl.remedy
    assert not egl.essential
    monkeypatch.setattr(checks, 'attempt', lambda program, environment: (False, 'nothing'))
    assert not next(checks.drawing()).ok


def test_ros_distribution_is_derived_from_rclpy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv('ROS_DISTRO', raising=False)
    monkeypatch.setattr(checks, 'version', lambda package: '9.1.2')
    assert checks.ros().found.startswith('kilted')


@pytest.mark.parametrize(('check', 'free'), [
    (checks.disk, 1e9), (lambda: next(checks.shared_memory()), 1e6)])
def test_too_little_room_is_essential(monkeypatch: pytest.MonkeyPatch, check, free: float):
    monkeypatch.setattr(checks.shutil, 'disk_usage', lambda path: Usage(0, 0, free))
    assert not check().ok
    assert check().essential
    assert check().remedy


def test_what_killed_processes_left_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(checks, 'SHARED_MEMORY', tmp_path)
    assert list(checks.shared_memory())[1].ok
    for number in range(checks.MAX_OLD_PORTS + 1):
        (tmp_path / f'fastrtps_port{number}').touch()
    left = list(checks.shared_memory())[1]
    assert not left.ok
    assert not left.essential
    assert f'rm {tmp_path}/fastrtps_*' in left.remedy


@pytest.mark.parametrize(('essential', 'code'), [(True, 1), (False, 0)])
def test_only_what_is_essential_fails_the_machine(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, essential: bool, code: int):
    monkeypatch.setattr(checks, 'run_all', lambda: iter(
        [Finding('thing', False, 'gone', 'buy one', essential)]))
    result = CliRunner().invoke(doctor.app, ['--json', str(tmp_path / 'new/doctor.json')])
    assert result.exit_code == code
    assert 'buy one' in result.output
    written = json.loads((tmp_path / 'new/doctor.json').read_text())
    assert written['fit'] is (code == 0)
    assert written['checks'][0]['remedy'] == 'buy one'


@pytest.mark.ros
@pytest.mark.render
def test_this_machine_is_fit():
    wrong = [finding for finding in checks.run_all() if finding.essential and not finding.ok]
    assert not wrong
