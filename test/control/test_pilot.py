"""The pilot: one command per picture, silence at every doubt."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from rig_ros.control import task as tasks
from rig_ros.control.pilot import Exploration, Pilot
from rig_ros.errors import DataError, ModelMismatch

NOW = 1_000_000_000_000
MS = 1_000_000


@dataclass
class Point:
    mean: np.ndarray
    encoder_id: str = 'enc'
    stamp_ns: int = NOW


class FakeModel:
    """Moves along goal minus latent."""

    def __init__(self, bundle_id='b1', encoder_id='enc'):
        self.bundle_id = bundle_id
        self.manifest = SimpleNamespace(encoder_id=encoder_id)
        self.episodes = 0

    def begin(self):
        self.episodes += 1

    def act(self, latent, goal):
        return np.clip(goal - latent, -1, 1)


def point(x, y=0.0, **fields):
    return Point(np.array([x, y], np.float32), **fields)


@pytest.fixture
def pilot():
    pilot = Pilot(tasks.load('reach_xy'), Exploration(), 0.15, np.random.default_rng(0))
    pilot.use_model(FakeModel())
    return pilot


def begin(pilot, mode='reach', bundle_id='b1'):
    pilot.begin(mode, bundle_id)


def test_reach_is_deterministic_in_metres_per_second(pilot):
    begin(pilot)
    pilot.set_goal(point(0.5, -1.0))
    pilot.see(point(0.0, 0.0))
    command = pilot.decide(NOW)
    np.testing.assert_allclose(command.velocity, [0.1, -0.2, 0.0])
    assert command.stamp_ns == NOW
    assert pilot.stance.kind == 'acting'


def test_a_model_is_told_of_each_episode_before_it_acts(pilot):
    model = FakeModel()
    pilot.use_model(model)
    pilot.set_goal(point(0.5))
    for episode in (1, 2):
        begin(pilot)
        for step in range(3):
            pilot.see(point(0.0, stamp_ns=NOW + 10 * episode + step))
            pilot.decide(NOW + 10 * episode + step)
        assert model.episodes == episode


def test_a_model_begins_anew_after_a_pause_without_a_goal(pilot):
    model = FakeModel()
    pilot.use_model(model)
    begin(pilot)
    for step, goal in enumerate((point(0.5), None, point(-0.5))):
        pilot.set_goal(goal)
        pilot.see(point(0.0, stamp_ns=NOW + step))
        pilot.decide(NOW + step)
    assert model.episodes == 2


@pytest.mark.parametrize(('stamps_ms', 'late_ms', 'begins'), [
    ((0, 100, 200), (0, 0, 0), 1),
    ((0, 200, 300), (0, 0, 0), 1),    # one picture lost
    ((0, 300, 400), (0, 0, 0), 2),    # the camera stood still
    ((0, 100, 200), (0, 160, 0), 2),  # one came too late to be answered
])
def test_a_model_begins_anew_after_a_pause_of_the_pictures(pilot, stamps_ms, late_ms, begins):
    # An action of before the pause must not go on, smoothed into the next one: the arm stands.
    model = FakeModel()
    pilot.use_model(model)
    begin(pilot)
    pilot.set_goal(point(0.5))
    for stamp, late in zip(stamps_ms, late_ms):
        pilot.see(point(0.0, stamp_ns=NOW + stamp * MS))
        pilot.decide(NOW + (stamp + late) * MS)
    assert model.episodes == begins


def test_each_picture_is_answered_once(pilot):
    begin(pilot)
    pilot.set_goal(point(1))
    pilot.see(point(0))
    assert pilot.decide(NOW)
    assert pilot.decide(NOW) is None
    pilot.set_goal(point(-1))
    assert pilot.decide(NOW) is None
    pilot.see(point(0, stamp_ns=NOW + 100 * MS))
    assert pilot.decide(NOW + 101 * MS).velocity[0] < 0


@pytest.mark.parametrize('last', ['start', 'goal', 'latent'])
def test_acts_as_soon_as_the_last_thing_is_there(pilot, last):
    steps = {'start': lambda: begin(pilot), 'goal': lambda: pilot.set_goal(point(1)),
             'latent': lambda: pilot.see(point(0))}
    final = steps.pop(last)
    for step in steps.values():
        step()
        assert pilot.decide(NOW) is None
    final()
    assert pilot.decide(NOW) is not None


def test_silent_before_and_after_an_episode(pilot):
    pilot.set_goal(point(1))
    pilot.see(point(0))
    assert pilot.decide(NOW) is None
    begin(pilot)
    pilot.finish()
    assert pilot.decide(NOW) is None
    assert pilot.stance.kind == 'idle'


@pytest.mark.parametrize(('age_ms', 'acts'), [(149, True), (151, False), (-100, True),
                                              (-1500, False)])
def test_stale_pictures_are_not_answered(pilot, age_ms, acts):
    begin(pilot)
    pilot.set_goal(point(1))
    pilot.see(point(0))
    assert (pilot.decide(NOW + age_ms * MS) is not None) == acts
    assert acts or 's old, allowed' in pilot.stance.message


@pytest.mark.parametrize('foreign', ['latent', 'goal'])
def test_foreign_encoders_are_refused(pilot, foreign):
    begin(pilot)
    pilot.set_goal(point(1, encoder_id='other' if foreign == 'goal' else 'enc'))
    pilot.see(point(0, encoder_id='other' if foreign == 'latent' else 'enc'))
    assert pilot.decide(NOW) is None
    assert pilot.stance.kind == 'refusing'
    assert f"{foreign} of encoder 'other'" in pilot.stance.message


def test_episode_of_another_bundle_is_refused_until_the_swap(pilot):
    begin(pilot, bundle_id='b2')
    pilot.set_goal(point(1))
    pilot.see(point(0))
    assert pilot.decide(NOW) is None
    assert pilot.stance.kind == 'refusing'
    pilot.use_model(FakeModel('b2'))
    assert pilot.decide(NOW) is not None


def test_cleared_goal_means_silence(pilot):
    begin(pilot)
    pilot.set_goal(point(1))
    pilot.set_goal(None)
    pilot.see(point(0))
    assert pilot.decide(NOW) is None
    assert pilot.stance.message == 'waits for a goal'


@pytest.mark.parametrize(('mode', 'bundle_id'), [('collect', 'b1'), ('practise', '')])
def test_random_actions_need_only_pictures(pilot, mode, bundle_id):
    pilot.use_model(None)
    begin(pilot, mode, bundle_id)
    assert pilot.decide(NOW) is None
    velocities = []
    for index in range(200):
        pilot.see_frame(NOW + index * 100 * MS)
        command = pilot.decide(NOW + index * 100 * MS)
        assert command.stamp_ns == NOW + index * 100 * MS
        velocities.append(command.velocity)
        assert pilot.decide(NOW + index * 100 * MS) is None
    path = np.array(velocities)
    assert np.abs(path[:, :2]).max() <= 0.2
    assert np.abs(path[:, :2]).max(axis=0).min() > 0.1
    assert (path[:, 2] == 0).all()
    jumps = np.abs(np.diff(path[:, :2], axis=0)).mean()
    assert jumps < np.abs(path[:, :2]).mean() * 1.5


def test_practice_adds_noise_and_stays_in_bounds(pilot):
    begin(pilot, 'practise')
    pilot.set_goal(point(0.9, 0.0))
    speeds = []
    for index in range(100):
        pilot.see(point(0, stamp_ns=NOW + index))
        speeds.append(pilot.decide(NOW).velocity[:2])
    speeds = np.array(speeds)
    assert speeds[:, 1].std() > 0.01
    assert np.abs(speeds).max() <= 0.2 + 1e-9


def test_raises_error_if_the_mode_is_unknown_and_is_silent(pilot):
    begin(pilot)
    with pytest.raises(DataError, match="got 'dance'"):
        pilot.begin('dance', 'b1')
    pilot.set_goal(point(1))
    pilot.see(point(0))
    assert pilot.decide(NOW) is None


def test_raises_error_if_the_model_gives_nan(pilot):
    model = FakeModel()
    model.act = lambda latent, goal: np.array([np.nan, 0.0])
    pilot.use_model(model)
    begin(pilot)
    pilot.set_goal(point(1))
    pilot.see(point(0))
    with pytest.raises(ModelMismatch, match='2 finite numbers'):
        pilot.decide(NOW)


def test_a_picture_from_before_the_reset_is_not_answered(pilot):
    """The first command of some episodes once answered the picture before the reset."""
    pilot.begin('reach', 'b1', since_ns=NOW)
    pilot.set_goal(point(1))
    pilot.see(point(0, stamp_ns=NOW - 50 * MS))
    assert pilot.decide(NOW) is None
    pilot.see(point(0, stamp_ns=NOW))
    assert pilot.decide(NOW).stamp_ns == NOW
