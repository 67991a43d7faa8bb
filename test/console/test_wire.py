"""Frames survive any cutting of the stream; the pacer passes a source of its own rate whole."""

from __future__ import annotations

import pytest

from rig_ros.console.wire import LENGTHS, Pacer, Reader, pack
from rig_ros.errors import DataError


@pytest.mark.parametrize('cut', [1, 3, 7, 1000])
def test_frames_come_out_as_they_went_in(cut: int):
    sent = [({'kind': 'a', 'n': 1}, b''), ({'kind': 'b'}, bytes(range(256)))]
    stream = b''.join(pack(*frame) for frame in sent)
    reader = Reader()
    got = [f for i in range(0, len(stream), cut) for f in reader.feed(stream[i:i + cut])]
    assert got == sent


def test_a_stream_of_something_else_is_an_error():
    with pytest.raises(DataError, match='something else writes'):
        Reader().feed(LENGTHS.pack(2**31, 2**31))


def test_pacer_thins_a_fast_source_and_leaves_a_matching_one_alone():
    slow = Pacer(10.0)
    assert all(slow.due(0.1 * i + 0.015 * (i % 2)) for i in range(50))
    fast = Pacer(10.0)
    assert sum(fast.due(0.01 * i) for i in range(100)) == pytest.approx(12, abs=1)
