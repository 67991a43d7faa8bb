"""The drill's figures on motions whose stopping time is known."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.errors import DataError
from rig_ros.evaluation.stopping import lost_steps, measure_stop


def _motion(stop_s: float) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(0.0, 3.0, 0.01)
    x = 0.1 * np.minimum(times, stop_s)
    return times, np.stack([x, 0 * x, 0 * x], axis=1)


def test_time_from_event_to_rest() -> None:
    times, positions = _motion(stop_s=1.2)
    stop = measure_stop(times, positions, event_s=1.0, until_s=2.5)
    assert stop.still_ms == pytest.approx(200, abs=12)
    assert stop.travelled_m == pytest.approx(0.02, abs=1e-3)
    assert stop.speed_before == pytest.approx(0.1, abs=1e-3)


def test_motion_that_resumes_counts_until_its_end() -> None:
    times, positions = _motion(stop_s=1.1)
    positions[times > 2.0, 0] += 0.05
    assert measure_stop(times, positions, 1.0, 2.9).still_ms > 900


def test_a_resting_arm_shows_no_speed_before() -> None:
    times, positions = _motion(stop_s=0.1)
    stop = measure_stop(times, positions, 1.0, 2.5)
    assert stop.speed_before < 1e-6
    assert stop.still_ms == 0.0


def test_raises_error_without_positions() -> None:
    with pytest.raises(DataError, match='ee_pose'):
        measure_stop(np.zeros(0), np.zeros((0, 3)), 1.0, 2.0)


def test_silence_while_stopping_is_told() -> None:
    times, positions = _motion(stop_s=1.2)
    heard = (times < 1.1) | (times > 1.4)
    stop = measure_stop(times[heard], positions[heard], event_s=1.0, until_s=2.5)
    assert stop.silence_ms == pytest.approx(310, abs=12)
    assert measure_stop(times, positions, 1.0, 2.5).silence_ms == pytest.approx(10, abs=1)


def test_silence_after_rest_does_not_count() -> None:
    times, positions = _motion(stop_s=1.2)
    heard = (times < 1.5) | (times > 2.0)
    assert measure_stop(times[heard], positions[heard], 1.0, 2.5).silence_ms < 20


def test_lost_steps_counts_what_the_recording_lacks() -> None:
    assert lost_steps([1, 2, 3], [2, 3, 4]) == 1
