"""Intrinsics to CameraInfo: an undistorted pinhole camera."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo

from rig_ros.vision.image import Intrinsics


def intrinsics_to_info(intrinsics: Intrinsics, stamp: Time, frame_id: str) -> CameraInfo:
    """Return the CameraInfo of a pinhole camera without distortion."""
    i = intrinsics
    info = CameraInfo(height=i.height, width=i.width, distortion_model='plumb_bob')
    info.header.stamp = stamp
    info.header.frame_id = frame_id
    info.d = [0.0] * 5
    info.k = [i.fx, 0.0, i.cx, 0.0, i.fy, i.cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [i.fx, 0.0, i.cx, 0.0, 0.0, i.fy, i.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info
