"""The demo and the safety drill as a user runs them: real processes, the released model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('mujoco')

from typer.testing import CliRunner

from rig_ros.cli import demo, drill

pytestmark = [pytest.mark.ros, pytest.mark.render, pytest.mark.slow]


def test_demo_reaches_pictures_and_reports(tmp_path: Path) -> None:
    figures = tmp_path / 'figures.json'
    result = CliRunner().invoke(demo.app, ['--goals', '2', '--out', str(tmp_path / 'demo'),
                                           '--json', str(figures)])
    assert result.exit_code == 0, result.output
    content = json.loads(figures.read_text())
    assert content['median_final_distance_m'] < 0.5 * content['do_nothing_m']
    assert {'mean_final_distance_m', 'wall_s'} <= content.keys()
    for name in ('report.html', 'report.json', 'contact_sheet.png'):
        assert (tmp_path / 'demo' / name).stat().st_size > 0


@pytest.mark.parametrize('process', ['policy', 'guard', 'goal'])
def test_the_arm_stops_when_a_process_is_killed_or_hangs(tmp_path: Path, process: str) -> None:
    figures = tmp_path / 'drill.json'
    result = CliRunner().invoke(drill.app, ['sim', '--only', process, '--out', str(tmp_path),
                                            '--json', str(figures)])
    assert result.exit_code == 0, result.output
    content = json.loads(figures.read_text())
    assert [d['signal'] for d in content['drills']] == ['SIGKILL', 'SIGSTOP']
    assert content['worst_still_ms'] <= drill.LIMIT_MS
    assert all(d['speed_before'] > drill.MOVING_M_S for d in content['drills'])


def test_the_fake_robot_stops_for_a_collision_and_stays(tmp_path: Path) -> None:
    figures = tmp_path / 'drill.json'
    result = CliRunner().invoke(drill.app, ['robot', '--only', 'collision', '--out',
                                            str(tmp_path), '--json', str(figures)])
    assert result.exit_code == 0, result.output
    (found,) = json.loads(figures.read_text())['drills']
    assert found['still_ms'] <= 50
    assert found['speed_before'] > 0.03
    assert found['resumed_m'] <= 0.001
