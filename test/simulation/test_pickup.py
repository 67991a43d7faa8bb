"""The gripper picks the block up, holds it, lets it go; goals hold it or leave it on the table."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip('mujoco')

from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError
from rig_ros.simulation.environment import SawyerEnv
from rig_ros.simulation.layout import Layout
from rig_ros.simulation.props import GRASP_BELOW
from rig_ros.simulation.world import SawyerWorld

TASK = tasks.load('pickup')


@pytest.fixture
def env() -> SawyerEnv:
    return SawyerEnv(TASK)


def go(env: SawyerEnv, x: float, z: float, grip: float, steps: int) -> None:
    for _ in range(steps):
        hand = env.world.hand_position
        env.act([(x - hand[0]) / TASK.action_scale, (z - hand[2]) / TASK.action_scale, grip])


def block(env: SawyerEnv) -> np.ndarray:
    return np.array(env.world.ground_truth()['object'])


def test_block_is_picked_up_carried_and_put_down(env: SawyerEnv) -> None:
    go(env, 0.60, 0.05, -1, 6)
    np.testing.assert_allclose(block(env), (0.60, 0.0, 0.015), atol=1e-3)
    go(env, 0.60, 0.05, 1, 3)
    go(env, 0.60, 0.13, 1, 5)
    assert block(env)[2] > 0.09
    go(env, 0.56, 0.12, 1, 5)
    np.testing.assert_allclose(block(env)[[0, 2]], (0.56, 0.12 - GRASP_BELOW), atol=8e-3)
    held = block(env) - env.world.hand_position
    for _ in range(50):
        env.act([0, 0, 1])
    np.testing.assert_allclose(block(env) - env.world.hand_position, held, atol=2e-3)
    go(env, 0.60, 0.05, 1, 6)
    go(env, 0.60, 0.05, -1, 3)
    go(env, 0.60, 0.13, -1, 5)
    np.testing.assert_allclose(block(env), (0.60, 0.0, 0.015), atol=8e-3)


def test_a_block_that_is_pushed_stays_in_reach(env: SawyerEnv) -> None:
    assert TASK.block is not None
    for edge, way in ((TASK.block.goal_low[0], -1), (TASK.block.goal_high[0], 1)):
        env.begin()
        go(env, 0.60 - 0.05 * way, 0.10, 1, 10)
        go(env, 0.60 - 0.05 * way, 0.05, 1, 5)
        go(env, 0.60 + 0.05 * way, 0.05, 1, 10)
        assert abs(block(env)[0] - edge) < 8e-3
        assert block(env)[1] == 0.0
        go(env, 0.60, 0.13, -1, 10)
        go(env, edge, 0.13, -1, 10)
        go(env, edge, 0.05, -1, 6)
        go(env, edge, 0.05, 1, 3)
        go(env, edge, 0.13, 1, 6)
        assert block(env)[2] > 0.09


def test_an_open_gripper_lifts_nothing(env: SawyerEnv) -> None:
    go(env, 0.60, 0.05, -1, 6)
    go(env, 0.60, 0.13, -1, 6)
    np.testing.assert_allclose(block(env), (0.60, 0.0, 0.015), atol=1e-3)


def test_what_is_placed_in_the_gripper_stays_there(env: SawyerEnv) -> None:
    env.world.place((0.62, 0.0, 0.10), Layout(closed=True))
    before = block(env)
    np.testing.assert_allclose(before, (0.62, 0.0, 0.10 - GRASP_BELOW), atol=1e-4)
    for _ in range(20):
        env.act([0, 0, 1])
    np.testing.assert_allclose(block(env), before, atol=2e-3)


def test_three_of_four_goals_hold_the_block_and_none_is_in_the_way(env: SawyerEnv) -> None:
    rng = np.random.default_rng(0)
    layouts = []
    for _ in range(200):
        hand, layout = env.draw_goal(Layout(block=(0.6, 0.0)), rng)
        truth = env.truth_of(hand, layout)
        if layout.block is None:
            np.testing.assert_allclose(np.subtract(truth['hand'], truth['object']),
                                       (0, 0, GRASP_BELOW), atol=1e-4)
        else:
            assert truth['object'] == pytest.approx((*layout.block, 0.015))
            env.world.place(hand, layout)
            assert env.world.hand_is_clear()
        layouts.append(layout)
    assert np.mean([layout.block is None for layout in layouts]) == pytest.approx(0.75, abs=0.1)
    assert {layout.closed for layout in layouts if layout.block} == {True, False}


def test_layouts_that_cannot_be_are_refused(env: SawyerEnv) -> None:
    with pytest.raises(ConfigError, match='block'):
        env.world.place((0.6, 0.0, 0.1), Layout())


def test_actions_have_a_component_for_the_gripper(env: SawyerEnv) -> None:
    assert TASK.action_dim == 3
    with pytest.raises(ConfigError, match='3 finite numbers .axes x, z, grip'):
        env.act([0.0, 0.0])
    env.act([0.0, 0.0, 7.0])  # clipped
    with pytest.raises(ConfigError, match='grip'):
        env.world.set_grip(7.0)
    with pytest.raises(ConfigError, match='push has none'):
        SawyerWorld(tasks.load('push')).set_grip(1.0)


def test_restored_world_goes_on_exactly_with_a_block_in_hand(env: SawyerEnv) -> None:
    env.world.place((0.62, 0.0, 0.10), Layout(closed=True))
    env.act([0.5, 0.5, 1])
    saved = env.world.state()
    env.act([-1, 0.5, 1])
    expected = block(env)
    env.world.reset()
    env.world.restore(saved)
    env.act([-1, 0.5, 1])
    np.testing.assert_array_equal(block(env), expected)


def test_a_block_needs_a_gripper_and_fits_into_it() -> None:
    with pytest.raises(ConfigError, match='gripper'):
        dataclasses.replace(TASK, gripper=False)
    assert TASK.block is not None
    with pytest.raises(ConfigError, match='half_size'):
        dataclasses.replace(TASK.block, half_size=(0.05, 0.02, 0.02))


@pytest.mark.render
def test_pictures_show_the_block(env: SawyerEnv) -> None:
    def green(layout: Layout) -> np.ndarray:
        image = env.picture_goal((0.6, 0.0, 0.13), layout).image_hwc_u8.astype(int)
        return np.argwhere((image[..., 1] > 1.5 * image[..., 0])
                           & (image[..., 1] > 1.5 * image[..., 2]))

    held, lying = green(Layout(closed=True)), green(Layout(block=(0.6, 0.0)))
    assert min(len(held), len(lying)) >= 12
    assert lying.mean(axis=0)[0] > held.mean(axis=0)[0] + 8
    env.close()
