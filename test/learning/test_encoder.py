"""Encoders that nothing trains: pictures and true positions in the place of latents."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_training import MovingSquare, small_config

from rig_ros.errors import ConfigError
from rig_ros.learning.config import SkewConfig, VAEConfig
from rig_ros.learning.encoder import PIXEL_GRID, PixelEncoder, StateEncoder
from rig_ros.learning.practice import train_in_environment
from rig_ros.learning.state import TrainingState
from rig_ros.learning.trainer import Learner

BY_STEPS = VAEConfig(whiten=True, whiten_by='steps', step_floor=1e-6)


class SquaresPlace(MovingSquare):
    """The toy world seen as the square's position."""

    def render(self):
        return self.position.astype(np.float32)


def test_a_state_comes_back_from_its_latent_and_steps_get_unit_length():
    generator = torch.Generator().manual_seed(0)
    states = torch.rand(4000, 2, generator=generator)
    steps = torch.randn(4000, 2, generator=generator) * torch.tensor([0.02, 0.001])
    encoder = StateEncoder(2, BY_STEPS)
    encoder.whiten(encoder.encode(states)[0], encoder.encode(states + steps)[0])
    latents = encoder.encode(states)[0]
    torch.testing.assert_close(encoder.decode(latents), states, rtol=0, atol=1e-5)
    moved = encoder.encode(states + steps)[0] - latents
    assert moved[:, 0].std() == pytest.approx(moved[:, 1].std().item(), rel=0.01)
    assert encoder.encoder_id != StateEncoder(2, BY_STEPS).encoder_id


@pytest.mark.parametrize('size', [48, 84])
def test_the_distance_of_latents_is_that_of_coarse_pictures(size):
    encoder = PixelEncoder(size, VAEConfig())
    black, grey = torch.zeros(1, size, size, 3, dtype=torch.uint8), torch.full(
        (1, size, size, 3), 51, dtype=torch.uint8)
    (a, _), (b, _) = encoder.encode(black), encoder.encode(grey)
    distance = torch.linalg.vector_norm(a - b).item()
    assert distance == pytest.approx(0.2 * 3 ** 0.5 * PIXEL_GRID)
    assert torch.equal(encoder.decode(b), grey)


def test_a_square_moves_its_latent_where_it_was_and_where_it_is():
    world = MovingSquare()
    encoder = PixelEncoder(48, VAEConfig())
    latents = [encoder.encode(torch.from_numpy(image[None]))[0][0]
               for image in (world.reset(), world.step(np.array([1.0, 0.0])))]
    moved = (latents[0] - latents[1]).unflatten(0, (3, PIXEL_GRID, PIXEL_GRID)).abs().amax(0)
    assert 0 < (moved > 0).sum() < PIXEL_GRID ** 2 / 4


@pytest.mark.parametrize(('encoder', 'world', 'state_dim'), [
    ('pixels', MovingSquare(), 0), ('state', SquaresPlace(), 2)])
def test_a_learner_practises_and_goes_on_to_the_bit(encoder, world, state_dim, tmp_path):
    config = small_config(encoder=encoder, goals='visited', vae=VAEConfig(
        whiten=encoder == 'state', whiten_by='steps', first_steps=1, refresh_every=20),
        skew=SkewConfig(density='neighbours'))
    first, second = (Learner(config, 2, seed, state_dim=state_dim) for seed in (0, 9))
    train_in_environment(world, first, 40, horizon=10)
    assert first.agent.updates == 4 + 10
    first.state().save(tmp_path / 'state.safetensors')
    second.restore(TrainingState.load(tmp_path / 'state.safetensors'))
    for learner in (first, second):
        train_in_environment(world, learner, 60, horizon=10)
    assert first.metrics == second.metrics
    tensors, again = first.state().tensors, second.state().tensors
    assert {name for name in tensors if not torch.equal(tensors[name], again[name])} == set()


def test_raises_error_if_there_are_no_true_positions():
    with pytest.raises(ConfigError, match='rig_ros train'):
        Learner(small_config(encoder='state'), 2, 0)


@pytest.mark.parametrize('skew', [SkewConfig(density='likelihood'), SkewConfig(pictures=True)])
def test_raises_error_if_weights_need_a_vae_that_is_not_there(skew):
    with pytest.raises(ConfigError, match='likelihood'):
        small_config(encoder='pixels', skew=skew)
