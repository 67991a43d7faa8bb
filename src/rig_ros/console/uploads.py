"""A file somebody sent, made a goal picture or refused with its reason.

The file's own structure is read first, by this module: kind, size in pixels, whether it is whole.
Only then is it given to a decoder. So a file of a few bytes cannot claim gigabytes of pixels.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from rig_ros.errors import DataError
from rig_ros.vision.image import CropRegion, Picture, check_goal, crop_and_resize, to_rgb

MAX_BYTES = 12 * 1024 * 1024
MAX_PIXELS = 40_000_000
PNG_START = b'\x89PNG\r\n\x1a\n'
OTHERS = ((b'GIF8', 'a GIF'), (b'BM', 'a BMP'), (b'II*\x00', 'a TIFF'), (b'MM\x00*', 'a TIFF'),
          (b'%PDF', 'a PDF'), (b'<svg', 'an SVG'), (b'<?xml', 'an SVG or XML file'),
          (b'PK\x03\x04', 'a ZIP archive'), (b'\x00\x00\x00', 'a HEIC photo or a video'))
SAVE_AS = 'save it as PNG or JPEG and send it again'
AGAIN = 'copy or take it again'
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""JPEG markers that tell the size."""


@dataclass(frozen=True)
class Upload:
    """A file's goal picture, and what of the file it shows."""

    picture: Picture
    width: int
    height: int
    """Of the file's picture [px]."""
    region: CropRegion
    """What was used of it: the centred square, as a camera without a crop of its own."""


def read(content: bytes, size: int) -> Upload:
    """Return the goal picture of a file.

    Args:
        content: the file.
        size: height and width of goal pictures [px].

    Raises:
        DataError: refused; the message says why and what to do.
    """
    if not content:
        raise DataError('picture: the file is empty; choose another')
    if len(content) > MAX_BYTES:
        raise DataError(f'picture: got {len(content) / 2**20:.0f} MiB, allowed: at most '
                        f'{MAX_BYTES // 2**20}; make it smaller')
    if content.startswith(PNG_START):
        width, height = _png_size(content)
    elif content.startswith(b'\xff\xd8'):
        width, height = _jpeg_size(content)
    else:
        raise DataError(f'picture: is {_kind(content)}, allowed: PNG or JPEG; {SAVE_AS}')
    _check_size(width, height, size)
    decoded: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise DataError(f'picture: its pixels are damaged, allowed: a whole file; {AGAIN}')
    if decoded.ndim == 3 and decoded.shape[2] == 4 and decoded[..., 3].min() < np.iinfo(
            decoded.dtype).max:
        raise DataError('picture: parts of it are transparent, allowed: opaque; save it without '
                        'transparency')
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    whole = to_rgb(np.asarray(decoded, np.uint8), 'bgr8')
    height, width = whole.shape[:2]  # as the camera was held
    region = CropRegion.centred_square(width, height)
    picture = crop_and_resize(whole, region, size)
    check_goal(picture, size)
    return Upload(picture, width, height, region)


def _kind(content: bytes) -> str:
    if content[8:12] == b'WEBP':
        return 'a WebP'
    start = content[:256].lstrip()
    return next((name for sign, name in OTHERS if start.startswith(sign)), 'not a picture')


def _check_size(width: int, height: int, size: int) -> None:
    if width * height > MAX_PIXELS:
        raise DataError(f'picture: says it has {width}x{height} pixels, allowed: at most '
                        f'{MAX_PIXELS // 1_000_000} million; make it smaller')
    if min(width, height) < size:
        raise DataError(f'picture: got {width}x{height} pixels, allowed: at least {size}x{size}; '
                        'take it with the camera of the robot')


def _png_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a whole, single, undamaged PNG."""
    size, position, pixels = (0, 0), len(PNG_START), False
    while True:
        if position + 12 > len(content):
            raise DataError(f'picture: the PNG is cut off; {AGAIN}')
        length, kind = struct.unpack_from('>I4s', content, position)
        end = position + 12 + length
        if end > len(content):
            raise DataError(f'picture: the PNG is cut off; {AGAIN}')
        body = content[position + 4:end - 4]
        if zlib.crc32(body) != struct.unpack_from('>I', content, end - 4)[0]:
            raise DataError(f'picture: the PNG is damaged (checksum of {kind!r}); {AGAIN}')
        if kind == b'IHDR' and length == 13:
            size = struct.unpack_from('>II', body, 4)
        elif kind == b'acTL':
            raise DataError('picture: is animated, allowed: one picture; save one frame as PNG')
        elif kind == b'IDAT':
            pixels = True
        elif kind == b'IEND':
            break
        position = end
    if end != len(content):
        raise DataError(f'picture: {len(content) - end} bytes follow the end of the PNG, allowed: '
                        f'none; {SAVE_AS}')
    if not pixels or 0 in size:
        raise DataError(f'picture: the PNG holds no pixels; {AGAIN}')
    return size


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a whole JPEG in grey or colour."""
    position, size = 2, (0, 0)
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        length = struct.unpack_from('>H', content, position + 2)[0]
        if marker in FRAMES and position + 10 <= len(content):
            height, width, parts = struct.unpack_from('>HHB', content, position + 5)
            if parts not in (1, 3):
                raise DataError(f'picture: the JPEG has {parts} colour parts (CMYK?), allowed: '
                                f'grey or colour; {SAVE_AS}')
            size = width, height
        elif marker == 0xDA:
            if content.find(b'\xff\xd9', position) < 0:
                raise DataError(f'picture: the JPEG is cut off; {AGAIN}')
            if 0 in size:
                break
            return size
        position += 2 + length
    raise DataError(f'picture: the JPEG is cut off or damaged before its pixels; {AGAIN}')
