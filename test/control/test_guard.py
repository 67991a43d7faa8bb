"""The guard: what is refused, what is reduced, what stays latched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_ros.control import task as tasks
from rig_ros.control.guard import Guard, GuardLimits, Request
from rig_ros.errors import ConfigError

LOW, HIGH = (0.4, -0.2, 0.05), (0.8, 0.2, 0.45)
MIDDLE = np.array((0.6, 0.0, 0.25))
NOW = 1000.0


def make_guard(hand: np.ndarray = MIDDLE, **limits: float) -> Guard:
    """Return a guard in an episode that has just seen the hand."""
    guard = Guard(GuardLimits(LOW, HIGH, **limits))
    guard.start_episode(50, NOW)
    guard.see_hand(hand, NOW, NOW)
    return guard


def ask(guard: Guard, velocity: object = (0.1, 0.0, 0.0), frame: str = 'base',
        age_s: float = 0.0) -> tuple[np.ndarray, str | None]:
    verdict = guard.check(Request(np.array(velocity, dtype=float), frame, NOW - age_s), NOW, NOW)
    return verdict.velocity, verdict.reason


def test_forwards_a_good_command_unchanged() -> None:
    velocity, reason = ask(make_guard(), (0.1, -0.05, 0.02))
    assert reason is None
    np.testing.assert_array_equal(velocity, (0.1, -0.05, 0.02))


@pytest.mark.parametrize('velocity', [(np.nan, 0, 0), (0, np.inf, 0), (0, 0, -np.inf), (0.1, 0.1)])
def test_refuses_what_is_not_three_finite_numbers(velocity: tuple[float, ...]) -> None:
    sent, reason = ask(make_guard(), velocity)
    assert 'velocity: got' in str(reason)
    np.testing.assert_array_equal(sent, np.zeros(3))


@pytest.mark.parametrize(('age_s', 'allowed'), [(0.149, True), (0.151, False), (-0.149, True),
                                                (-0.2, False)])
def test_refuses_stale_and_future_commands(age_s: float, allowed: bool) -> None:
    sent, reason = ask(make_guard(), age_s=age_s)
    assert (reason is None) == allowed
    assert bool(sent.any()) == allowed


def test_refuses_another_frame() -> None:
    assert "got 'right_hand', allowed: 'base'" in str(ask(make_guard(), frame='right_hand')[1])


def test_refuses_without_a_hand_pose() -> None:
    guard = Guard(GuardLimits(LOW, HIGH))
    guard.start_episode(50, NOW)
    assert 'hand pose: none' in str(ask(guard)[1])
    guard.see_hand(np.array((0.6, np.nan, 0.2)), NOW, NOW)
    assert 'hand pose: none' in str(ask(guard)[1])


@pytest.mark.parametrize(('stamp_age', 'arrival_age'), [(0.21, 0.0), (0.0, 0.21)])
def test_refuses_a_stale_hand_pose_on_either_clock(stamp_age: float, arrival_age: float) -> None:
    guard = make_guard()
    guard.see_hand(MIDDLE, NOW - stamp_age, NOW - arrival_age)
    assert 'hand pose age: got 210 ms, allowed: 200 ms' in str(ask(guard)[1])


def test_scales_speed_and_keeps_the_direction() -> None:
    velocity, reason = ask(make_guard(max_speed=0.2), (0.3, 0.4, 0.0))
    assert reason is None
    np.testing.assert_allclose(velocity, (0.12, 0.16, 0.0))


@given(hand=st.tuples(*(st.floats(a, b) for a, b in zip(LOW, HIGH))),
       velocity=st.tuples(*[st.floats(-2, 2)] * 3))
def test_stopping_distance_stays_inside_the_box(hand: tuple[float, ...],
                                                velocity: tuple[float, ...]) -> None:
    guard = make_guard(np.array(hand))
    sent, _ = ask(guard, velocity)
    limits = guard.limits
    stop = np.abs(sent) * limits.latency_s + sent**2 / (2 * limits.acceleration)
    end = np.array(hand) + np.sign(sent) * stop
    assert (end >= np.array(LOW) - 1e-9).all()
    assert (end <= np.array(HIGH) + 1e-9).all()
    assert np.linalg.norm(sent) <= limits.max_speed + 1e-9
    assert (sent * np.array(velocity) >= 0).all()


def test_the_hand_may_leave_a_wall_and_a_little_outside_only_inwards() -> None:
    outside = np.array((0.39, 0.0, 0.25))
    np.testing.assert_array_equal(ask(make_guard(outside), (-0.1, 0.1, 0.0))[0], (0, 0.1, 0))
    np.testing.assert_array_equal(ask(make_guard(outside), (0.1, 0.1, 0.0))[0], (0.1, 0.1, 0))


def test_refuses_to_move_a_hand_far_outside() -> None:
    sent, reason = ask(make_guard(np.array((0.3, 0.0, 0.25))), (0.1, 0.0, 0.0))
    assert '0.100 m outside the workspace' in str(reason)
    assert not sent.any()


@pytest.mark.parametrize('height', [0.05, 0.055, 0.06])
def test_a_planar_task_tolerates_height_errors_and_drives_none(height: float) -> None:
    guard = Guard(GuardLimits.of_task(tasks.load('reach_xy')))
    guard.start_episode(50, NOW)
    guard.see_hand(np.array((0.65, 0.0, height)), NOW, NOW)
    sent, reason = ask(guard, (0.1, 0.1, 0.1))
    assert reason is None
    np.testing.assert_array_equal(sent, (0.1, 0.1, 0.0))


def test_a_task_lowers_the_speed_limit_to_what_its_actions_can_ask() -> None:
    limits = GuardLimits.of_task(tasks.load('reach_xy'))
    assert limits.max_speed == pytest.approx(0.2 * 2**0.5, rel=2e-3)
    assert GuardLimits.of_task(tasks.load('reach_xy'), max_speed=0.1).max_speed == 0.1


@pytest.mark.parametrize('speed', [0.0, 0.31, -1.0])
def test_no_configuration_exceeds_the_hard_limit(speed: float) -> None:
    with pytest.raises(ConfigError, match=r'max_speed: got .*, allowed: above 0, up to 0.3'):
        GuardLimits(LOW, HIGH, max_speed=speed)


def test_nothing_moves_before_an_episode_after_its_end_or_long_past_its_horizon() -> None:
    guard = Guard(GuardLimits(LOW, HIGH))
    guard.see_hand(MIDDLE, NOW, NOW)
    assert 'no episode was started since this guard started' in str(ask(guard)[1])
    guard.start_episode(10, NOW)
    answers = [ask(guard)[1] for _ in range(18)]
    assert answers[:17] == [None] * 17
    assert 'longer than its horizon' in str(answers[17])
    guard.start_episode(10, NOW)
    assert ask(guard)[1] is None
    guard.end_episode('abort')
    assert 'last event: abort' in str(ask(guard)[1])
    assert guard.at_rest


def test_estop_is_latched_and_clearing_it_resumes_nothing() -> None:
    guard = make_guard()
    guard.trip('by service')
    assert 'e-stop is tripped (by service)' in str(ask(guard)[1])
    guard.start_episode(50, NOW)
    assert 'e-stop is tripped' in str(ask(guard)[1])
    guard.trip('by service')
    guard.clear()
    assert 'call estop/clear, then episode/start' in str(ask(guard)[1])
    guard.end_episode('abort')  # the episode node's answer must not hide why
    assert 'e-stop was tripped' in str(ask(guard)[1])
    guard.start_episode(50, NOW)
    assert ask(guard)[1] is None


def test_a_lost_node_stops_motion_and_its_return_resumes_nothing() -> None:
    guard = make_guard()
    guard.lose('policy')
    assert "required nodes: ['policy'] gone" in str(ask(guard)[1])
    guard.regain('policy')
    assert 'node policy was gone' in str(ask(guard)[1])
    guard.start_episode(50, NOW)
    assert ask(guard)[1] is None


def test_silence_is_counted_from_the_last_valid_command() -> None:
    guard = Guard(GuardLimits(LOW, HIGH))
    assert guard.silent(NOW)
    guard = make_guard()
    assert not guard.silent(NOW + 0.199)  # since the start of the episode
    assert guard.silent(NOW + 0.201)
    ask(guard)
    assert not guard.silent(NOW + 0.199)
    assert guard.silent(NOW + 0.201)
    ask(guard, (np.nan, 0, 0))
    assert guard.silent(NOW + 0.201)


def test_a_clock_that_jumps_back_counts_as_silence() -> None:
    guard = make_guard()
    ask(guard)
    assert guard.silent(NOW - 100.0)
