"""Contact sheets and PNG files from numpy pictures, uint8 (height, width, 3) RGB."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rig_ros.settings import require
from rig_ros.vision.image import encode_picture

ImageArray = NDArray[np.uint8]

_CAPTION_HEIGHT = 18
_GAP = 6
_INK = (40, 40, 40)


def png(image_hwc_u8: ImageArray) -> bytes:
    """Return the picture as a PNG file's content."""
    return encode_picture(image_hwc_u8)


def enlarge(image_hwc_u8: ImageArray, scale: int) -> ImageArray:
    """Return the picture with each pixel repeated `scale` times along both axes."""
    return image_hwc_u8.repeat(scale, axis=0).repeat(scale, axis=1)


def side_by_side(images: Sequence[ImageArray]) -> ImageArray:
    """Return pictures of one height joined left to right, a thin white line between them."""
    line = np.full((images[0].shape[0], 1, 3), 255, np.uint8)
    parts = [part for image in images for part in (line, image)]
    return np.concatenate(parts[1:], axis=1)


def _captioned(image: ImageArray, caption: str) -> ImageArray:
    strip = np.full((_CAPTION_HEIGHT, image.shape[1], 3), 255, np.uint8)
    (width, height), _ = cv2.getTextSize(caption, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
    origin = (max((image.shape[1] - width) // 2, 0), (_CAPTION_HEIGHT + height) // 2)
    cv2.putText(strip, caption, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
    return np.concatenate([image, strip], axis=0)


def contact_sheet(rows: Sequence[Sequence[ImageArray]], captions: Sequence[str] = (),
                  columns: int = 5, scale: int = 1) -> ImageArray:
    """Return groups of pictures, each group joined and captioned, on a white grid.

    Args:
        rows: groups, for example (goal, final); all pictures of one shape.
        captions: one for each group, or none at all.
        columns: groups beside each other.
        scale: enlargement of the pictures.
    """
    require(len(rows) > 0, 'contact sheet', len(rows), 'one or more groups')
    require(len(captions) in (0, len(rows)), 'captions', len(captions), f'0 or {len(rows)}')
    tiles = [enlarge(side_by_side(row), scale) for row in rows]
    if captions:
        tiles = [_captioned(tile, caption) for tile, caption in zip(tiles, captions)]
    height, width = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    lines = -(-len(tiles) // columns)
    sheet = np.full((lines * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255,
                    np.uint8)
    for index, tile in enumerate(tiles):
        top = _GAP + (index // columns) * (height + _GAP)
        left = _GAP + (index % columns) * (width + _GAP)
        sheet[top:top + height, left:left + width] = tile
    return sheet
