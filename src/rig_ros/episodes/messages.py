"""Decodes the recorded messages that learning needs: pictures, twists, events. No ROS.

Input is raw CDR bytes as recorded; times are header stamps in nanoseconds; pictures are
`image_hwc_u8`; velocities are in m/s.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig_ros.episodes import schema
from rig_ros.errors import DataError
from rig_ros.vision import image

_NANO = 1_000_000_000
_FLOAT32 = 7
"""PointField.FLOAT32."""


@dataclass(frozen=True)
class Twist:
    """A commanded hand velocity."""

    stamp_ns: int
    frame: str
    velocity: NDArray[np.float64]
    """Shape (3,), m/s."""


@dataclass(frozen=True)
class KeyValues:
    """One status of a DiagnosticArray."""

    stamp_ns: int
    name: str
    level: int
    message: str
    values: dict[str, str]


@dataclass(frozen=True)
class Event:
    """One episode event; see `doc/recordings.md` for the keys."""

    stamp_ns: int
    kind: str
    episode_id: str
    mode: str = ''
    task: str = ''
    goal_id: str = ''
    bundle_id: str = ''
    encoder_id: str = ''
    steps: int = 0
    reason: str = ''


def _decode(cdr: bytes, type_name: str) -> Any:
    try:
        return schema.typestore().deserialize_cdr(cdr, type_name)
    except Exception as error:  # rosbags raises whatever the bytes provoke
        raise DataError(f'{type_name}: {len(cdr)} recorded bytes are not such a message '
                        f'({error}); the recording is damaged or of another type') from error


def _stamp(header: Any) -> int:
    return int(header.stamp.sec) * _NANO + int(header.stamp.nanosec)


def _unpack(form: str, cdr: bytes, offset: int) -> tuple[int, ...]:
    if len(cdr) < offset + struct.calcsize(f'<{form}'):
        raise DataError(f'message header: got {len(cdr)} bytes, allowed: a whole CDR message; the '
                        'recording is damaged or of another type')
    return struct.unpack_from(f"{'<' if cdr[1] & 1 else '>'}{form}", cdr, offset)


def header_stamp_ns(cdr: bytes) -> int:
    """Return the header stamp of a message whose first field is a Header, without decoding it.

    Raises:
        DataError: too few bytes.
    """
    seconds, nanoseconds = _unpack('iI', cdr, 4)
    return seconds * _NANO + nanoseconds


def header_frame(cdr: bytes) -> str:
    """Return the frame id of a message whose first field is a Header, without decoding it.

    Raises:
        DataError: too few bytes.
    """
    (length,) = _unpack('I', cdr, 12)
    return cdr[16:16 + max(0, length - 1)].decode(errors='replace')


def decode_image(cdr: bytes) -> tuple[int, image.Picture]:
    """Return stamp and picture of a sensor_msgs/Image.

    Raises:
        DataError: bytes that are no such message, an unknown encoding, or sizes that disagree.
    """
    message = _decode(cdr, 'sensor_msgs/msg/Image')
    height, width, step = int(message.height), int(message.width), int(message.step)
    channels = image.ENCODINGS.get(message.encoding)
    if channels is None:
        raise DataError(f'image encoding: got {message.encoding!r}, allowed: '
                        f'{sorted(image.ENCODINGS)}')
    if step < width * channels or len(message.data) < height * step:
        raise DataError(f'image: got {len(message.data)} bytes for {width}x{height} '
                        f'{message.encoding} with step {step}')
    rows = np.asarray(message.data, dtype=np.uint8)[:height * step].reshape(height, step)
    pixels = rows[:, :width * channels].reshape(height, width, channels)
    return _stamp(message.header), image.to_rgb(pixels, message.encoding)


def decode_twist(cdr: bytes) -> Twist:
    """Return a geometry_msgs/TwistStamped.

    Raises:
        DataError: bytes that are no such message.
    """
    message = _decode(cdr, 'geometry_msgs/msg/TwistStamped')
    linear = message.twist.linear
    return Twist(_stamp(message.header), str(message.header.frame_id),
                 np.array([linear.x, linear.y, linear.z], dtype=np.float64))


def decode_position(cdr: bytes) -> tuple[int, NDArray[np.float64]]:
    """Return stamp and position (3,) [m] of a geometry_msgs/PoseStamped.

    Raises:
        DataError: bytes that are no such message.
    """
    message = _decode(cdr, 'geometry_msgs/msg/PoseStamped')
    point = message.pose.position
    return _stamp(message.header), np.array([point.x, point.y, point.z], dtype=np.float64)


def decode_latent(cdr: bytes) -> NDArray[np.float32] | None:
    """Return the mean of a recorded latent, shape (dim,); None for an empty cloud.

    Raises:
        DataError: bytes that are no such message, or no FLOAT32 field `mean` in them.
    """
    message = _decode(cdr, 'sensor_msgs/msg/PointCloud2')
    if not message.width:
        return None
    mean = next((f for f in message.fields if f.name == 'mean' and f.datatype == _FLOAT32), None)
    if mean is None or len(message.data) < mean.offset + 4 * mean.count:
        raise DataError(f'latent: got fields {[f.name for f in message.fields]} in '
                        f'{len(message.data)} bytes, allowed: FLOAT32 `mean` and its bytes')
    kind = '>f4' if message.is_bigendian else '<f4'
    content = np.asarray(message.data, np.uint8).tobytes()
    return np.frombuffer(content, kind, mean.count, mean.offset).astype(np.float32)


def decode_key_values(cdr: bytes) -> list[KeyValues]:
    """Return the statuses of a diagnostic_msgs/DiagnosticArray.

    Raises:
        DataError: bytes that are no such message.
    """
    message = _decode(cdr, 'diagnostic_msgs/msg/DiagnosticArray')
    stamp = _stamp(message.header)
    return [KeyValues(stamp, status.name, int(status.level), status.message,
                      {pair.key: pair.value for pair in status.values})
            for status in message.status]


def event_from_values(stamp_ns: int, values: dict[str, str]) -> Event:
    """Return the event a status's key/values describe.

    Raises:
        DataError: an unknown kind, or no episode id.
    """
    kind, episode_id = values.get('kind', ''), values.get('episode_id', '')
    if kind not in schema.EVENT_KINDS or not episode_id:
        raise DataError(f'episode event: got kind {kind!r} of episode {episode_id!r}, allowed: '
                        f'one of {schema.EVENT_KINDS} with an episode_id')
    texts = {key: values.get(key, '') for key in
             ('mode', 'task', 'goal_id', 'bundle_id', 'encoder_id', 'reason')}
    steps = values.get('steps', '')
    return Event(stamp_ns, kind, episode_id, steps=int(steps) if steps.isdigit() else 0, **texts)


def decode_events(cdr: bytes) -> list[Event]:
    """Return the episode events of a DiagnosticArray.

    Raises:
        DataError: bytes that are no such message, or not events.
    """
    return [event_from_values(status.stamp_ns, status.values) for status in decode_key_values(cdr)]
