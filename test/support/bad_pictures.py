"""Files that are no goal pictures, by kind: how each is made and the words it is refused with."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np

from rig_ros.console import uploads

RNG = np.random.default_rng(0)
PHOTO = cv2.resize(RNG.integers(0, 255, (12, 16, 3), np.uint8), (320, 240))


def encoded(ending: str, picture: np.ndarray = PHOTO) -> bytes:
    done, content = cv2.imencode(ending, picture)
    assert done
    return bytes(content)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def bomb() -> bytes:
    """A PNG of 60 bytes that claims 100,000 x 100,000 pixels."""
    head = struct.pack('>IIBBBBB', 100_000, 100_000, 8, 2, 0, 0, 0)
    return (uploads.PNG_START + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(b'0'))
            + chunk(b'IEND', b''))


def damaged() -> bytes:
    content = bytearray(encoded('.png'))
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


def animated() -> bytes:
    content = encoded('.png')
    return content[:33] + chunk(b'acTL', struct.pack('>II', 2, 0)) + content[33:]


def transparent() -> bytes:
    return encoded('.png', np.dstack([PHOTO, np.full(PHOTO.shape[:2], 9, np.uint8)]))


def cmyk() -> bytes:
    content = bytearray(encoded('.jpg'))
    frame = content.index(b'\xff\xc0')
    content[frame + 9] = 4
    return bytes(content)


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    'empty': (lambda: b'', 'the file is empty'),
    'too large': (lambda: encoded('.png') + bytes(uploads.MAX_BYTES), 'MiB, allowed: at most 12'),
    'text': (lambda: b'hello, world', 'is not a picture, allowed: PNG or JPEG'),
    'gif': (lambda: b'GIF89a' + bytes(50), 'is a GIF'),
    'bmp': (lambda: encoded('.bmp'), 'is a BMP'),
    'svg': (lambda: b'  <svg xmlns="http://www.w3.org/2000/svg"/>', 'is an SVG'),
    'webp': (lambda: b'RIFF\x00\x00\x00\x00WEBPVP8 ', 'is a WebP'),
    'png cut off': (lambda: encoded('.png')[:-40], 'PNG is cut off'),
    'jpeg cut off': (lambda: encoded('.jpg')[:-40], 'JPEG is cut off'),
    'damaged png': (damaged, 'PNG is damaged'),
    'jpeg head only': (lambda: b'\xff\xd8\xff\xe0\x00\x10', 'cut off or damaged'),
    'pixel bomb': (bomb, 'says it has 100000x100000 pixels'),
    'too small': (lambda: encoded('.png', PHOTO[:50, :50]), 'got 50x50 pixels, allowed'),
    'a strip': (lambda: encoded('.png', PHOTO[:20]), 'got 320x20 pixels'),
    'one colour': (lambda: encoded('.png', np.full_like(PHOTO, 90)), 'all one colour'),
    'transparent': (transparent, 'transparent'),
    'animated': (animated, 'animated'),
    'cmyk': (cmyk, '4 colour parts'),
    'something behind it': (lambda: encoded('.png') + b'<script>', '8 bytes follow the end'),
}
