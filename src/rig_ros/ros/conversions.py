"""Messages to numpy and back, in one place; nothing else in the project touches message bytes.

Pictures are uint8, height x width x channel, RGB (`image_hwc_u8`). Latents are float32 of shape
(dim,). Velocities are (3,) in m/s. Stamps are integer nanoseconds (`stamp_ns`), exact, because
they join messages; seconds (float) are for ages only.

    image_hwc_u8 = image_to_array(message)
    publication.publish(latent_to_cloud(mean, log_variance, encoder_id, message.header.stamp))
"""

from __future__ import annotations

import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, TwistStamped
from numpy.typing import NDArray
from sensor_msgs.msg import Image, PointCloud2, PointField

from rig_ros.errors import DataError

CHANNELS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}
LATENT_FIELDS = ('mean', 'log_variance')
LEVELS = (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR,
          DiagnosticStatus.STALE)


def stamp_ns(stamp: Time) -> int:
    """Return a stamp as integer nanoseconds: the join key of a cycle."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def to_stamp(nanoseconds: int) -> Time:
    """Return integer nanoseconds as a stamp; the inverse of `stamp_ns`."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return Time(sec=seconds, nanosec=rest)


def image_to_array(message: Image) -> NDArray[np.uint8]:
    """Return a picture as (height, width, 3) uint8 RGB.

    Row padding (`step` above width x channels) is dropped, bgr8 is turned, mono8 is repeated.

    Raises:
        DataError: another encoding, no pixels, or fewer bytes than height and step say.
    """
    if message.encoding.startswith('bayer'):
        raise DataError(f'image encoding: got {message.encoding!r}, allowed: {list(CHANNELS)}; '
                        'raw sensor mosaics are not read, run image_proc before the camera node')
    if message.encoding not in CHANNELS:
        raise DataError(f'image encoding: got {message.encoding!r}, allowed: {list(CHANNELS)}; '
                        'set the camera driver to rgb8')
    channels = CHANNELS[message.encoding]
    height, width, step = message.height, message.width, message.step
    if height == 0 or width == 0:
        raise DataError(f'image size: got {height}x{width}, allowed: at least 1x1 pixels')
    if step < width * channels:
        raise DataError(f'image step: got {step} bytes, allowed: at least width x channels = '
                        f'{width * channels}')
    needed = (height - 1) * step + width * channels
    if len(message.data) < needed:
        raise DataError(f'image data: got {len(message.data)} bytes, allowed: at least {needed} '
                        f'for {height}x{width} {message.encoding}; the picture is truncated')
    flat = np.frombuffer(message.data, dtype=np.uint8)
    rows = np.lib.stride_tricks.as_strided(flat, (height, width * channels), (step, 1),
                                           writeable=False)
    pixels = rows.reshape(height, width, channels)
    if message.encoding == 'bgr8':
        return np.ascontiguousarray(pixels[:, :, ::-1])
    if message.encoding == 'mono8':
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels)


def array_to_image(image_hwc_u8: NDArray[np.uint8], stamp: Time,
                   frame_id: str = 'camera') -> Image:
    """Return an rgb8 message of a (height, width, 3) uint8 RGB picture.

    Raises:
        DataError: another shape or type.
    """
    if image_hwc_u8.dtype != np.uint8 or image_hwc_u8.ndim != 3 or image_hwc_u8.shape[2] != 3:
        raise DataError(f'picture: got shape {image_hwc_u8.shape} {image_hwc_u8.dtype}, allowed: '
                        '(height, width, 3) uint8')
    message = Image()
    message.header.stamp = stamp
    message.header.frame_id = frame_id
    message.height, message.width = image_hwc_u8.shape[:2]
    message.encoding = 'rgb8'
    message.step = 3 * message.width
    message.data = array.array('B', image_hwc_u8.tobytes())
    return message


@dataclass(frozen=True)
class Latent:
    """One point of a latent space. `mean` and `log_variance` are float32 of shape (dim,)."""

    mean: NDArray[np.float32]
    log_variance: NDArray[np.float32]
    encoder_id: str
    stamp_ns: int


