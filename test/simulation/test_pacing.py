"""Clocks of the simulation: lockstep and real time."""

import pytest

from rig_ros.errors import ConfigError
from rig_ros.simulation.pacing import Lockstep, RealTime

START = 1_700_000_000_000_000_000


def test_lockstep_answers_only_the_last_picture():
    clock = Lockstep(0.1, 0.5, START)
    first = clock.step(0.0)
    assert first == START + 100_000_000
    assert clock.is_answer(first)
    second = clock.step(0.01)
    assert not clock.is_answer(first)
    assert clock.is_answer(second)
    assert second - first == 100_000_000


def test_lockstep_goes_on_after_idle_time():
    clock = Lockstep(0.1, 0.5, START)
    clock.step(10.0)
    assert not clock.is_idle(10.49)
    assert clock.is_idle(10.5)
    clock.step(10.5)
    assert not clock.is_idle(10.9)


def test_lockstep_starts_by_itself():
    assert Lockstep(0.1, 0.5, START).is_idle(0.0)


@pytest.mark.parametrize(('picture_hz', 'ticks'), [(10, 5), (30, 2), (60, 1), (20, 2)])
def test_real_time_pictures_are_evenly_spaced(picture_hz, ticks):
    clock = RealTime(picture_hz, 50.0, 0.2)
    assert clock.period_s == pytest.approx(1 / (picture_hz * ticks))
    due = [clock.tick(i * clock.period_s).picture for i in range(1, 4 * ticks + 1)]
    assert [i + 1 for i, d in enumerate(due) if d] == [ticks, 2 * ticks, 3 * ticks, 4 * ticks]


def test_real_time_catches_up_with_late_ticks():
    clock = RealTime(10.0, 50.0, 0.2)
    clock.tick(1.0)
    assert clock.tick(1.05).advance_s == pytest.approx(0.05)
    assert clock.tick(1.06).advance_s == pytest.approx(0.01)


def test_real_time_does_not_replay_a_stall():
    clock = RealTime(10.0, 50.0, 0.2)
    clock.tick(1.0)
    tick = clock.tick(6.0)
    assert tick.stalled
    assert tick.advance_s == clock.period_s


@pytest.mark.parametrize('values', [(0, 50, 0.2), (10, 0, 0.2)])
def test_raises_error_if_a_rate_is_zero(values):
    with pytest.raises(ConfigError):
        RealTime(*values)
