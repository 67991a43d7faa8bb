"""Messages to numpy and back, with pictures that are not square and bytes that lie."""

from __future__ import annotations

import array

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image, PointCloud2, PointField

from rig_ros.errors import DataError
from rig_ros.ros import conversions as c

STAMP = Time(sec=1795203137, nanosec=86623112)
RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def image(pixels: np.ndarray, encoding: str, padding: int = 0) -> Image:
    """Return a message with `padding` bytes of rubbish after each row."""
    rows = pixels.reshape(pixels.shape[0], -1)
    padded = np.hstack([rows, np.full((rows.shape[0], padding), 99, np.uint8)])
    return Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
                 step=padded.shape[1], data=array.array('B', padded.tobytes()))


def test_stamps_survive_to_the_nanosecond() -> None:
    assert c.stamp_ns(STAMP) == 1795203137086623112
    assert c.to_stamp(c.stamp_ns(STAMP)) == STAMP


@pytest.mark.parametrize('padding', [0, 3])
def test_reads_rgb_bgr_and_mono_with_padding(padding: int) -> None:
    np.testing.assert_array_equal(c.image_to_array(image(PICTURE, 'rgb8', padding)), PICTURE)
    turned = np.ascontiguousarray(PICTURE[:, :, ::-1])
    np.testing.assert_array_equal(c.image_to_array(image(turned, 'bgr8', padding)), PICTURE)
    grey = c.image_to_array(image(PICTURE[:, :, :1], 'mono8', padding))
    np.testing.assert_array_equal(grey, np.repeat(PICTURE[:, :, :1], 3, axis=2))


def test_the_last_row_may_lack_its_padding() -> None:
    message = image(PICTURE, 'rgb8', 3)
    message.data = message.data[:-3]
    np.testing.assert_array_equal(c.image_to_array(message), PICTURE)


def test_pictures_survive_a_round_trip() -> None:
    message = c.array_to_image(PICTURE, STAMP, 'cam')
    assert (message.height, message.width, message.step, message.encoding) == (5, 7, 21, 'rgb8')
    assert (message.header.stamp, message.header.frame_id) == (STAMP, 'cam')
    np.testing.assert_array_equal(c.image_to_array(message), PICTURE)


@pytest.mark.parametrize(('change', 'text'), [
    ({'encoding': 'bayer_rggb8'}, "got 'bayer_rggb8', allowed: .*image_proc"),
    ({'encoding': '32FC1'}, "got '32FC1', allowed"),
    ({'encoding': ''}, "got '', allowed"),
    ({'height': 0}, 'got 0x7, allowed: at least 1x1'),
    ({'step': 20}, 'image step: got 20 bytes, allowed: .*21'),
    ({'height': 6}, 'got 105 bytes, allowed: at least 126 .* truncated'),
    ({'data': array.array('B')}, 'got 0 bytes'),
])
def test_raises_error_if_a_picture_cannot_be_read(change: dict[str, object], text: str) -> None:
    message = image(PICTURE, 'rgb8')
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(DataError, match=text):
        c.image_to_array(message)


@pytest.mark.parametrize('wrong', [PICTURE.astype(float), PICTURE[:, :, 0], PICTURE[:, :, :2]])
def test_raises_error_if_not_a_colour_picture(wrong: np.ndarray) -> None:
    with pytest.raises(DataError, match='picture: got shape'):
        c.array_to_image(wrong, STAMP)


def latent_cloud() -> PointCloud2:
    mean, log_variance = np.arange(4, dtype=np.float32), -np.ones(4, dtype=np.float32)
    return c.latent_to_cloud(mean, log_variance, 'enc', STAMP)


def test_latents_survive_a_round_trip() -> None:
    latent = c.cloud_to_latent(latent_cloud())
    assert latent is not None
    np.testing.assert_array_equal(latent.mean, [0, 1, 2, 3])
    np.testing.assert_array_equal(latent.log_variance, [-1] * 4)
    assert (latent.encoder_id, latent.stamp_ns) == ('enc', c.stamp_ns(STAMP))
    assert latent.mean.dtype == np.float32


def test_reads_big_endian_latents() -> None:
    cloud = latent_cloud()
    values = np.frombuffer(cloud.data, '<f4').astype('>f4')
    cloud.data, cloud.is_bigendian = array.array('B', values.tobytes()), True
    latent = c.cloud_to_latent(cloud)
    assert latent is not None
    np.testing.assert_array_equal(latent.mean, [0, 1, 2, 3])


def test_an_empty_cloud_is_no_latent() -> None:
    assert c.cloud_to_latent(c.empty_cloud(STAMP)) is None


def test_raises_error_if_a_latent_is_not_finite() -> None:
    cloud = c.latent_to_cloud(np.array([0, np.nan], np.float32), np.zeros(2, np.float32), 'e',
                              STAMP)
    assert not cloud.is_dense
    with pytest.raises(DataError, match='NaN or infinite'):
        c.cloud_to_latent(cloud)


@pytest.mark.parametrize('change', ['truncated', 'fields', 'points', 'type', 'count'])
def test_raises_error_if_a_cloud_is_no_latent(change: str) -> None:
    cloud = latent_cloud()
    if change == 'truncated':
        cloud.data = cloud.data[:-1]
    elif change == 'fields':
        cloud.fields = cloud.fields[:1]
    elif change == 'points':
        cloud.width = 2
    elif change == 'type':
        cloud.fields[0].datatype = PointField.FLOAT64
    else:
        cloud.fields[1].count = 3
    with pytest.raises(DataError, match='latent'):
        c.cloud_to_latent(cloud)


def test_velocities_survive_a_round_trip_and_nan_passes_to_the_guard() -> None:
    message = c.velocity_to_twist(np.array((0.1, -0.2, np.nan)), STAMP)
    assert message.header.frame_id == 'base'
    np.testing.assert_array_equal(c.twist_to_velocity(message), (0.1, -0.2, np.nan))


def test_key_values_survive_a_round_trip() -> None:
    message = c.values_to_message('episode', {'kind': 'abort', 'steps': 3}, STAMP,
                                  message='e-stop', level=2)
    assert c.message_to_values(message) == {'kind': 'abort', 'steps': '3'}
    assert (message.status[0].level, message.status[0].message) == (b'\x02', 'e-stop')


def test_raises_error_if_there_is_no_status() -> None:
    with pytest.raises(DataError, match='got no status'):
        c.message_to_values(DiagnosticArray())
