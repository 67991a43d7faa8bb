"""The goal desk: settling, two goals at once, refusals, imagined goals, model changes."""

from types import SimpleNamespace

import numpy as np
import pytest

from rig_ros.control.goal_desk import GoalDesk
from rig_ros.errors import ModelMismatch

SIZE = 48


class FakeModel:
    """Encodes a picture as its mean grey value, plus an offset that tells models apart."""

    def __init__(self, offset=0.0, image_size=SIZE, encoder_id='enc'):
        self.offset = offset
        self.manifest = SimpleNamespace(encoder_id=encoder_id, image_size=image_size)

    def encode(self, image):
        mean = np.full(2, image.mean() + self.offset, np.float32)
        return mean, np.zeros(2, np.float32)

    def decode(self, latent):
        return picture(int(abs(latent[0]) * 10))

    def imagine(self, rng):
        return rng.standard_normal(2).astype(np.float32)


def picture(seed, size=SIZE):
    return np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)


@pytest.fixture
def desk():
    desk = GoalDesk(SIZE, 0.3, np.random.default_rng(0))
    desk.use_model(FakeModel())
    return desk


def settled(desk, seed=1, goal_id=11, at=0.0):
    desk.offer(picture(seed), goal_id, at)
    desk.tick(at + 0.31)
    return desk


def test_goal_is_active_after_settling_not_before(desk):
    desk.offer(picture(1), 11, 0.0)
    desk.tick(0.29)
    assert desk.active is None
    desk.tick(desk.due_s)
    assert desk.active.goal_id == 11
    assert desk.active.mean[0] == pytest.approx(picture(1).mean())
    assert (desk.revision, desk.due_s, desk.problem) == (1, None, '')


def test_two_goals_at_once_are_both_refused_and_the_old_one_goes(desk):
    settled(desk)
    desk.offer(picture(2), 12, 1.0)
    desk.offer(picture(3), 13, 1.2)
    desk.tick(2.0)
    assert desk.active is None
    assert 'two goals at once' in desk.problem


def test_third_goal_of_a_quarrel_does_not_win(desk):
    for index in range(3):
        desk.offer(picture(index), index, 0.1 * index)
    desk.tick(1.0)
    assert desk.active is None
    settled(desk, 9, 99, at=1.0)
    assert desk.active.goal_id == 99


def test_same_picture_twice_is_one_goal(desk):
    desk.offer(picture(1), 11, 0.0)
    desk.offer(picture(1), 12, 0.2)
    desk.tick(0.31)
    assert desk.active.goal_id == 11


@pytest.mark.parametrize(('bad', 'reason'), [
    (picture(1, 84), '84x84 pixels, allowed: 48x48'),
    (np.zeros((SIZE, SIZE, 3), np.uint8), 'all one colour')])
def test_bad_picture_clears_the_goal(desk, bad, reason):
    settled(desk)
    desk.offer(bad, 12, 1.0)
    assert desk.active is None
    assert desk.revision == 2
    assert reason in desk.problem
    desk.tick(9.0)
    assert desk.active is None


def test_goal_waits_for_a_model():
    desk = GoalDesk(SIZE, 0.3, np.random.default_rng(0))
    desk.offer(picture(1), 11, 0.0)
    desk.tick(1.0)
    assert desk.active is None
    assert 'waits for a model' in desk.problem
    desk.use_model(FakeModel())
    desk.tick(1.1)
    assert desk.active.goal_id == 11
    assert desk.problem == ''


def test_model_change_encodes_the_same_goal_anew(desk):
    settled(desk)
    before = desk.active
    desk.use_model(FakeModel(offset=5, encoder_id='enc2'))
    assert desk.active.goal_id == before.goal_id
    assert desk.active.encoder_id == 'enc2'
    assert desk.active.mean[0] == pytest.approx(before.mean[0] + 5)


def test_model_of_another_picture_size_drops_the_goal(desk):
    settled(desk)
    desk.use_model(FakeModel(image_size=84))
    assert desk.active is None
    assert '48x48 pixels, allowed: 84x84' in desk.problem


def test_nan_latent_is_refused(desk):
    desk.use_model(FakeModel(offset=np.nan))
    settled(desk)
    assert desk.active is None
    assert 'NaN' in desk.problem


def test_imagined_goals_differ_and_have_pictures(desk):
    first = desk.imagine(5)
    second = desk.imagine(5)
    assert first.imagined
    assert first.picture.shape == (SIZE, SIZE, 3)
    assert not np.array_equal(first.mean, second.mean)
    assert first.goal_id != second.goal_id


def test_raises_error_if_imagining_without_model():
    with pytest.raises(ModelMismatch, match='no model yet'):
        GoalDesk(SIZE, 0.3, np.random.default_rng(0)).imagine(1)


def test_clear_drops_waiting_goals_too(desk):
    desk.offer(picture(1), 11, 0.0)
    desk.clear()
    desk.tick(1.0)
    assert desk.active is None
    assert desk.revision == 0
