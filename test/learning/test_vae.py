"""The loss's scale, the papers' layers, whitening and the encoder id."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rig_ros.learning.config import VAEConfig
from rig_ros.learning.vae import ConvVAE, active_dims, reconstruction_nats, to_pixels
from rig_ros.learning.vae_networks import LandmarkDecoder, SpatialSoftmax

BOTH_SIZES = pytest.mark.parametrize('size', [48, 84])
ALL_NETWORKS = pytest.mark.parametrize('networks', ['paper', 'patch', 'keypoint', 'landmarks'])


def pictures(count, size=48, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, size, size, 3), generator=generator, dtype=torch.uint8)


@BOTH_SIZES
@ALL_NETWORKS
def test_encode_and_decode_shapes(size, networks):
    vae = ConvVAE(size, VAEConfig(latent_dim=5, networks=networks))
    mean, log_variance = vae.encode(pictures(3, size))
    assert mean.shape == log_variance.shape == (3, 5)
    decoded = vae.decode(mean)
    assert decoded.shape == (3, size, size, 3)
    assert decoded.dtype == torch.uint8


def test_decoder_has_the_papers_layers_at_84_pixels():
    vae = ConvVAE(84, VAEConfig(latent_dim=16, networks='paper'))
    shapes = {name: tuple(t.shape) for name, t in vae.named_parameters() if t.dim() > 1}
    assert list(shapes.values()) == [
        (16, 3, 5, 5), (32, 16, 5, 5), (32, 32, 5, 5), (128, 128),
        (128, 16), (32, 32, 5, 5), (32, 16, 6, 6), (16, 3, 6, 6), (16, 128), (16, 128)]


def test_gaussian_likelihood_is_half_the_squared_error_summed_over_a_picture():
    pixels, guess = torch.zeros(4, 3, 84, 84), torch.full((4, 3, 84, 84), 0.5)
    # One wrong level of 0.5 on each of 3 * 84 * 84 values; the batch of four must not matter.
    assert reconstruction_nats(pixels, guess, 'gaussian').item() == pytest.approx(
        0.5 * 0.25 * 3 * 84 * 84)


def test_bernoulli_likelihood_is_summed_over_a_picture():
    pixels, logits = torch.ones(4, 3, 48, 48), torch.zeros(4, 3, 48, 48)
    assert reconstruction_nats(pixels, logits, 'bernoulli').item() == pytest.approx(
        math.log(2) * 3 * 48 * 48, rel=1e-5)


@pytest.mark.parametrize('beta', [0.0, 0.078125, 10.0])
def test_beta_multiplies_the_standard_kl_in_nats(beta):
    vae = ConvVAE(48, VAEConfig(latent_dim=3, beta=beta))
    images = pictures(6)
    loss = vae.loss(images, torch.Generator().manual_seed(0))
    mean, log_variance = vae.encode(images)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    assert loss.kl.item() == pytest.approx(kl.sum(1).mean().item(), rel=1e-4)
    assert loss.total.item() == pytest.approx(
        loss.reconstruction.item() + beta * loss.kl.item(), rel=1e-6)


def test_loss_does_not_depend_on_how_often_a_picture_is_in_the_batch():
    vae = ConvVAE(48, VAEConfig(latent_dim=3, networks='patch'))
    one = pictures(1)
    losses = [vae.loss(one.expand(n, -1, -1, -1), torch.Generator().manual_seed(0))
              for n in (1, 32)]
    assert losses[0].reconstruction.item() == pytest.approx(losses[1].reconstruction.item(),
                                                            rel=1e-2)
    assert losses[0].kl.item() == pytest.approx(losses[1].kl.item(), rel=1e-5)


def test_posterior_variance_has_a_floor():
    vae = ConvVAE(48, VAEConfig(latent_dim=3, min_variance=1e-3))
    assert vae.encode(pictures(20))[1].min() >= math.log(1e-3) - 1e-6


def test_latents_are_means_and_do_not_vary_between_calls_or_with_the_batch():
    vae = ConvVAE(84, VAEConfig(latent_dim=4, networks='paper'))
    images = pictures(5, 84)
    together, again = vae.encode(images)[0], vae.encode(images)[0]
    assert torch.equal(together, again)
    torch.testing.assert_close(vae.encode(images[2:3])[0], together[2:3], rtol=1e-4, atol=1e-7)


def test_whitening_changes_the_encoder_id_and_leaves_the_decoded_picture():
    vae = ConvVAE(48, VAEConfig(latent_dim=3, networks='patch', whiten_floor=1e-6))
    images = pictures(200)
    before, before_id = vae.decode(vae.encode(images)[0]), vae.encoder_id
    some = vae.encode(images)[0]
    vae.whiten(some, some)
    latents = vae.encode(images)[0]
    torch.testing.assert_close(latents.mean(0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(latents.std(0), torch.ones(3), atol=1e-3, rtol=0)
    assert (vae.decode(latents).int() - before.int()).abs().max() <= 1
    assert vae.encoder_id != before_id


def test_whitening_by_steps_makes_distance_count_steps():
    vae = ConvVAE(48, VAEConfig(latent_dim=2, networks='patch', whiten=True, whiten_by='steps',
                                step_floor=1e-6))
    generator = torch.Generator().manual_seed(0)
    steps = torch.tensor([5.0, 0.1]) * torch.randn(4000, 2, generator=generator)
    latents = torch.randn(4000, 2, generator=generator) @ torch.tensor([[1.0, 0.4], [0.0, 2.0]])
    images = pictures(20)
    before = vae.decode(vae.encode(images)[0])
    vae.whiten(latents, latents + steps)
    made = (latents - vae.shift) @ vae.mixing
    assert made.var(0).mean().item() == pytest.approx(1, rel=1e-4)
    covariance = torch.cov((steps @ vae.mixing).T)
    torch.testing.assert_close(covariance / covariance[0, 0], torch.eye(2), atol=0.1, rtol=0)
    assert (vae.decode(vae.encode(images)[0]).int() - before.int()).abs().max() <= 1
    # A second whitening starts from the networks' own latents, not from the first one's.
    mixing = vae.mixing.clone()
    vae.whiten(made, (latents + steps - vae.shift) @ mixing)
    torch.testing.assert_close((vae.mixing @ vae.mixing.T), mixing @ mixing.T, rtol=1e-3, atol=0)


def test_whitening_again_by_nearly_the_same_steps_hardly_turns_the_space():
    vae = ConvVAE(48, VAEConfig(latent_dim=2, networks='patch', whiten=True, whiten_by='steps'))
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(500, 2, generator=generator)
    # Changes alike in both directions: their main axis turns with the least change of the VAE.
    steps = torch.tensor([[1.0, 0.01], [0.01, -1.0]]).repeat(250, 1)
    vae.whiten(latents, latents + steps)
    before = vae.mixing.clone()
    turned = torch.tensor([[1.0, -0.01], [-0.01, -1.02]]).repeat(250, 1)
    made = (latents - vae.shift) @ before
    vae.whiten(made, (latents + turned - vae.shift) @ before)
    torch.testing.assert_close(vae.mixing, before, atol=0.05, rtol=0)


def test_latents_are_linear_in_the_positions_of_features():
    heat = torch.full((1, 1, 5, 5), -50.0)
    heat[0, 0, 4, 1] = 50.0
    torch.testing.assert_close(SpatialSoftmax(5)(heat), torch.tensor([[1.0, -0.5]]))


def test_log_likelihood_prefers_pictures_of_the_kind_it_was_trained_on():
    generator = torch.Generator().manual_seed(0)
    vae = ConvVAE(48, VAEConfig(latent_dim=2, networks='patch'))
    plain = torch.full((8, 48, 48, 3), 90, dtype=torch.uint8)
    optimiser = torch.optim.Adam(vae.parameters(), 1e-2)
    for _ in range(20):
        optimiser.zero_grad()
        vae.loss(plain, generator).total.backward()
        optimiser.step()
    common = vae.log_likelihood(plain, 3, generator)
    assert common.shape == (8,)
    assert common.min() > vae.log_likelihood(pictures(8), 3, generator).max()


def test_an_autoencoder_decodes_the_mean():
    vae = ConvVAE(48, VAEConfig(latent_dim=2, beta=0.0, deterministic=True))
    losses = [vae.loss(pictures(4), torch.Generator().manual_seed(seed)).total.item()
              for seed in (0, 1)]
    assert losses[0] == losses[1]


def test_encoder_id_follows_the_encoder_only():
    vae = ConvVAE(48, VAEConfig(latent_dim=3))
    before = vae.encoder_id
    with torch.no_grad():
        vae.decoder[0].weight.add_(1)
    assert vae.encoder_id == before
    with torch.no_grad():
        vae.encoder[0].weight.add_(1e-3)
    assert vae.encoder_id != before


def test_pixels_are_channels_first_and_not_transposed():
    image = torch.zeros(1, 48, 48, 3, dtype=torch.uint8)
    image[0, 3, 7, 1] = 255
    assert to_pixels(image)[0, 1, 3, 7] == 1.0


def test_training_lowers_the_loss():
    vae = ConvVAE(48, VAEConfig(latent_dim=4, networks='patch'))
    images = torch.zeros(64, 48, 48, 3, dtype=torch.uint8)
    for i in range(64):
        images[i, i % 40:i % 40 + 8] = 255
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(vae.parameters(), 1e-3)
    losses = []
    for _ in range(60):
        loss = vae.loss(images, generator)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        losses.append(loss.total.item())
    assert losses[-1] < 0.5 * losses[0]


@ALL_NETWORKS
def test_reduced_precision_trains_alike_and_encodes_as_before(networks):
    torch.manual_seed(0)
    exact = ConvVAE(48, VAEConfig(latent_dim=5, networks=networks)).train()
    rounded = ConvVAE(48, VAEConfig(latent_dim=5, networks=networks, precision='bf16')).train()
    rounded.load_state_dict(exact.state_dict())
    slopes = []
    for vae in (exact, rounded):
        loss = vae.loss(pictures(16), torch.Generator().manual_seed(1))
        loss.total.backward()
        assert loss.mean.dtype == torch.float32
        slopes.append(torch.cat([p.grad.flatten() for p in vae.parameters()]))
    assert not torch.equal(*slopes)
    assert torch.nn.functional.cosine_similarity(*slopes, dim=0) > 0.99
    assert torch.equal(exact.eval().encode(pictures(4))[0], rounded.eval().encode(pictures(4))[0])


def test_active_dims_counts_latents_that_carry_information():
    assert active_dims(torch.tensor([2.0, 0.001, 0.6])) == 2


def test_a_landmark_looks_alike_wherever_it_is():
    torch.manual_seed(0)
    decoder = LandmarkDecoder(84, 2).requires_grad_(False)
    nn.init.eye_(decoder.positions.weight)  # the latents are the position of the first spot
    nn.init.zeros_(decoder.positions.bias)
    decoder.strengths[-1].weight.zero_()
    decoder.strengths[-1].bias.zero_()[0] = 1.0
    for layer in (*decoder.rest, *decoder.paint):
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            layer.bias.zero_()
    decoder.rest[0].weight.zero_()
    cell = 2 / 20
    here = torch.tensor([[0.0, -3 * cell]])
    there = here + torch.tensor([[2 * cell, 5 * cell]])
    peak = decoder.spots(torch.cat((here, there)))[:, 0].flatten(1).argmax(1)
    assert peak.tolist() == [10 * 21 + 7, 12 * 21 + 12]
    a, b = decoder(torch.cat((here, there)))
    torch.testing.assert_close(a[:, 20:60, 12:44], b[:, 28:68, 32:64], rtol=1e-3, atol=1e-4)
    assert a[:, 20:60, 12:44].abs().max() > 0.01
