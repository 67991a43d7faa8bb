"""The Cartesian servo on a frictionless arm of joint integrators: no simulator, no robot."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.control import kinematics
from rig_ros.control.kinematics import MAX_VELOCITY, NEUTRAL, TOOL_DOWN, TOOL_LENGTH, Chain
from rig_ros.control.servo import ROBOT_LIMITS, SIMULATION_LIMITS, CartesianServo, ServoLimits
from rig_ros.errors import ConfigError

LOW, HIGH = (0.5, -0.2, 0.05), (0.75, 0.2, 0.3)
PERIOD = 0.01


class Arm:
    """Joints that do exactly as told, with a servo."""

    def __init__(self, limits: ServoLimits = SIMULATION_LIMITS, low: tuple[float, ...] = LOW,
                 high: tuple[float, ...] = HIGH) -> None:
        self.chain = Chain(TOOL_LENGTH)
        self.joints = kinematics.solve_pose(self.chain, (0.6, 0.0, 0.1), posture=NEUTRAL)
        self.servo = CartesianServo(low, high, NEUTRAL, limits)
        self.servo.anchor(self.hand)
        self.fastest = np.zeros(7)

    @property
    def hand(self) -> np.ndarray:
        return self.chain.forward(self.joints)[0]

    def run(self, velocity: tuple[float, ...], seconds: float) -> None:
        self.servo.command(velocity, self.hand)
        for _ in range(round(seconds / PERIOD)):
            hand, rotation = self.chain.forward(self.joints)
            speeds = self.servo.joint_speeds(hand, rotation, self.chain.jacobian(self.joints),
                                             self.joints, PERIOD)
            self.fastest = np.maximum(self.fastest, np.abs(speeds))
            self.joints = self.joints + speeds * PERIOD


def test_moves_as_far_as_commanded() -> None:
    arm = Arm()
    before = arm.hand
    arm.run((0.1, 0.05, 0.05), 1.0)
    np.testing.assert_allclose(arm.hand - before, [0.1, 0.05, 0.05], atol=1e-3)


def test_tool_stays_down_over_the_whole_box() -> None:
    arm = Arm()
    for velocity in ((0.2, 0.2, 0.2), (0, -0.2, 0), (-0.2, 0, -0.2), (0, 0.2, 0)):
        arm.run(velocity, 2.0)
        _, rotation = arm.chain.forward(arm.joints)
        tilt = np.arccos(np.clip(rotation[:, 2] @ TOOL_DOWN[:, 2], -1, 1))
        assert np.degrees(tilt) < 1.0


def test_hand_stays_in_the_box() -> None:
    arm = Arm()
    for velocity in ((0.2, 0.2, 0.2), (-0.3, -0.3, -0.3), (0, 0, -0.3)):
        arm.run(velocity, 3.0)
        assert (arm.hand > np.array(LOW) - 1e-3).all()
        assert (arm.hand < np.array(HIGH) + 1e-3).all()


def test_flat_box_holds_the_height() -> None:
    arm = Arm(low=(0.5, -0.2, 0.1), high=(0.75, 0.2, 0.1))
    arm.run((0.1, 0.1, 0.2), 1.0)
    assert arm.hand[2] == pytest.approx(0.1, abs=1e-3)


def test_joint_speeds_are_scaled_together_to_the_limits() -> None:
    arm = Arm(ServoLimits(joint_fraction=0.05))
    arm.run((0.3, 0.0, 0.0), 0.3)
    ratio = arm.fastest / MAX_VELOCITY
    assert ratio.max() == pytest.approx(0.05)
    # All scaled alike: the hand still goes straight.
    assert abs(arm.hand[1]) < 2e-3


def test_robot_limits_cap_the_hand_at_ten_centimetres_per_second() -> None:
    arm = Arm(ROBOT_LIMITS)
    before = arm.hand
    arm.run((0.0, 0.3, 0.0), 1.0)
    assert np.linalg.norm(arm.hand - before) == pytest.approx(0.1, abs=2e-3)
    assert (arm.fastest <= 0.25 * MAX_VELOCITY + 1e-9).all()


def test_errors_do_not_add_up_over_many_commands() -> None:
    arm = Arm()
    before = arm.hand
    for _ in range(10):
        arm.run((0.1, 0.0, 0.0), 0.1)
        arm.run((-0.1, 0.0, 0.0), 0.1)
    np.testing.assert_allclose(arm.hand, before, atol=2e-3)


def test_pushed_away_hand_is_not_dragged_back() -> None:
    """The reference re-anchors when it leads by more than 3 cm."""
    arm = Arm()
    arm.joints = kinematics.solve_pose(arm.chain, (0.7, 0.1, 0.2), posture=NEUTRAL)
    arm.run((0.0, 0.0, 0.0), 1.0)
    np.testing.assert_allclose(arm.hand, [0.7, 0.1, 0.2], atol=1e-3)


def test_stop_follows_a_hand_that_runs_on_and_then_holds() -> None:
    arm = Arm()
    arm.run((0.2, 0.0, 0.0), 0.2)
    arm.servo.command((0.0, 0.0, 0.0), arm.hand)
    arm.joints = kinematics.solve_pose(arm.chain, arm.hand + [0.005, 0.0, 0.0], arm.joints,
                                       NEUTRAL)
    ran_on = arm.hand
    arm.run((0.0, 0.0, 0.0), 1.0)
    np.testing.assert_allclose(arm.hand, ran_on, atol=2e-4)


def test_elbow_returns_to_its_posture_without_moving_the_hand() -> None:
    arm = Arm()
    settled, hand = arm.joints.copy(), arm.hand
    _, _, rows = np.linalg.svd(arm.chain.jacobian(settled))
    swung = settled + 0.15 * rows[6]
    arm.joints = kinematics.solve_pose(arm.chain, hand, swung, swung)
    assert np.abs(arm.joints - settled).max() > 0.05
    arm.run((0.0, 0.0, 0.0), 3.0)
    np.testing.assert_allclose(arm.joints, settled, atol=0.01)
    np.testing.assert_allclose(arm.hand, hand, atol=1e-3)


def test_restored_servo_goes_on_the_same() -> None:
    arm = Arm()
    arm.run((0.1, 0.1, 0.0), 0.1)
    joints, state = arm.joints.copy(), arm.servo.state()
    arm.run((0.0, 0.1, 0.1), 0.2)
    first = arm.joints.copy()
    arm.joints = joints
    arm.servo.restore(state)
    arm.run((0.0, 0.1, 0.1), 0.2)
    np.testing.assert_array_equal(arm.joints, first)


@pytest.mark.parametrize('velocity', [(np.nan, 0, 0), (0, 0), (np.inf, 0, 0)])
def test_bad_velocity_is_refused_and_changes_nothing(velocity: tuple[float, ...]) -> None:
    arm = Arm()
    before = arm.servo.state()
    with pytest.raises(ConfigError, match='velocity'):
        arm.servo.command(velocity, arm.hand)
    np.testing.assert_array_equal(arm.servo.state().velocity, before.velocity)


@pytest.mark.parametrize('settings', [{'cartesian_speed': 0.5}, {'cartesian_speed': 0.0},
                                      {'joint_fraction': 1.5}])
def test_limits_beyond_the_hard_caps_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match='allowed'):
        ServoLimits(**settings)
