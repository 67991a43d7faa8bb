"""Pictures: crop, resize, colour, layout, intrinsics, and what a usable goal picture is.

The only place that touches pixels' layout. A picture is `image_hwc_u8`: uint8, (height, width, 3),
red first. Pixel coordinates are OpenCV's: x right, y down, the centre of the first pixel at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians, tan
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rig_ros.errors import DataError
from rig_ros.settings import require

Picture = NDArray[np.uint8]

MIN_CONTRAST = 2.0
"""Standard deviation in the liveliest channel below which a picture shows nothing [0 to 255]."""

ENCODINGS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}
"""Encodings understood, with bytes per pixel."""

_ENDINGS = ((b'\x89PNG', b'IEND\xaeB`\x82'), (b'\xff\xd8', b'\xff\xd9'))
"""First and last bytes of whole PNG and JPEG files."""


@dataclass(frozen=True)
class CropRegion:
    """The part of a source picture that is used, in the source's pixels."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        require(self.x >= 0 and self.y >= 0, 'crop', (self.x, self.y), 'x and y at least 0')
        require(self.width > 0 and self.height > 0, 'crop', (self.width, self.height),
                'width and height above 0')

    @classmethod
    def centred_square(cls, width: int, height: int) -> CropRegion:
        """Return the largest square in the middle of a picture of that size."""
        side = min(width, height)
        return cls((width - side) // 2, (height - side) // 2, side, side)

    @classmethod
    def from_list(cls, values: list[int] | tuple[int, ...], width: int, height: int) -> CropRegion:
        """Return [x, y, width, height] as a region; an empty list means the centred square.

        Raises:
            ConfigError: when the region is not four numbers or leaves a picture of that size.
        """
        if not values:
            return cls.centred_square(width, height)
        require(len(values) == 4, 'crop', list(values), '[x, y, width, height] or []')
        region = cls(*(int(v) for v in values))
        require(region.x + region.width <= width and region.y + region.height <= height,
                'crop', list(values), f'inside the {width}x{height} picture')
        return region

    def as_list(self) -> list[int]:
        """Return [x, y, width, height]."""
        return [self.x, self.y, self.width, self.height]


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera: focal lengths and principal point, all in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def from_fovy(cls, fovy_deg: float, width: int, height: int) -> Intrinsics:
        """Return the ideal camera with that vertical field of view and square pixels."""
        focal = 0.5 * height / tan(radians(fovy_deg) / 2)
        return cls(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)

    def cropped(self, region: CropRegion, size: int) -> Intrinsics:
        """Return the intrinsics after `crop_and_resize` with the same arguments."""
        sx, sy = size / region.width, size / region.height
        return Intrinsics(size, size, self.fx * sx, self.fy * sy,
                          (self.cx - region.x + 0.5) * sx - 0.5,
                          (self.cy - region.y + 0.5) * sy - 0.5)


def to_rgb(pixels: NDArray[np.uint8], encoding: str) -> Picture:
    """Return pixels of a ROS encoding as `image_hwc_u8`.

    Args:
        pixels: shape (height, width, 3), or (height, width) or (height, width, 1) for mono8.
        encoding: rgb8, bgr8 or mono8.

    Raises:
        DataError: for any other encoding, or a shape that does not fit the encoding.
    """
    if encoding not in ENCODINGS:
        raise DataError(f'image encoding: got {encoding!r}, allowed: {sorted(ENCODINGS)}; set the '
                        'camera driver to one of these or put an image_proc node before it')
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
    if channels != ENCODINGS[encoding] or pixels.ndim not in (2, 3):
        raise DataError(f'image shape: got {pixels.shape} for {encoding}, allowed: '
                        f'{ENCODINGS[encoding]} channel(s)')
    if encoding == 'mono8':
        return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    if encoding == 'bgr8':
        return np.ascontiguousarray(pixels[..., ::-1])
    return pixels


def crop_and_resize(image_hwc_u8: Picture, region: CropRegion, size: int) -> Picture:
    """Return the region as a size x size picture, each pixel the mean of the area it covers."""
    part = image_hwc_u8[region.y:region.y + region.height, region.x:region.x + region.width]
    if part.shape[:2] == (size, size):
        return np.ascontiguousarray(part)
    resized: Any = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)


def check_goal(image_hwc_u8: Picture, size: int) -> None:
    """Raise unless the picture can serve as a goal.

    Args:
        image_hwc_u8: the picture.
        size: height and width the model was trained with [px].

    Raises:
        DataError: wrong size, or (nearly) one colour all over.
    """
    if image_hwc_u8.shape != (size, size, 3):
        height, width = image_hwc_u8.shape[:2]
        raise DataError(f'goal picture: got {width}x{height} pixels, allowed: {size}x{size}; take '
                        'it with the same camera (rig_ros goal capture) or send it with '
                        '`rig_ros goal send`, which resizes')
    contrast = float(image_hwc_u8.std(axis=(0, 1)).max())
    if contrast < MIN_CONTRAST:
        raise DataError(f'goal picture: all one colour (contrast {contrast:.1f}), allowed: at '
                        f'least {MIN_CONTRAST}; check the camera, its light and its lens cap')


def read_picture(path: Path) -> Picture:
    """Return a PNG or JPEG file as `image_hwc_u8`.

    Raises:
        DataError: the file is missing, cut off, or not a picture.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}); check the path') from error
    for start, end in _ENDINGS:
        if content.startswith(start) and end not in content[-64:]:
            raise DataError(f'{path}: the picture is cut off; copy or take it again')
    array = np.frombuffer(content, dtype=np.uint8)
    decoded: Any = cv2.imdecode(array, cv2.IMREAD_COLOR) if array.size else None
    if decoded is None:
        raise DataError(f'{path}: is not a picture, allowed: PNG or JPEG')
    return to_rgb(np.asarray(decoded, dtype=np.uint8), 'bgr8')


def encode_picture(image_hwc_u8: Picture, kind: str = '.png',
                   options: Sequence[int] = ()) -> bytes:
    """Return a picture as the content of a file.

    Args:
        image_hwc_u8: (height, width, 3) RGB.
        kind: ending of the file, '.png' or '.jpg'.
        options: of `cv2.imencode`: names and values in turn.

    Raises:
        DataError: it cannot be.
    """
    done, content = cv2.imencode(kind, np.ascontiguousarray(image_hwc_u8[..., ::-1]),
                                 list(options))
    if not done:
        raise DataError(f'picture {image_hwc_u8.shape}: could not be written as '
                        f'{kind[1:].upper()}; allowed: uint8 (height, width, 3)')
    return content.tobytes()


def write_picture(path: Path, image_hwc_u8: Picture) -> None:
    """Write a picture as PNG or JPEG, by the name's ending.

    Raises:
        DataError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.ascontiguousarray(image_hwc_u8[..., ::-1])):
        raise DataError(f'{path}: cannot be written; check the folder and the disk')
