"""Ages and losses of pictures whose fate is known."""

from __future__ import annotations

import pytest

from rig_ros.errors import DataError
from rig_ros.evaluation.latency import measure

PERIOD = 33_000_000


def test_ages_are_between_stamp_and_command() -> None:
    pictures = [PERIOD * i for i in range(1, 101)]
    latency = measure(pictures, {s: s + 4_000_000 for s in pictures}, PERIOD)
    assert (latency.frames, latency.lost) == (100, 0)
    assert latency.p50_ms == pytest.approx(4.0)


def test_unanswered_and_missing_pictures_are_lost() -> None:
    pictures = [PERIOD * i for i in range(1, 101) if i != 50]
    answers = {s: s + 1 for s in pictures if s != PERIOD * 70}
    assert measure(pictures, answers, PERIOD).lost == 2


def test_pictures_outside_the_episode_do_not_count() -> None:
    pictures = [PERIOD * i for i in range(1, 101)]
    answers = {s: s + 1 for s in pictures[10:20]}
    latency = measure(pictures, answers, PERIOD)
    assert (latency.frames, latency.lost) == (10, 0)


def test_raises_error_when_nothing_was_answered() -> None:
    with pytest.raises(DataError, match='episode'):
        measure([1, 2, 3], {}, PERIOD)
