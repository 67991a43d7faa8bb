"""The simulated arm: the right robot, the right motion, the right stops. No pictures."""

from __future__ import annotations

import numpy as np
import pytest

mujoco = pytest.importorskip('mujoco')

from rig_ros.control import kinematics
from rig_ros.control import task as tasks
from rig_ros.control.kinematics import TOOL_DOWN, TOOL_LENGTH, Chain
from rig_ros.errors import ConfigError, SafetyViolation
from rig_ros.simulation.layout import Layout
from rig_ros.simulation.scene import build_model
from rig_ros.simulation.world import COMMAND_TIMEOUT_S, SawyerWorld

MASSES = {'base': 2.0687, 'right_l0': 5.3213, 'right_l1': 4.505, 'right_l2': 1.745,
          'right_l3': 2.5097, 'right_l4': 1.1136, 'right_l5': 1.5625, 'right_l6': 0.3292,
          'head': 1.5795}


@pytest.fixture(scope='module')
def reach() -> SawyerWorld:
    return SawyerWorld(tasks.load('reach_xy'))


@pytest.fixture
def world(reach: SawyerWorld) -> SawyerWorld:
    reach.reset()
    return reach


@pytest.fixture(scope='module')
def push() -> SawyerWorld:
    return SawyerWorld(tasks.load('push'))


def speed(world: SawyerWorld, seconds: float = 0.01) -> float:
    before = world.hand_position
    world.advance(seconds)
    return float(np.linalg.norm(world.hand_position - before) / seconds)


def test_model_agrees_with_the_chain_on_random_poses() -> None:
    model = build_model(tasks.load('reach_xy'))
    state = mujoco.MjData(model)
    hand, flange = Chain(TOOL_LENGTH), Chain()
    rng = np.random.default_rng(1)
    jacobian = np.zeros((6, model.nv))
    for _ in range(200):
        joints = rng.uniform(kinematics.LOWER, kinematics.UPPER)
        state.qpos[:7] = joints
        mujoco.mj_forward(model, state)
        for chain, name in ((flange, 'right_hand'), (hand, 'hand')):
            position, rotation = chain.forward(joints)
            site = state.site(name)
            np.testing.assert_allclose(site.xpos, position, atol=1e-7)
            np.testing.assert_allclose(site.xmat.reshape(3, 3), rotation, atol=1e-7)
            mujoco.mj_jacSite(model, state, jacobian[:3], jacobian[3:], model.site(name).id)
            np.testing.assert_allclose(jacobian[:, :7], chain.jacobian(joints), atol=1e-7)


def test_model_has_the_urdf_s_limits_and_masses() -> None:
    model = build_model(tasks.load('reach_xy'))
    assert [model.joint(i).name for i in range(7)] == list(kinematics.JOINT_NAMES)
    np.testing.assert_allclose(model.jnt_range[:7, 0], kinematics.LOWER)
    np.testing.assert_allclose(model.jnt_range[:7, 1], kinematics.UPPER)
    np.testing.assert_allclose(model.actuator_forcerange[:, 1], kinematics.MAX_EFFORT)
    np.testing.assert_allclose(model.actuator_ctrlrange[:, 1], kinematics.MAX_VELOCITY)
    for body, mass in MASSES.items():
        assert model.body(body).mass[0] == pytest.approx(mass, abs=1e-4), body


def test_reset_puts_the_hand_where_the_task_says(world: SawyerWorld) -> None:
    world.set_velocity((0.2, 0.2, 0.0))
    world.advance(0.2)
    world.reset()
    np.testing.assert_allclose(world.hand_position, world.task.reset_hand, atol=1e-4)
    np.testing.assert_allclose(world.hand_rotation, TOOL_DOWN, atol=1e-3)
    assert world.time == 0.0
    assert not world.joint_velocities.any()


def test_arm_holds_still_without_commands(world: SawyerWorld) -> None:
    world.advance(5.0)
    np.testing.assert_allclose(world.hand_position, world.task.reset_hand, atol=5e-4)


@pytest.mark.parametrize('name', ['reach_xy', 'reach_xyz'])
def test_full_action_really_moves_two_centimetres(name: str) -> None:
    """Error at the end of each step, against the displacement asked for."""
    world = SawyerWorld(tasks.load(name))
    rng = np.random.default_rng(3)
    low, high = np.array(world.task.workspace_low), np.array(world.task.workspace_high)
    errors, target = [], np.array(world.task.reset_hand)
    for step in range(200):
        if step % 5 == 0:
            velocity = rng.uniform(-0.2, 0.2, 3)
            velocity[[i for i in range(3) if i not in world.task.axis_indices]] = 0.0
        goal = np.clip(target + velocity * 0.1, low, high)
        asked = float(np.linalg.norm(goal - target))
        target = goal
        world.set_velocity(velocity)
        world.advance(0.1)
        if asked > 0.005:
            errors.append(np.linalg.norm(world.hand_position - target) / asked)
    assert len(errors) > 50
    assert np.mean(errors) < 0.15
    assert np.max(errors) < 0.40


def test_height_and_tilt_are_held_while_moving(world: SawyerWorld) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        world.set_velocity(rng.uniform(-0.2, 0.2, 3))
        world.advance(0.1)
        assert abs(world.hand_position[2] - 0.055) < 2e-3
        tilt = np.arccos(np.clip(world.hand_rotation[:, 2] @ TOOL_DOWN[:, 2], -1, 1))
        assert np.degrees(tilt) < 0.8


