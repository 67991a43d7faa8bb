"""Rates, percentiles and the board of parts."""

from __future__ import annotations

import math

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from rig_ros.ros.diagnostics import Level, Meter, StatusBoard, percentile


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(v) for v in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99)) == (50.0, 99.0)
    assert percentile([3.0], 0.99) == 3.0
    assert math.isnan(percentile([], 0.5))


def test_a_meter_reports_since_the_last_time() -> None:
    meter = Meter()
    for milliseconds in range(1, 11):
        meter.add(1e-3 * milliseconds)
    meter.add()
    assert meter.take('latent', 2.0) == {'latent rate_hz': '5.5', 'latent p50_ms': '5.00',
                                         'latent p99_ms': '10.00'}
    assert meter.take('latent', 1.0) == {'latent rate_hz': '0.0'}


def test_the_board_tells_changes_and_names_parts() -> None:
    board = StatusBoard('camera')
    assert board.set('image', Level.OK, 'fine', {'hz': 10})
    assert not board.set('image', Level.OK, 'fine', {'hz': 11})
    assert board.set('image', Level.WARN, 'fine', {})
    assert board.level('image') is Level.WARN
    assert board.level('lens') is None
    statuses = board.statuses({'rate': '1'})
    assert [s.name for s in statuses] == ['camera: image', 'camera: timing']
    assert statuses[0].level == b'\x01'