def latent_to_cloud(mean: NDArray[np.float32], log_variance: NDArray[np.float32], encoder_id: str,
                    stamp: Time) -> PointCloud2:
    """Return one latent as a cloud of one point; `encoder_id` becomes its frame."""
    dim = int(mean.shape[0])
    cloud = empty_cloud(stamp)
    cloud.header.frame_id = encoder_id
    cloud.height = cloud.width = 1
    cloud.fields = [PointField(name=name, offset=4 * dim * i, datatype=PointField.FLOAT32,
                               count=dim) for i, name in enumerate(LATENT_FIELDS)]
    cloud.point_step = cloud.row_step = 8 * dim
    both = np.concatenate([mean, log_variance]).astype('<f4', copy=False)
    cloud.data = array.array('B', both.tobytes())
    cloud.is_dense = bool(np.isfinite(both).all())
    return cloud


def empty_cloud(stamp: Time) -> PointCloud2:
    """Return a cloud without points: on `goal/latent` it means that there is no goal."""
    cloud = PointCloud2(height=1, is_dense=True)
    cloud.header.stamp = stamp
    return cloud


def cloud_to_latent(cloud: PointCloud2) -> Latent | None:
    """Return the one latent of a cloud, or None when the cloud is empty.

    Raises:
        DataError: other fields, more than one point, truncated, or NaN or infinite values.
    """
    if cloud.width == 0:
        return None
    fields = {field.name: field for field in cloud.fields}
    if cloud.width * cloud.height != 1 or any(
            name not in fields or fields[name].datatype != PointField.FLOAT32
            for name in LATENT_FIELDS):
        raise DataError(f'latent: got {cloud.width * cloud.height} points with fields '
                        f'{sorted(fields)}, allowed: one point with FLOAT32 {list(LATENT_FIELDS)}')
    kind = '>f4' if cloud.is_bigendian else '<f4'
    values = []
    for name in LATENT_FIELDS:
        field = fields[name]
        end = field.offset + 4 * field.count
        if field.count != fields['mean'].count or field.count == 0 or len(cloud.data) < end:
            raise DataError(f'latent field {name}: got count {field.count} in {len(cloud.data)} '
                            'bytes, allowed: equal counts above 0, and the bytes to hold them')
        values.append(np.frombuffer(cloud.data, kind, field.count, field.offset)
                      .astype(np.float32))
    if not all(np.isfinite(v).all() for v in values):
        raise DataError('latent: got NaN or infinite values, allowed: finite values')
    return Latent(values[0], values[1], cloud.header.frame_id, stamp_ns(cloud.header.stamp))


def velocity_to_twist(velocity: NDArray[np.floating[Any]], stamp: Time,
                      frame_id: str = 'base') -> TwistStamped:
    """Return a linear velocity (3,) in m/s as a stamped twist; no rotation."""
    message = TwistStamped()
    message.header.stamp = stamp
    message.header.frame_id = frame_id
    linear = message.twist.linear
    linear.x, linear.y, linear.z = (float(v) for v in velocity)
    return message


def twist_to_velocity(message: TwistStamped) -> NDArray[np.float64]:
    """Return the linear part of a stamped twist, (3,) in m/s; NaN passes through."""
    linear = message.twist.linear
    return np.array((linear.x, linear.y, linear.z))


def pose_to_position(message: PoseStamped) -> NDArray[np.float64]:
    """Return the position of a stamped pose, (3,) in metres."""
    position = message.pose.position
    return np.array((position.x, position.y, position.z))


def values_to_message(name: str, values: Mapping[str, object], stamp: Time, *, message: str = '',
                      level: int = 0) -> DiagnosticArray:
    """Return key/values as a DiagnosticArray of one status (events, model status, segments).

    Args:
        name: of the status: `episode`, or the node's name.
        values: shown with `str`.
        stamp: of the header.
        message: one line for people: the reason.
        level: 0 OK, 1 WARN, 2 ERROR, 3 STALE.
    """
    array_message = DiagnosticArray()
    array_message.header.stamp = stamp
    array_message.status = [to_status(name, values, message=message, level=level)]
    return array_message


def to_status(name: str, values: Mapping[str, object], *, message: str = '',
              level: int = 0) -> DiagnosticStatus:
    """Return one DiagnosticStatus; see `values_to_message`."""
    return DiagnosticStatus(
        level=LEVELS[level], name=name, message=message, hardware_id='rig_ros',
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()])


def message_to_values(message: DiagnosticArray) -> dict[str, str]:
    """Return the key/values of the first status; the inverse of `values_to_message`.

    Raises:
        DataError: no status in the message.
    """
    if not message.status:
        raise DataError('DiagnosticArray: got no status, allowed: one status with key/values')
    return {pair.key: pair.value for pair in message.status[0].values}
