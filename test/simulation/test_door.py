"""The door: it opens by its handle, its goals can be reached, and resets can be left out."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

mujoco = pytest.importorskip('mujoco')

from rig_ros.control import task as tasks
from rig_ros.control.objects import DOOR_OPEN
from rig_ros.simulation.environment import SawyerEnv
from rig_ros.simulation.layout import DOOR_HINGE, PANEL_FRONT, Layout, before_door
from rig_ros.simulation.scene import build_model
from rig_ros.simulation.world import SawyerWorld

TASK = tasks.load('door')


@pytest.fixture
def env() -> SawyerEnv:
    return SawyerEnv(TASK)


def angle(env: SawyerEnv) -> float:
    return env.world.ground_truth()['door'][0]


def go(env: SawyerEnv, *path: tuple[npt.ArrayLike, int]) -> None:
    """Drive the hand to each place [m] for a number of steps."""
    for place, steps in path:
        for _ in range(steps):
            env.act(np.subtract(place, env.world.hand_position) / TASK.action_scale)


def pull(env: SawyerEnv, far: float) -> None:
    """Hook the handle and pull it to x = far [m], towards the hinge's side of the box."""
    go(env, ((0.645, 0.0, 0.225), 4), ((0.645, 0.0, 0.19), 3))
    for x in np.arange(0.645, far, -0.015):
        go(env, ((x, max(0.25 * (x - 0.645), -0.045), 0.19), 1))
    go(env, ((far, -0.05, 0.19), 8))


def test_door_opens_by_its_handle_as_far_as_goals_want(env: SawyerEnv) -> None:
    assert angle(env) == 0.0
    pull(env, 0.55)
    assert 0.3 < angle(env) < 0.65
    env.reset(None)
    pull(env, 0.45)
    assert angle(env) > 0.82
    assert angle(env) < DOOR_OPEN + 0.01


def test_door_stays_where_it_was_left_and_can_be_pushed_shut(env: SawyerEnv) -> None:
    pull(env, 0.5)
    go(env, ((0.5, -0.05, 0.25), 5))
    left = angle(env)
    go(env, ((0.45, 0.0, 0.25), 10))
    assert angle(env) == pytest.approx(left, abs=0.05)
    go(env, ((0.45, 0.05, 0.15), 8), ((0.65, 0.05, 0.15), 12))
    assert angle(env) < left - 0.2


def test_without_the_hook_in_the_handle_it_stays_shut(env: SawyerEnv) -> None:
    go(env, ((0.635, 0.05, 0.25), 3), ((0.45, 0.05, 0.25), 12))
    assert angle(env) == pytest.approx(0.0, abs=1e-3)


def test_goals_are_before_the_door_and_touch_nothing(env: SawyerEnv) -> None:
    rng = np.random.default_rng(0)
    angles = []
    for _ in range(60):
        hand, layout = env.draw_goal(Layout(), rng)
        env.world.place(hand, layout)
        assert env.world.hand_is_clear()
        assert angle(env) == pytest.approx(layout.door_rad)
        assert (np.array(hand) >= TASK.goal_low).all()
        assert (np.array(hand) <= TASK.goal_high).all()
        angles.append(layout.door_rad)
    assert np.mean(angles) == pytest.approx(DOOR_OPEN / 2, abs=3 * DOOR_OPEN / np.sqrt(12 * 60))


def test_hand_in_the_handle_is_noticed(env: SawyerEnv) -> None:
    env.world.place((0.62, 0.05, 0.19), Layout())
    assert not env.world.hand_is_clear()
    env.world.place((0.645, 0.05, 0.19), Layout())
    assert env.world.hand_is_clear(), 'hooked, not touching'


def test_drawing_knows_where_the_model_has_its_door() -> None:
    model = build_model(TASK)
    state = mujoco.MjData(model)
    joint = model.joint('door/door')
    for value in (0.0, 0.4, DOOR_OPEN):
        state.joint('door/door').qpos[0] = value
        mujoco.mj_forward(model, state)
        np.testing.assert_allclose(state.xanchor[joint.id][:2], DOOR_HINGE, atol=1e-9)
        panel = state.geom('door/panel')
        front = panel.xmat.reshape(3, 3)[:, 0]
        for side, free in ((-0.002, True), (0.002, False)):
            hook = panel.xpos + (side - PANEL_FRONT) * front
            assert before_door((hook[0] - 0.06, hook[1], 0.2), value) == free
    assert joint.range[1] == DOOR_OPEN


def test_reset_free_leaves_everything_until_a_start_is_given() -> None:
    world = SawyerWorld(dataclasses.replace(TASK, reset_free=True))
    world.place((0.5, 0.0, 0.2), Layout(door_rad=0.3))
    world.set_velocity((-0.1, 0.0, 0.0))
    world.reset()
    world.advance(0.2)
    assert world.ground_truth()['door'][0] == pytest.approx(0.3, abs=1e-3)
    np.testing.assert_allclose(world.hand_position, (0.5, 0.0, 0.2), atol=2e-3)
    world.reset(Layout())
    assert world.ground_truth()['door'] == (0.0,)
    np.testing.assert_allclose(world.hand_position, TASK.reset_hand, atol=1e-3)


@pytest.mark.render
def test_do_nothing_is_half_of_the_way_and_pictures_show_the_angle(env: SawyerEnv) -> None:
    goals = env.held_out_goals(40)
    baseline = [env.do_nothing(goal)['door'] for goal in goals]
    assert np.mean(baseline) == pytest.approx(DOOR_OPEN / 2, abs=0.12)
    shut, ajar = (env.picture_goal((0.5, 0.1, 0.25), Layout(door_rad=a)).image_hwc_u8.astype(int)
                  for a in (0.0, 0.1))
    assert (np.abs(shut - ajar).max(axis=2) > 30).sum() > 60
    env.close()
