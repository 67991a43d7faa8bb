"""Commands found again by their size: delays as they were, losses counted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rig_ros.arm_side.settings import Settings
from rig_ros.arm_side.side import SOONEST_S
from rig_ros.errors import DataError
from rig_ros.evaluation.command_path import LEVELS, STEP, delays

SENT = np.arange(200) * 0.01
SIZES = list(itertools.islice(itertools.cycle(LEVELS), 200))


def heard(late: np.ndarray, dropped: tuple[int, ...] = ()) -> tuple[list[float], list[float]]:
    """What a robot hears: each command, late and a little off, and repeats between them."""
    rows = [(at + wait, size + 0.2 * STEP) for at, size, wait in zip(SENT, SIZES, late)]
    kept = sorted(row for number, row in enumerate(rows) if number not in dropped)
    kept += [(at + 0.004, size - 0.2 * STEP) for at, size in kept]
    kept.sort()
    return [at for at, _ in kept], [size for _, size in kept]


def test_delays_are_found_although_joint_commands_carry_no_number():
    late = np.random.default_rng(0).uniform(0.001, 0.009, 200)
    found, lost = delays(SENT.tolist(), SIZES, *heard(late))
    np.testing.assert_allclose(found, late, atol=1e-9)
    assert lost == 0


def test_a_command_that_never_comes_is_lost():
    found, lost = delays(SENT.tolist(), SIZES, *heard(np.full(200, 0.002), (50, 51, 120)))
    assert lost == 3
    assert len(found) == 197


def test_neighbours_differ_by_what_the_servo_can_change_at_once():
    steps = np.abs(np.diff([*LEVELS, LEVELS[0]]))
    assert steps.max() <= Settings().acceleration * SOONEST_S + 1e-12
    assert min(abs(a - b) for a, b in itertools.combinations(LEVELS, 2)) == pytest.approx(STEP)
    assert sum(LEVELS) == pytest.approx(0)


def test_nothing_heard_is_an_error():
    with pytest.raises(DataError, match='does the arm move'):
        delays([0.0], [0.02], [], [])
