"""What RViz and Foxglove draw in three dimensions: boxes, arrows and a line of text.

Metres, frame `base`. Markers that move vanish by themselves when nothing renews them.
"""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import ArrayLike, NDArray
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

FRAME = 'base'
LIFETIME_S = 1.0
LINE_M = 0.003
Colour = tuple[float, float, float]
# Distinguishable without red and green (Okabe and Ito).
GREY, SKY, ORANGE, BLUE = (0.6, 0.6, 0.6), (0.34, 0.71, 0.91), (0.9, 0.6, 0.0), (0.0, 0.45, 0.7)


def box_edges(low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """Return the 12 edges of a box as pairs of points, shape (24, 3)."""
    ends = np.array([low, high], dtype=np.float64)
    corners = np.array([[ends[bits >> axis & 1, axis] for axis in range(3)] for bits in range(8)])
    pairs = [(a, a | 1 << axis) for axis in range(3) for a in range(8) if not a >> axis & 1]
    return corners[[end for pair in pairs for end in pair]]


def box(name: str, low: ArrayLike, high: ArrayLike, colour: Colour) -> Marker:
    """Return the edges of a box; it stays."""
    marker = _marker(name, Marker.LINE_LIST, colour)
    marker.scale.x = LINE_M
    marker.points = [_point(corner) for corner in box_edges(low, high)]
    return marker


def ball(name: str, centre: ArrayLike, diameter: float, colour: Colour,
         moves: bool = False) -> Marker:
    """Return a sphere."""
    marker = _marker(name, Marker.SPHERE, colour, moves)
    marker.pose.position = _point(centre)
    marker.scale.x = marker.scale.y = marker.scale.z = diameter
    return marker


def arrow(name: str, start: ArrayLike, end: ArrayLike, colour: Colour) -> Marker:
    """Return an arrow between two points; it vanishes when it is not renewed."""
    marker = _marker(name, Marker.ARROW, colour, moves=True)
    marker.points = [_point(start), _point(end)]
    marker.scale.x, marker.scale.y, marker.scale.z = LINE_M, 3 * LINE_M, 4 * LINE_M
    return marker


def text(name: str, place: ArrayLike, words: str) -> Marker:
    """Return a line of text that faces the viewer."""
    marker = _marker(name, Marker.TEXT_VIEW_FACING, (1.0, 1.0, 1.0))
    marker.pose.position = _point(place)
    marker.scale.z = 0.03
    marker.text = words
    return marker


def _marker(name: str, kind: int, colour: Colour, moves: bool = False) -> Marker:
    marker = Marker(ns=name, type=kind, action=Marker.ADD, color=ColorRGBA(
        r=colour[0], g=colour[1], b=colour[2], a=1.0))
    marker.header.frame_id = FRAME
    marker.pose.orientation.w = 1.0
    if moves:
        marker.lifetime = Duration(seconds=LIFETIME_S).to_msg()
    return marker


def _point(place: ArrayLike) -> Point:
    x, y, z = (float(value) for value in np.asarray(place, dtype=np.float64))
    return Point(x=x, y=y, z=z)
