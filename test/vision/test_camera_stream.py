"""The camera stream: steady rate, one source size, intrinsics of what comes out."""

import numpy as np
import pytest

from rig_ros.errors import ConfigError, HardwareError
from rig_ros.vision.camera_stream import CameraStream
from rig_ros.vision.image import Intrinsics

START = 1_700_000_000_000_000_000


def picture(height=480, width=640):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


def accepted(stream, source_hz, seconds, jitter_ns=0):
    rng = np.random.default_rng(1)
    count = 0
    for index in range(int(source_hz * seconds)):
        jitter = int(rng.integers(-jitter_ns, jitter_ns + 1))
        stamp = START + round(index * 1e9 / source_hz) + jitter
        if stream.is_due(stamp):
            stream.make(picture(48, 64), stamp)
            count += 1
    return count


@pytest.mark.parametrize(('source_hz', 'expected'), [(30, 100), (60, 100), (10, 100), (15, 100),
                                                     (5, 50)])
def test_rate_is_kept(source_hz, expected):
    stream = CameraStream(48, 10.0)
    assert accepted(stream, source_hz, 10.0) == pytest.approx(expected, abs=2)


def test_jitter_drops_no_picture_of_a_source_at_the_right_rate():
    assert accepted(CameraStream(48, 10.0), 10, 10.0, jitter_ns=10_000_000) == 100


def test_clock_that_jumps_back_does_not_silence_the_stream():
    stream = CameraStream(48, 10.0)
    stream.make(picture(48, 64), START)
    assert not stream.is_due(START + 1)
    assert stream.is_due(START - 60_000_000_000)


def test_size_change_is_refused():
    stream = CameraStream(84, 10.0)
    assert stream.make(picture(), START).shape == (84, 84, 3)
    with pytest.raises(HardwareError, match='got 320x240, allowed: 640x480'):
        stream.make(picture(240, 320), START + 1)
    assert stream.make(picture(), START + 2).shape == (84, 84, 3)


def test_raises_error_if_crop_does_not_fit():
    with pytest.raises(ConfigError, match='inside the 640x480'):
        CameraStream(84, 10.0, (600, 0, 100, 100)).make(picture(), START)
    with pytest.raises(ConfigError, match='crop'):
        CameraStream(84, 10.0, (1, 2, 3))


def test_intrinsics_of_the_result():
    stream = CameraStream(84, 10.0)
    assert stream.intrinsics((), 45.0) is None
    stream.make(picture(), START)
    ideal = stream.intrinsics((), 45.0)
    direct = Intrinsics.from_fovy(45, 84, 84)
    assert (ideal.fx, ideal.cx, ideal.cy) == pytest.approx((direct.fx, direct.cx, direct.cy))
    measured = stream.intrinsics((500.0, 510.0, 320.0, 240.0), 45.0)
    assert measured.fx == pytest.approx(500 * 84 / 480)
    assert measured.fy == pytest.approx(510 * 84 / 480)
