"""Pictures drawn from places of arm and objects."""

from __future__ import annotations

import numpy as np
import torch
import toy_objects as toy

from rig_ros.learning.sprites import Sprites


def test_an_object_is_drawn_where_its_place_is_and_only_if_it_is_there():
    sprites = Sprites(48, 2)
    middle = slice(Sprites.SIDE // 2 - 2, Sprites.SIDE // 2 + 3)
    sprites.objects[0, middle, middle] = torch.tensor([1.0, 0.0, 0.0, 1.0])
    places = torch.tensor([[[0.5, -0.5], [0.0, 0.0]]]).expand(2, -1, -1)
    presence = torch.tensor([[1.0, 0.0], [0.1, 0.0]])
    drawn = sprites(torch.zeros(2, 2), places, presence)
    red = (drawn[0, ..., 0] > 128).nonzero().float().mean(0) / 47 * 2 - 1
    torch.testing.assert_close(red, places[0, 0], atol=0.02, rtol=0)
    assert not drawn[1].any()


def test_the_arm_covers_what_is_behind_it():
    encoder = toy.found()
    behind = toy.draw((24, 24), red=(24, 24))
    beside = torch.from_numpy(np.stack([behind, toy.draw((24, 24), red=(24, 36))]))
    latents = encoder.encode(beside)[0]
    latents[0, 2:] = latents[1, 2:]
    arm, others = latents[:1, :2], latents[:1, 2:].view(1, -1, 3)
    red = others[0, :, 2].argmax()
    others[0, red, :2] = arm[0]  # the object's place is the arm's
    drawn = encoder.decode(latents[:1])[0].numpy()
    np.testing.assert_allclose(drawn[24, 24], toy.ARM, atol=60)


def test_the_ground_is_what_is_behind_everything():
    ground = toy.found().decoder.ground
    np.testing.assert_allclose(ground[4, 4] * 255, toy.TABLE, atol=2)
    assert torch.isfinite(ground).all()
