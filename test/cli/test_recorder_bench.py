"""The recorder's bench, short: figures that hold together, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from rig_ros.cli.recorder_bench import measure

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]


def test_all_topics_are_recorded_and_counted(tmp_path: Path):
    figures = measure(tmp_path / 'episodes', rate_hz=30.0, seconds=3.0)
    assert figures['lost'] == 0, figures
    assert figures['sent'] >= 7 * figures['steps'] > 7 * 30
    assert figures['episodes'] == 1
    assert 1_000 < figures['bytes_per_step'] < 40_000
    assert figures['resident_mib'] > 20
