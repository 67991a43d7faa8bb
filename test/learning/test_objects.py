"""Places of arm and objects, against a toy world where they are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toy_objects as toy

from rig_ros.errors import DataError
from rig_ros.learning.config import ObjectsConfig, VAEConfig
from rig_ros.learning.object_latents import THERE, split
from rig_ros.learning.objects import ObjectEncoder, moved_in
from rig_ros.learning.replay import Replay


@pytest.fixture(autouse=True, scope='module')
def _one_thread():
    torch.set_num_threads(1)  # sums of several threads differ in the last digit now and then


@pytest.fixture(scope='module')
def encoder():
    return toy.found()


def encode(encoder, *pictures):
    return encoder.encode(torch.from_numpy(np.stack(pictures)))[0]


def numbers(encoder):
    """Return which object is red, and which is green."""
    alone = [encode(encoder, toy.draw((24, 24), **{name: (12, 36)})) for name in ('red', 'green')]
    return [int(split(latent)[1][0, :, 2].argmax()) for latent in alone]


def test_arm_and_objects_are_found_by_how_they_move(encoder):
    assert sorted(numbers(encoder)) == [0, 1]
    places = np.array([(12, 12), (20, 36), (36, 24), (30, 30)])
    latents = encode(encoder, *(toy.draw(place) for place in places))
    arm, objects = split(latents)
    # Linear in rows and columns, each measured in actions: a row is two columns' worth.
    change = (arm[1:] - arm[0]).numpy() / (places[1:] - places[0]) * toy.PER_ACTION
    np.testing.assert_allclose(change / change[0, 0], np.ones_like(change), atol=0.15)
    assert objects.abs().max() < 1e-6


def test_an_objects_place_counts_in_the_units_of_the_arms(encoder):
    red, _ = numbers(encoder)
    arm, _ = split(encode(encoder, toy.draw((14, 12)), toy.draw((34, 30))))
    _, objects = split(encode(encoder, toy.draw((40, 40), red=(14, 12)),
                              toy.draw((40, 40), red=(34, 30))))
    torch.testing.assert_close(objects[1, red, :2] - objects[0, red, :2], arm[1] - arm[0],
                               rtol=0.1, atol=0)


def test_presence_tells_what_is_there_and_what_is_hidden(encoder):
    red, green = numbers(encoder)
    _, objects = split(encode(encoder, toy.draw((10, 10), red=(30, 30)),
                              toy.draw((30, 30), red=(30, 30))))
    assert objects[0, red, 2] > 0.9
    assert objects[1, red, 2] < THERE  # under the arm
    assert objects[:, green].abs().max() < 1e-6


def test_places_hold_still_while_only_the_arm_moves(encoder):
    red, _ = numbers(encoder)
    _, objects = split(encode(encoder, *(toy.draw((12, column), red=(36, 24))
                                         for column in range(8, 40))))
    assert objects[:, red, :2].std(0).max() < 1e-3


def test_a_picture_is_drawn_from_its_latent(encoder):
    picture = toy.draw((14, 14), red=(34, 16), green=(24, 36))
    drawn = encoder.decode(encode(encoder, picture))[0].numpy()
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8
    for row, column in ((34, 16), (24, 36), (40, 40)):
        np.testing.assert_allclose(drawn[row, column], picture[row, column], atol=25)
    blue = (np.abs(drawn.astype(int) - toy.ARM).max(-1) < 60).nonzero()
    np.testing.assert_allclose([blue[0].mean(), blue[1].mean()], (14, 14), atol=4)


def test_the_same_seed_finds_the_same():
    first, second = toy.found(seed=1), toy.found(seed=1)
    assert first.encoder_id == second.encoder_id != toy.found(seed=2).encoder_id


def test_rounding_on_the_way_does_not_change_what_is_found(monkeypatch):
    # It did: solved in single precision, the axes differed in the last digit one time in fifty.
    exact = toy.found(seed=1)
    solve = torch.linalg.lstsq

    def rounding_otherwise(of, to):
        return SimpleNamespace(solution=solve(of, to).solution * (1 + torch.finfo(of.dtype).eps))

    monkeypatch.setattr(torch.linalg, 'lstsq', rounding_otherwise)
    assert toy.found(seed=1).encoder_id == exact.encoder_id


def test_the_encoders_name_does_not_depend_on_how_latents_are_drawn():
    encoder = toy.found(seed=3)
    name = encoder.encoder_id
    encoder.decoder.arms.zero_()
    assert encoder.encoder_id == name
    encoder.palette[0, 0] += 0.01
    assert encoder.encoder_id != name


def test_raises_error_if_nothing_follows_the_actions():
    encoder = ObjectEncoder(toy.SIZE, VAEConfig(), ObjectsConfig(count=2, colours=6))
    with pytest.raises(DataError, match='tells most of the actions'):
        encoder.find(toy.walk(still=True), torch.Generator())


def test_pairs_are_of_one_episode_with_the_actions_between_them():
    replay = Replay(100, (4, 4, 3), 2, 3)
    for episode in range(2):
        pictures = np.full((6, 4, 4, 3), 100 * episode, np.uint8) + np.arange(
            6, dtype=np.uint8)[:, None, None, None]
        replay.add_episode(pictures, np.full((5, 2), 0.25, np.float32))
    moved = moved_in(replay, 3, torch.Generator().manual_seed(0))
    apart = moved.after[:, 0, 0, 0].int() - moved.before[:, 0, 0, 0].int()
    assert apart.min() >= 0
    assert apart.max() == 3
    torch.testing.assert_close(moved.actions, 0.25 * apart.float().unsqueeze(1).expand(-1, 2))
