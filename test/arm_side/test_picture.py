"""Pictures of the robot's cameras through a memory-mapped file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from rig_ros.arm_side.picture import HEADER, MAGIC, PictureReader, PictureWriter, to_plain


def test_the_newest_picture_is_read_once(tmp_path: Path):
    path = str(tmp_path / 'p')
    writer = PictureWriter(path)
    reader = PictureReader(path)
    assert reader.read() is None
    for value in range(3):
        writer.write(1.0 + value, 2, 3, 'rgb8', bytes([value]) * 18)
    picture = reader.read()
    assert picture is not None
    assert (picture.time, picture.height, picture.width, picture.channels) == (3.0, 2, 3, 3)
    assert picture.pixels == b'\2' * 18
    assert reader.read(after=picture.counter) is None
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    writer.close()
    assert not Path(path).exists()


def test_a_picture_that_is_being_written_is_not_read(tmp_path: Path):
    writer = PictureWriter(str(tmp_path / 'p'))
    writer.write(1.0, 1, 1, 'mono8', b'x')
    HEADER.pack_into(writer._map, 0, MAGIC, 3, 1.0, 1, 1, 1, 0, b'mono8')
    assert PictureReader(str(tmp_path / 'p')).read() is None


def test_another_file_is_refused(tmp_path: Path):
    (tmp_path / 'p').write_bytes(b'short')
    with pytest.raises(ValueError, match='no picture'):
        PictureReader(str(tmp_path / 'p'))


@pytest.mark.parametrize(('size', 'encoding', 'count'), [
    ((2, 2), 'rgb8', 11), ((2, 2), 'jpeg', 12), ((3000, 3000), 'mono8', 9_000_000)])
def test_a_wrong_picture_is_refused(tmp_path: Path, size: tuple[int, int], encoding: str,
                                    count: int):
    with pytest.raises(ValueError, match='picture'):
        PictureWriter(str(tmp_path / 'p')).write(0.0, *size, encoding, bytes(count))


@pytest.mark.parametrize(('encoding', 'depth', 'order'), [
    ('rgb8', 3, [0, 1, 2]), ('bgr8', 3, [2, 1, 0]), ('rgba8', 4, [0, 1, 2]),
    ('bgra8', 4, [2, 1, 0])])
def test_colours_and_padding(encoding: str, depth: int, order: list[int]):
    image = np.random.default_rng(0).integers(0, 256, (2, 3, depth), np.uint8)
    rows = np.zeros((2, 3 * depth + 5), np.uint8)
    rows[:, :3 * depth] = image.reshape(2, -1)
    name, pixels = to_plain(2, 3, encoding, rows.shape[1], rows.tobytes())
    assert name == 'rgb8'
    assert pixels == image[:, :, order].tobytes()


@pytest.mark.parametrize('changes', [{'encoding': 'yuv422'}, {'step': 2}, {'pixels': b'123'}])
def test_a_message_that_disagrees_with_itself_is_refused(changes: dict):
    values = {'height': 1, 'width': 4, 'encoding': 'mono8', 'step': 4, 'pixels': b'1234'}
    assert to_plain(**values) == ('mono8', b'1234')  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='camera'):
        to_plain(**{**values, **changes})
