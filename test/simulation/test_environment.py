"""Pictures, goals and distances of the in-process control loop."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip('mujoco')

from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError
from rig_ros.simulation.environment import SawyerEnv, held_out_goals
from rig_ros.simulation.layout import TOOL_RADIUS, Layout

pytestmark = pytest.mark.render


@pytest.fixture(scope='module',
                params=['reach_xy', 'reach_xyz', 'push', 'push_nips', 'push_multi'])
def env(request: pytest.FixtureRequest) -> Iterator[SawyerEnv]:
    env = SawyerEnv(tasks.load(request.param))
    yield env
    env.close()


@pytest.fixture(scope='module')
def reach() -> Iterator[SawyerEnv]:
    env = SawyerEnv(tasks.load('reach_xy'))
    yield env
    env.close()


def blue(image: np.ndarray) -> np.ndarray:
    """Where the tool is: the only blue thing. Shape (height, width), bool."""
    r, g, b = (image[..., i].astype(int) for i in range(3))
    return (b > 1.4 * g) & (b > 2 * r)


def test_same_actions_give_the_same_pictures(env: SawyerEnv) -> None:
    actions = np.random.default_rng(4).uniform(-1, 1, (20, env.task.action_dim))
    other, goal = SawyerEnv(env.task, seed=9), env.held_out_goals(1)[0]
    np.testing.assert_array_equal(env.reset(goal), other.reset(goal))
    for action in actions:
        np.testing.assert_array_equal(env.step(action), other.step(action))
    other.close()


def test_picture_shows_the_motion(env: SawyerEnv) -> None:
    before = env.reset()
    assert before.shape == (84, 84, 3)
    assert before.dtype == np.uint8
    after = before
    for _ in range(4):
        after = env.step(np.eye(env.task.action_dim)[1])
    assert (np.abs(after.astype(int) - before).max(axis=2) > 30).sum() > 40


def test_hand_is_seen_from_the_whole_workspace(env: SawyerEnv) -> None:
    """At least two by three pixels of tool at every corner, edge and centre of the box."""
    grid = [np.linspace(a, b, 3 if b > a else 1)
            for a, b in zip(env.task.workspace_low, env.task.workspace_high)]
    layout = Layout(tuple(puck.goal_low if i == 0 else None
                          for i, puck in enumerate(env.task.pucks)))
    for hand in itertools.product(*grid):
        assert blue(env.picture_goal(hand, layout).image_hwc_u8).sum() >= 6, hand


def test_picture_is_upright_and_not_mirrored(reach: SawyerEnv) -> None:
    """The camera looks back at the robot: its left (+y) is right in the picture, near is low."""
    def where(hand: tuple[float, float, float]) -> np.ndarray:
        return np.argwhere(blue(reach.picture_goal(hand).image_hwc_u8)).mean(axis=0)

    middle = where((0.65, 0.0, 0.055))
    assert where((0.65, 0.1, 0.055))[1] > middle[1] + 10
    assert where((0.75, 0.0, 0.055))[0] > middle[0] + 5


def test_sampling_a_goal_leaves_the_world_as_it_was(env: SawyerEnv) -> None:
    env.reset()
    action = np.full(env.task.action_dim, 0.7)
    env.step(action)
    saved = env.world.state()
    expected = env.step(action)
    env.world.restore(saved)
    env.sample_goal(np.random.default_rng(0))
    np.testing.assert_array_equal(env.step(action), expected)


def test_goal_picture_is_what_the_camera_sees_there(reach: SawyerEnv) -> None:
    """Driving to a goal gives its picture, but for the last millimetres."""
    goal = reach.picture_goal((0.65, 0.1, 0.055))
    reach.reset()
    for _ in range(40):
        offset = np.subtract(goal.truth['hand'], reach.world.hand_position)[:2]
        image = reach.step(offset / 0.02)
    assert reach.distance(goal)['hand'] < 2e-3
    assert (np.abs(image.astype(int) - goal.image_hwc_u8).max(axis=2) > 30).mean() < 0.01


def test_goals_are_inside_their_boxes_and_hand_and_pucks_apart(env: SawyerEnv) -> None:
    for goal in env.held_out_goals(30):
        truth = goal.truth
        assert (np.array(truth['hand']) > np.array(env.task.goal_low) - 1e-4).all()
        assert (np.array(truth['hand']) < np.array(env.task.goal_high) + 1e-4).all()
        for index, puck in enumerate(env.task.pucks):
            if f'puck{index}' not in truth:
                continue
            centre = np.array(truth[f'puck{index}'])[:2]
            assert (centre >= puck.goal_low).all()
            assert (centre <= puck.goal_high).all()
            gap = np.linalg.norm(centre - np.array(truth['hand'])[:2])
            assert gap > puck.radius + TOOL_RADIUS - 1e-4


@pytest.mark.parametrize(('name', 'part', 'expected'), [
    ('reach_xy', 'hand', 0.153), ('push', 'puck0', 0.097), ('push_nips', 'puck0', 0.119)])
def test_do_nothing_baselines_match_the_published_tasks(
        name: str, part: str, expected: float) -> None:
    env = SawyerEnv(tasks.load(name))
    start, rng = env.world.layout, np.random.default_rng(0)
    here = env.world.ground_truth()[part]
    distances = [np.linalg.norm(np.subtract(env.truth_of(*env.draw_goal(start, rng))[part], here))
                 for _ in range(600)]
    standard_error = np.std(distances) / np.sqrt(len(distances))
    assert np.mean(distances) == pytest.approx(expected, abs=0.0005 + 3 * standard_error)


def test_distance_is_zero_at_the_goal_and_the_baseline_at_the_start(env: SawyerEnv) -> None:
    for goal in env.held_out_goals(4):
        env.reset(goal)
        assert env.distance(goal) == pytest.approx(env.do_nothing(goal))
        pucks = [goal.truth.get(f'puck{i}') for i in range(len(env.task.pucks))]
        env.world.place(goal.truth['hand'], Layout(tuple(p and p[:2] for p in pucks)))
        assert max(env.distance(goal).values()) < 1e-3
        there = [i for i, place in enumerate(goal.start.pucks) if place is not None]
        assert set(goal.truth) == {'hand', *(f'puck{i}' for i in there)}


def test_held_out_goals_are_always_the_same(reach: SawyerEnv) -> None:
    first = reach.held_out_goals(3)
    reach.step((1.0, 1.0))
    second = held_out_goals(reach.task, 5)
    for a, b in zip(first, second):
        assert a.truth == b.truth
        np.testing.assert_array_equal(a.image_hwc_u8, b.image_hwc_u8)


def test_training_goals_differ_from_held_out_goals(reach: SawyerEnv) -> None:
    held_out = {g.truth['hand'] for g in reach.held_out_goals(20)}
    for seed in range(5):
        drawn = {reach.sample_goal(np.random.default_rng(seed)).truth['hand'] for _ in range(4)}
        assert not drawn & held_out


@pytest.fixture(scope='module')
def multi() -> Iterator[SawyerEnv]:
    env = SawyerEnv(tasks.load('push_multi'))
    yield env
    env.close()


def puck_pixels(image: np.ndarray) -> tuple[int, int, int]:
    """Count pixels of the green, the orange and the violet puck."""
    r, g, b = (image[..., i].astype(int) for i in range(3))
    return (int(((g > 1.5 * r) & (g > 1.5 * b)).sum()),
            int(((r > 2.5 * b) & (g > 1.5 * b)).sum()),
            int(((r > 1.3 * g) & (b > 1.3 * g)).sum()))


@pytest.mark.parametrize('present', [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
def test_absent_pucks_are_out_of_sight(multi: SawyerEnv, present: tuple[int, ...]) -> None:
    places = ((0.66, -0.09), (0.68, 0.0), (0.66, 0.09))
    start = Layout(tuple(p if i in present else None for i, p in enumerate(places)))
    goal = multi.picture_goal((0.5, 0.0, 0.02), start, start)
    multi.reset(goal)
    for _ in range(5):
        image = multi.step((0.0, 0.0))
    for picture in (goal.image_hwc_u8, image):
        seen = puck_pixels(picture)
        assert tuple(i for i in range(3) if seen[i] > 40) == present
        assert all(count == 0 for i, count in enumerate(seen) if i not in present)
    assert set(multi.distance(goal)) == {'hand', 'pucks', *(f'puck{i}' for i in present)}


def test_the_number_of_pucks_varies_and_can_be_fixed(multi: SawyerEnv) -> None:
    def counts(env: SawyerEnv) -> set[int]:
        found = set()
        for _ in range(30):
            env.reset()
            found.add(len(env.world.ground_truth()) - 1)
        return found

    assert counts(multi) == {1, 2, 3}
    two = SawyerEnv(dataclasses.replace(multi.task, pucks_present=(2, 2)))
    assert counts(two) == {2}
    assert {len(goal.truth) for goal in two.held_out_goals(10)} == {3}
    two.close()


def test_practice_may_have_every_puck_where_goals_have_one_to_three(multi: SawyerEnv) -> None:
    practised = dataclasses.replace(multi.task, pucks_present=None)
    env = SawyerEnv(multi.task, practised=practised)
    for _ in range(5):
        env.reset()
        assert len(env.world.ground_truth()) == 4
    goals, usual = env.held_out_goals(8), multi.held_out_goals(8)
    assert [goal.truth.keys() for goal in goals] == [goal.truth.keys() for goal in usual]
    assert {len(goal.truth) for goal in goals} == {2, 3, 4}
    for goal in goals:
        env.reset(goal)
        assert len(env.world.ground_truth()) == len(goal.truth)
    env.close()


def test_a_goal_of_another_episode_is_refused(multi: SawyerEnv) -> None:
    places = ((0.66, -0.09), (0.68, 0.0), (0.66, 0.09))
    goal = multi.picture_goal((0.5, 0.0, 0.02), Layout(places), Layout(places))
    multi.world.reset(Layout((places[0], None, None)))
    with pytest.raises(ConfigError, match=r'puck1.*puck2.*reset\(goal\)'):
        multi.distance(goal)


def test_small_pictures() -> None:
    env = SawyerEnv(tasks.load('push'), image_size=48)
    assert env.reset().shape == (48, 48, 3)
    assert env.sample_goal().image_hwc_u8.shape == (48, 48, 3)
    env.close()
