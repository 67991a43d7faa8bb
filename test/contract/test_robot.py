"""What any arm must do, on the simulated one and on the driver over the fake robot.

Same commands, same motion within tolerance; same refusals, stopping times and reset. A `Rig`
(test/support/rigs.py) gives the arm, lets its time pass and tells where it was when, by its own
clock: a busy machine that runs the test late changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip('mujoco')

from rigs import TASK, FakeSawyerRig, Rig, SimulatedRig, Starved

from rig_ros.errors import HardwareError, SafetyViolation

FORWARD, LEFT = np.array([0.08, 0.0, 0.0]), np.array([0.0, 0.08, 0.0])
SAME_PLACE = 0.006
"""How far two arms may be apart after the same commands [m]."""
BOX_TOLERANCE = 0.002
TIMEOUT_S = 0.2
BRAKE_S = 0.15
ATTEMPTS = 3
KINDS = {'sim': SimulatedRig, 'sawyer': FakeSawyerRig}


@pytest.fixture(scope='module', params=sorted(KINDS))
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with KINDS[request.param](tmp_path_factory.mktemp('rig')) as made:
        yield made


def drive(rig: Rig, velocities: list[np.ndarray], period_s: float = 0.1) -> np.ndarray:
    """Send one velocity per period, as a policy does; return the displacement asked for [m].

    A machine that runs the test late makes the periods longer, and with them the displacement.
    """
    asked = np.zeros(3)
    for velocity in velocities:
        rig.robot.send_twist(velocity)
        began = rig.now()
        rig.pass_time(period_s)
        asked += velocity * (rig.now() - began)
    return asked


def unstarved(rig: Rig, attempt: object) -> None:
    """Run an attempt from a reset; again where the machine gave the arm no processor time."""
    for left in reversed(range(ATTEMPTS)):
        try:
            rig.prepare()
            attempt()  # type: ignore[operator]
            return
        except Starved:
            if not left:
                pytest.skip('the machine starved the arm three times')


def test_state_is_complete(rig: Rig) -> None:
    rig.prepare()
    state = rig.robot.state()
    assert state.hand_position.shape == (3,)
    np.testing.assert_allclose(state.hand_rotation @ [0, 0, 1], [0, 0, -1], atol=0.03)
    assert {a.shape for a in (state.joint_positions, state.joint_velocities,
                              state.joint_efforts)} == {(7,)}


def test_reset_brings_the_hand_to_the_tasks_place_at_rest(rig: Rig) -> None:
    def attempt() -> None:
        drive(rig, [FORWARD] * 5)
        try:
            rig.robot.reset()
        except HardwareError as error:  # of a fault that only a busy machine gives
            raise Starved(str(error)) from error
        rig.pass_time(0.3)
        np.testing.assert_allclose(rig.robot.state().hand_position, TASK.reset_hand, atol=3e-3)
        assert np.abs(rig.robot.state().joint_velocities).max() < 0.02
    unstarved(rig, attempt)


@pytest.mark.parametrize('path', ['line', 'corner', 'slow'])
def test_same_commands_give_the_motion_they_ask_for(rig: Rig, path: str) -> None:
    steps = {'line': [FORWARD] * 10,
             'corner': [FORWARD] * 9 + [LEFT] * 5 + [-FORWARD] * 4 + [-LEFT] * 4,
             'slow': [0.25 * (FORWARD + LEFT)] * 10}[path]

    def attempt() -> None:
        begin = rig.robot.state().hand_position
        asked = drive(rig, [*steps, np.zeros(3)])
        rig.pass_time(0.4)
        moved = rig.robot.state().hand_position - begin
        np.testing.assert_allclose(moved, asked, atol=SAME_PLACE)
    unstarved(rig, attempt)


def test_what_is_executed_is_told_with_the_direction_kept(rig: Rig) -> None:
    rig.prepare()
    asked = np.array([0.6, 0.8, 0.0])
    executed = rig.robot.send_twist(asked)
    rig.robot.stop()
    speed = float(np.linalg.norm(executed))
    assert speed == pytest.approx(rig.speed_limit)
    np.testing.assert_allclose(executed / speed, asked)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_not_finite_is_refused_and_stops(rig: Rig, value: float) -> None:
    def attempt() -> None:
        drive(rig, [FORWARD] * 5)
        with pytest.raises(SafetyViolation, match='the arm was stopped'):
            rig.robot.send_twist(np.array([value, 0.0, 0.0]))
        assert rig.still_after(rig.now()) < BRAKE_S
    unstarved(rig, attempt)


def test_the_hand_stays_in_the_box_and_slides_along_its_wall(rig: Rig) -> None:
    def attempt() -> None:
        since = rig.now()
        drive(rig, [np.array([-0.08, 0.04, 0.05])] * 15)  # from the wall at the reset position
        _, path = rig.path(since)
        low, high = np.array(TASK.workspace_low), np.array(TASK.workspace_high)
        assert (path >= low - BOX_TOLERANCE - 1e-3 * (low == high)).all(), path.min(axis=0)
        assert (path <= high + BOX_TOLERANCE + 1e-3 * (low == high)).all(), path.max(axis=0)
        assert path[-1][1] - path[0][1] > 0.03, 'the other axis goes on'
    unstarved(rig, attempt)


def test_the_arm_stops_by_itself_when_commands_stop(rig: Rig) -> None:
    def attempt() -> None:
        drive(rig, [FORWARD] * 5)
        rig.robot.send_twist(FORWARD)
        assert 0.05 < rig.still_after(rig.now()) < TIMEOUT_S + BRAKE_S
    unstarved(rig, attempt)


def test_stop_stops_at_once(rig: Rig) -> None:
    def attempt() -> None:
        drive(rig, [FORWARD] * 5)
        rig.robot.stop()
        assert rig.still_after(rig.now()) < BRAKE_S
    unstarved(rig, attempt)


def test_commands_after_a_stop_move_it_again(rig: Rig) -> None:
    def attempt() -> None:
        drive(rig, [FORWARD] * 3)
        rig.robot.stop()
        rig.pass_time(0.5)
        begin = rig.robot.state().hand_position
        drive(rig, [FORWARD] * 5)
        assert rig.robot.state().hand_position[0] - begin[0] > 0.02
    unstarved(rig, attempt)
