"""Pictures in a file are those that were put there, and take no memory of the process."""

from __future__ import annotations

import os
from collections import namedtuple

import numpy as np
import pytest

from rig_ros.errors import ConfigError
from rig_ros.learning.pictures import FilePictures, MemoryPictures, make_pictures

SIZE = 6
SHAPE = (SIZE, SIZE, 3)


def some(count):
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


@pytest.mark.parametrize('storage', ['memory', 'file'])
def test_pictures_come_back_from_any_places_in_any_order(storage, tmp_path):
    pictures, images = make_pictures(50, SHAPE, storage, tmp_path), some(7)
    places = np.array([3, 4, 5, 40, 20, 21, 0])
    pictures.write(places, images)
    order = np.array([6, 0, 1, 2, 2, 4, 3, 5])
    np.testing.assert_array_equal(pictures.read(places[order]), images[order])
    assert pictures.read(np.zeros(0, np.int64)).shape == (0, SIZE, SIZE, 3)


@pytest.mark.parametrize('storage', ['memory', 'file'])
def test_states_come_back_too(storage, tmp_path):
    pictures = make_pictures(5, (3,), storage, tmp_path)
    states = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    pictures.write(np.array([4, 1]), states)
    np.testing.assert_array_equal(pictures.read(np.array([1, 4])), states[::-1])


def test_what_is_read_is_a_copy(tmp_path):
    for storage in ('memory', 'file'):
        pictures = make_pictures(2, SHAPE, storage, tmp_path)
        pictures.write(np.arange(2), some(2))
        pictures.read(np.arange(2))[:] = 0
        np.testing.assert_array_equal(pictures.read(np.arange(2)), some(2))


def test_a_call_that_moves_less_than_asked_is_repeated(tmp_path, monkeypatch):
    pictures = FilePictures(3, SHAPE, tmp_path)
    whole = os.preadv, os.pwritev

    def short(transfer):
        return lambda descriptor, buffers, offset: transfer(descriptor, [buffers[0][:50]], offset)

    monkeypatch.setattr(os, 'preadv', short(whole[0]))
    monkeypatch.setattr(os, 'pwritev', short(whole[1]))
    pictures.write(np.arange(3), some(3))
    np.testing.assert_array_equal(pictures.read(np.arange(3)), some(3))


def test_automatic_by_size_and_the_file_has_no_name(tmp_path):
    assert isinstance(make_pictures(100_000, (84, 84, 3), 'auto', tmp_path), MemoryPictures)
    assert isinstance(make_pictures(102_000, (84, 84, 3), 'auto', tmp_path), FilePictures)
    assert list(tmp_path.iterdir()) == []


def test_raises_error_if_the_disk_has_no_room(tmp_path, monkeypatch):
    usage = namedtuple('usage', 'free')
    monkeypatch.setattr('shutil.disk_usage', lambda path: usage(1 << 20))
    with pytest.raises(ConfigError, match='replay_frames: got 1000000'):
        FilePictures(1_000_000, SHAPE, tmp_path)
