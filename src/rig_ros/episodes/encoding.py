"""Makes the messages of an episode that was not recorded here: pictures, commands, events. No ROS.

The counterpart of `messages`: what these make, those read. Stamps in nanoseconds, velocities in
m/s, frame `base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rig_ros.episodes import schema
from rig_ros.vision.image import Picture

_NANO = 1_000_000_000


def _make(type_name: str, *values: Any) -> Any:
    return schema.typestore().types[type_name](*values)


def _cdr(message: Any, type_name: str) -> bytes:
    return bytes(schema.typestore().serialize_cdr(message, type_name))


def _header(stamp_ns: int, frame: str) -> Any:
    stamp = _make('builtin_interfaces/msg/Time', stamp_ns // _NANO, stamp_ns % _NANO)
    return _make('std_msgs/msg/Header', stamp, frame)


def encode_image(stamp_ns: int, picture: Picture, frame: str = 'camera_optical_frame') -> bytes:
    """Return a sensor_msgs/Image, rgb8."""
    height, width = picture.shape[:2]
    name = 'sensor_msgs/msg/Image'
    flat = np.ascontiguousarray(picture, np.uint8).reshape(-1)
    return _cdr(_make(name, _header(stamp_ns, frame), height, width, 'rgb8', 0, 3 * width, flat),
                name)


def encode_twist(stamp_ns: int, velocity: ArrayLike) -> bytes:
    """Return a geometry_msgs/TwistStamped with a linear velocity (3,) [m/s] in `base`."""
    x, y, z = (float(v) for v in np.asarray(velocity, np.float64))
    vector, name = 'geometry_msgs/msg/Vector3', 'geometry_msgs/msg/TwistStamped'
    twist = _make('geometry_msgs/msg/Twist', _make(vector, x, y, z), _make(vector, 0., 0., 0.))
    return _cdr(_make(name, _header(stamp_ns, 'base'), twist), name)


def encode_event(stamp_ns: int, values: Mapping[str, object], reason: str = '') -> bytes:
    """Return an episode event; keys as in `doc/recordings.md`."""
    pairs = [_make('diagnostic_msgs/msg/KeyValue', key, str(value))
             for key, value in values.items()]
    status = _make('diagnostic_msgs/msg/DiagnosticStatus', 0, 'episode', reason, 'rig_ros', pairs)
    name = 'diagnostic_msgs/msg/DiagnosticArray'
    return _cdr(_make(name, _header(stamp_ns, ''), [status]), name)