def test_hand_stops_at_the_edge_of_the_workspace(world: SawyerWorld) -> None:
    for direction in ((0.2, 0.2), (-0.2, -0.2)):
        for _ in range(30):
            world.set_velocity((*direction, 0.0))
            world.advance(0.1)
            assert (world.hand_position > np.array(world.task.workspace_low) - 3e-3).all()
            assert (world.hand_position < np.array(world.task.workspace_high) + 3e-3).all()


@pytest.mark.parametrize('direction', [(0.2, 0, 0), (0, 0.2, 0), (0.2, 0.2, 0)])
def test_zero_velocity_stops_within_a_tenth_of_a_second(
        world: SawyerWorld, direction: tuple[float, ...]) -> None:
    for _ in range(6):
        world.set_velocity(direction)
        world.advance(0.1)
    assert speed(world) > 0.15
    world.set_velocity((0, 0, 0))
    world.advance(0.1)
    assert max(speed(world) for _ in range(50)) < 5e-3


def test_silence_stops_the_arm_after_the_time_out(world: SawyerWorld) -> None:
    for _ in range(5):
        world.set_velocity((0.0, 0.2, 0.0))
        world.advance(0.1)
    world.advance(COMMAND_TIMEOUT_S - 0.1 - 0.02)
    assert speed(world) > 0.15
    world.advance(0.1)
    assert max(speed(world) for _ in range(50)) < 5e-3


def test_velocity_is_capped(world: SawyerWorld) -> None:
    world.set_velocity((0.0, 5.0, 0.0))
    world.advance(0.15)
    assert speed(world) < 0.31


@pytest.mark.parametrize('velocity', [(np.nan, 0, 0), (0, 0), (0, 0, np.inf)])
def test_bad_velocity_is_refused_and_nothing_moves(
        world: SawyerWorld, velocity: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match='velocity'):
        world.set_velocity(velocity)
    assert speed(world, 0.2) < 1e-3


def test_odd_periods_add_up(world: SawyerWorld) -> None:
    for _ in range(30):
        world.advance(1 / 30)
    assert world.time == pytest.approx(1.0, abs=0.0051)
    world.advance(0.0)
    assert world.time == pytest.approx(1.0, abs=0.0051)


def test_restored_world_goes_on_exactly(push: SawyerWorld) -> None:
    push.reset()
    push.set_velocity((0.2, 0.05, 0))
    push.advance(0.31)
    saved = push.state()

    def go_on() -> np.ndarray:
        for velocity in ((0.2, 0, 0), (0, 0.1, 0), (0, 0, 0)):
            push.set_velocity(velocity)
            push.advance(0.1)
        return np.concatenate([push.joint_positions, push.ground_truth()['puck0']])

    first = go_on()
    push.place((0.6, -0.1, 0.02), Layout(((0.7, 0.1),)))
    push.restore(saved)
    np.testing.assert_array_equal(go_on(), first)


@pytest.mark.parametrize('name', ['push', 'push_nips', 'push_multi'])
def test_nothing_touches_at_the_start(name: str) -> None:
    """In push the tool once started 8 mm inside the puck and shoved it away."""
    world = SawyerWorld(tasks.load(name))
    before = world.ground_truth()
    world.advance(0.5)
    for name, place in world.ground_truth().items():
        np.testing.assert_allclose(place, before[name], atol=5e-4)


def test_hand_pushes_the_puck_and_it_stays_on_the_table(push: SawyerWorld) -> None:
    push.reset()
    start = push.ground_truth()['puck0']
    assert start[:2] == pytest.approx((0.609, 0.0))
    for _ in range(5):
        push.set_velocity((0.2, 0, 0))
        push.advance(0.1)
    moved = push.ground_truth()['puck0']
    assert moved[0] - start[0] > 0.06
    assert abs(moved[1]) < 0.01
    assert moved[2] == pytest.approx(0.015, abs=1e-3)
    # Puck and tool touch and do not go through each other.
    assert moved[0] - push.hand_position[0] > 0.04 + 0.018 - 2e-3


def test_a_pushed_puck_pushes_the_next_and_none_goes_through_another() -> None:
    world = SawyerWorld(tasks.load('push_multi'))
    world.reset(Layout(((0.58, 0.0), (0.67, 0.005), None)))
    for _ in range(10):
        world.set_velocity((0.2, 0, 0))
        world.advance(0.1)
    truth = world.ground_truth()
    assert set(truth) == {'hand', 'puck0', 'puck1'}
    assert truth['puck1'][0] > 0.75
    assert np.linalg.norm(np.subtract(truth['puck0'], truth['puck1'])) > 0.08 - 2e-3
    assert all(truth[name][2] == pytest.approx(0.015, abs=1e-3) for name in ('puck0', 'puck1'))


def test_placing_refuses_the_wrong_number_of_pucks(push: SawyerWorld) -> None:
    with pytest.raises(ConfigError, match='pucks'):
        push.place((0.6, 0.0, 0.02))


def test_placing_out_of_reach_is_refused_and_changes_nothing(push: SawyerWorld) -> None:
    push.reset()
    before = push.ground_truth()
    with pytest.raises(SafetyViolation):
        push.place((1.4, 0.0, 0.02), Layout(((0.6, 0.1),)))
    assert push.ground_truth() == before


def test_state_of_all_joints_is_reported(world: SawyerWorld) -> None:
    world.set_velocity((0.1, 0.1, 0.0))
    world.advance(0.1)
    for values in (world.joint_positions, world.joint_velocities, world.joint_efforts):
        assert values.shape == (7,)
    assert (np.abs(world.joint_efforts) <= kinematics.MAX_EFFORT).all()
    assert np.abs(world.joint_velocities).max() > 0.01
