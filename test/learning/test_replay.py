"""Episodes, transitions, futures, eviction, exact restore."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rig_ros.errors import DataError
from rig_ros.learning.replay import Replay

SIZE = 4


def encode(images):
    """The latent is the picture's first pixel, so that tests can name frames."""
    mean = images[:, 0, 0, :1].float()
    return mean, torch.zeros_like(mean)


def episode(first, steps):
    images = np.zeros((steps + 1, SIZE, SIZE, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(first, first + steps + 1)
    return images, np.full((steps, 2), first / 255, np.float32)


def replay(frames=100, storage='auto'):
    return Replay(frames, (SIZE, SIZE, 3), action_dim=2, latent_dim=1, storage=storage)


def test_transitions_never_cross_episodes_and_futures_lie_ahead_in_the_same_one():
    buffer = replay()
    buffer.add_episode(*episode(10, 5))
    buffer.add_episode(*episode(100, 3))
    buffer.encode(encode)
    assert (len(buffer), buffer.frames) == (8, 10)
    batch = buffer.sample(2000, torch.Generator().manual_seed(0))
    assert torch.equal(batch.next_latent, batch.latent + 1)
    assert set(batch.latent[:, 0].tolist()) == {10., 11., 12., 13., 14., 100., 101., 102.}
    last = torch.where(batch.latent < 50, 15.0, 103.0)
    assert ((batch.future >= batch.next_latent) & (batch.future <= last)).all()
    from_first = batch.future[batch.latent == 10]
    assert set(from_first.tolist()) == {11., 12., 13., 14., 15.}
    first = torch.where(batch.latent < 50, 10.0, 100.0) / 255
    torch.testing.assert_close(batch.action, first.expand(-1, 2))


def test_pictures_are_followed_by_later_ones_of_the_episode_and_what_was_done_until_then():
    buffer = replay()
    images, _ = episode(10, 5)
    actions = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)
    buffer.add_episode(*episode(100, 3))
    buffer.add_episode(images, actions)
    buffer.encode(encode)
    places = torch.arange(buffer.frames).repeat(200)
    later, done = buffer.followed(places, 3, torch.Generator().manual_seed(0))
    latents = buffer.all_latents()[:, 0]
    second = places >= 4
    assert torch.equal(latents[later] < 50, latents[places] < 50)
    assert set((later - places)[places == 4].tolist()) == {1, 2, 3}
    assert (later[places == 9] == 9).all()
    assert (later[places == 3] == 3).all()
    for place, to, sums in zip(places[second], later[second], done[second]):
        expected = actions[place - 4:to - 4].sum(0)
        np.testing.assert_allclose(sums, expected, atol=1e-6)


def test_weighted_transitions_lead_to_pictures_that_count():
    buffer = replay(frames=12)
    for first in (10, 30):
        buffer.add_episode(*episode(first, 4))
    buffer.encode(encode)
    buffer.weigh(torch.tensor([0., 0, 1, 0, 0, 0, 0, 0, 0, 3]))
    draw = buffer.sample(4000, torch.Generator().manual_seed(0), weighted=True).next_latent[:, 0]
    assert set(draw.tolist()) == {12., 34.}
    assert 2600 < (draw == 34).sum() < 3400
    buffer.add_episode(*episode(50, 4))  # the first ones are gone, and these count 1 each
    buffer.encode(encode)
    draw = buffer.sample(4000, torch.Generator().manual_seed(0), weighted=True).next_latent[:, 0]
    assert set(draw.tolist()) == {34., 51., 52., 53., 54.}


def test_goals_belong_to_their_episode():
    buffer = replay()
    goal = np.full((SIZE, SIZE, 3), 77, np.uint8)
    buffer.add_episode(*episode(10, 5), goal)
    buffer.add_episode(*episode(100, 3))
    buffer.encode(encode)
    batch = buffer.sample(200, torch.Generator().manual_seed(0))
    early = batch.latent[:, 0] < 50
    assert torch.equal(batch.has_rollout_goal, early)
    assert (batch.rollout_goal[early] == 77).all()


def test_latents_follow_a_new_encoder_frames_and_goals_alike():
    buffer = replay()
    buffer.add_episode(*episode(10, 5), np.full((SIZE, SIZE, 3), 7, np.uint8))
    buffer.encode(encode)
    buffer.encode(lambda images: (2 * encode(images)[0], encode(images)[1]))
    assert buffer.all_latents()[:, 0].tolist() == [20, 22, 24, 26, 28, 30]
    assert buffer.goal_latents.tolist() == [[14]]


def test_one_episode_can_be_encoded_alone():
    buffer = replay()
    buffer.add_episode(*episode(10, 2))
    buffer.encode(encode)
    where = buffer.add_episode(*episode(100, 2), np.full((SIZE, SIZE, 3), 7, np.uint8))
    buffer.encode(encode, where)
    assert buffer.all_latents()[:, 0].tolist() == [10, 11, 12, 100, 101, 102]
    assert buffer.goal_latents[1].item() == 7


def test_a_full_buffer_drops_the_oldest_whole_episodes():
    buffer = replay(frames=12)
    for first in (10, 30, 50, 70):
        buffer.add_episode(*episode(first, 4))
        buffer.encode(encode)
    assert buffer.all_latents()[:, 0].tolist() == [50, 51, 52, 53, 54, 70, 71, 72, 73, 74]
    assert len(buffer.goal_latents) == len(buffer.episodes) == 2


@pytest.mark.parametrize('storages', [('memory', 'memory'), ('file', 'memory'),
                                      ('memory', 'file')])
def test_restore_gives_the_same_batches_also_after_wrapping(storages):
    first, second = (replay(12, storage) for storage in storages)
    for start in (10, 30, 50):
        first.add_episode(*episode(start, 4))
    first.encode(encode)
    second.restore(first.state(), first.stacks())
    for buffer in (first, second):
        buffer.add_episode(*episode(90, 2), np.full((SIZE, SIZE, 3), 7, np.uint8))
        buffer.encode(encode)
    batches = [b.sample(50, torch.Generator().manual_seed(1)) for b in (first, second)]
    assert all(torch.equal(a, b) for a, b in zip(*batches))
    pictures = [b.sample_images(50, torch.Generator().manual_seed(1)) for b in (first, second)]
    assert torch.equal(*pictures)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda i, a: (i[:, :3], a, None), 'pictures'),
    (lambda i, a: (i.astype(np.float32), a, None), 'pictures'),
    (lambda i, a: (i, a[:-1], None), 'actions'),
    (lambda i, a: (i[:1], a[:0], None), 'at least one step'),
    (lambda i, a: (i, a * np.nan, None), 'not finite'),
    (lambda i, a: (i, a + 2, None), r'outside \[-1, 1\]'),
    (lambda i, a: (i, a, i[0, :2]), 'goal'),
    (lambda i, a: (np.repeat(i, 30, 0), np.zeros((len(i) * 30 - 1, 2), np.float32), None),
     'replay_frames'),
])
def test_bad_episodes_are_refused_and_nothing_is_stored(change, message):
    buffer = replay()
    with pytest.raises(DataError, match=message):
        buffer.add_episode(*change(*episode(10, 5)))
    assert buffer.frames == 0
