"""Decoding recorded messages without ROS."""

from __future__ import annotations

import numpy as np
import pytest
from recorded_streams import event_cdr, image_cdr, latent_cdr, picture, twist_cdr

from rig_ros.episodes import messages
from rig_ros.errors import DataError

STAMP = 1_700_000_000_123_456_789


def _wide() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize('padding', [0, 3])
def test_a_picture_that_is_not_square_keeps_its_layout(padding: int):
    stamp, decoded = messages.decode_image(image_cdr(STAMP, _wide(), padding=padding))
    assert stamp == STAMP
    np.testing.assert_array_equal(decoded, _wide())


def test_blue_first_is_turned_and_grey_is_repeated():
    _, turned = messages.decode_image(image_cdr(0, _wide(), 'bgr8'))
    np.testing.assert_array_equal(turned, _wide()[..., ::-1])
    _, grey = messages.decode_image(image_cdr(0, _wide()[..., :1], 'mono8'))
    np.testing.assert_array_equal(grey, np.repeat(_wide()[..., :1], 3, axis=2))


def test_raises_error_if_the_encoding_is_unknown():
    with pytest.raises(DataError, match='bayer_rggb8'):
        messages.decode_image(image_cdr(0, _wide(), 'bayer_rggb8'))


def test_raises_error_if_the_bytes_are_cut_or_foreign():
    whole = image_cdr(0, picture(1))
    for cdr in (b'', whole[:3], whole[:100], whole[:-1], event_cdr(0, 'end')):
        with pytest.raises(DataError):
            messages.decode_image(cdr)


def test_header_is_read_without_decoding():
    cdr = latent_cdr(STAMP, 'encoder-7')
    assert messages.header_stamp_ns(cdr) == STAMP
    assert messages.header_frame(cdr) == 'encoder-7'


def test_twist_and_event_come_back():
    twist = messages.decode_twist(twist_cdr(STAMP, (0.1, -0.2, 0.3)))
    assert (twist.stamp_ns, twist.frame) == (STAMP, 'base')
    np.testing.assert_allclose(twist.velocity, [0.1, -0.2, 0.3])
    (event,) = messages.decode_events(event_cdr(STAMP, 'abort', steps='12', reason='e-stop'))
    assert (event.kind, event.episode_id, event.steps) == ('abort', 'e1', 12)
    assert (event.reason, event.stamp_ns) == ('e-stop', STAMP)


def test_raises_error_if_an_event_is_of_unknown_kind():
    with pytest.raises(DataError, match='pause'):
        messages.decode_events(event_cdr(0, 'pause'))
