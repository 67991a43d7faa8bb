"""The background reader: newest picture only, failures told, source opened again."""

import threading

import numpy as np
import pytest

from rig_ros.errors import HardwareError
from rig_ros.hardware.background import BackgroundReader


class FakeSource:
    """Delivers a picture each time it is allowed to."""

    hz = 1000.0

    def __init__(self, fails_after=10**9):
        self.allowed = threading.Semaphore(0)
        self.took = threading.Semaphore(0)
        self.count = 0
        self.fails_after = fails_after
        self.closed = threading.Event()

    def read(self):
        self.took.release()
        self.allowed.acquire(timeout=5)
        self.count += 1
        if self.count > self.fails_after:
            raise HardwareError('camera: unplugged')
        return np.full((2, 2, 3), self.count % 256, np.uint8)

    def close(self):
        self.closed.set()


def deliver(source, count):
    """Let the reader read and keep `count` pictures."""
    assert source.took.acquire(timeout=5)
    for _ in range(count):
        source.allowed.release()
        assert source.took.acquire(timeout=5)
    source.took.release()


def test_only_the_newest_picture_is_kept_and_taken_once():
    source = FakeSource()
    reader = BackgroundReader(lambda: source, paced=False, now_ns=lambda: 42)
    assert reader.take() is None
    deliver(source, 3)
    picture, stamp = reader.take()
    assert (picture[0, 0, 0], stamp) == (3, 42)
    assert reader.take() is None
    source.allowed.release(10)
    reader.close()
    assert source.closed.is_set()


def test_source_is_opened_again_after_a_failure():
    sources = [FakeSource(fails_after=1), FakeSource()]
    opened = iter(sources)
    reader = BackgroundReader(lambda: next(opened), paced=False, reopen_s=0.01)
    sources[0].allowed.release(2)
    assert sources[0].closed.wait(5)
    assert 'unplugged' in reader.problem
    deliver(sources[1], 1)
    assert reader.problem == ''
    assert reader.take() is not None
    sources[1].allowed.release(10)
    reader.close()


def test_raises_error_if_source_cannot_be_opened_at_first():
    def fail():
        raise HardwareError('camera: cannot be opened')

    with pytest.raises(HardwareError, match='cannot be opened'):
        BackgroundReader(fail, paced=False)


def test_a_question_is_answered_in_the_readers_thread():
    source = FakeSource()
    reader = BackgroundReader(lambda: source, paced=False)

    def refuse(asked):
        raise HardwareError('camera: no such control')

    source.allowed.release(10**6)
    assert reader.ask(lambda asked: (asked is source, threading.current_thread().name)) == (
        True, 'camera')
    with pytest.raises(HardwareError, match='no such control'):
        reader.ask(refuse)
    reader.close()
    with pytest.raises(HardwareError, match='no answer'):
        reader.ask(lambda asked: asked, timeout_s=0.01)
