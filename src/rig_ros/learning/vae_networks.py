"""Encoders and decoders of the VAE, by the recipe's name: paper, patch, keypoint, landmarks.

Each is two modules: floats (B, 3, H, W) in [0, 1] to features (B, features), and latents (B, dim)
to a picture's logits (B, 3, H, W). The heads between them belong to `vae.ConvVAE`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rig_ros.learning.config import VAEConfig

FC_INIT_BOUND = 1e-3
KEYPOINTS = 16
LANDMARKS = 32
SPOT_CELLS = 2.0
"""Width of a spot before training: a standard deviation, in cells of 4x4 pixels."""

Networks = tuple[nn.Sequential, nn.Module, int]


def _paper_84(latent_dim: int) -> Networks:
    """84 -> 27 -> 8 -> 2, with batch normalisation in the encoder only."""
    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 5, 3), nn.ReLU(), nn.BatchNorm2d(outputs)]
    encoder = nn.Sequential(
        *block(3, 16), *block(16, 32), *block(32, 32), nn.Flatten(), nn.Linear(128, 128))
    decoder = nn.Sequential(
        nn.Linear(latent_dim, 128), nn.ReLU(), nn.Unflatten(1, (32, 2, 2)),
        nn.ConvTranspose2d(32, 32, 5, 3), nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 6, 3), nn.ReLU(),
        nn.ConvTranspose2d(16, 3, 6, 3))
    return encoder, decoder, 128


def _paper_48(latent_dim: int) -> Networks:
    """48 -> 15 -> 7 -> 3."""
    encoder = nn.Sequential(
        nn.Conv2d(3, 16, 5, 3), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(576, 576))
    decoder = nn.Sequential(
        nn.Linear(latent_dim, 576), nn.ReLU(), nn.Unflatten(1, (64, 3, 3)),
        nn.ConvTranspose2d(64, 32, 3, 2), nn.ReLU(), nn.ConvTranspose2d(32, 16, 3, 2), nn.ReLU(),
        nn.ConvTranspose2d(16, 3, 6, 3))
    return encoder, decoder, 576


def _patch(image_size: int, latent_dim: int) -> tuple[nn.Sequential, nn.Sequential, int]:
    """Ours: 4x4 pixels are one unit (84 -> 21 -> 7, 48 -> 12 -> 4), cheap on a CPU."""
    side = image_size // 12
    features = 64 * side * side
    encoder = nn.Sequential(
        nn.PixelUnshuffle(4), nn.Conv2d(48, 32, 1), nn.ReLU(),
        nn.Conv2d(32, 64, 5, 3, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(features, 128), nn.ReLU())
    decoder = nn.Sequential(
        nn.Linear(latent_dim, 128), nn.ReLU(), nn.Linear(128, features), nn.ReLU(),
        nn.Unflatten(1, (64, side, side)),
        nn.ConvTranspose2d(64, 32, 5, 3, 1), nn.ReLU(),
        nn.Conv2d(32, 48, 1), nn.PixelShuffle(4))
    return encoder, decoder, 128


def cell_places(side: int) -> Tensor:
    """Return row and column of a map's cells (side * side, 2), in [-1, 1]."""
    line = torch.linspace(-1, 1, side)
    return torch.stack(torch.meshgrid(line, line, indexing='ij'), -1).reshape(-1, 2)


class SpatialSoftmax(nn.Module):
    """Where each channel is brightest: (B, C, S, S) to row and column (B, 2 C), in [-1, 1].

    The expected position under a softmax over the map, so it is finer than a cell.
    """

    grid: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.register_buffer('grid', cell_places(side), persistent=False)
        self.sharpness = nn.Parameter(torch.ones(1))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the positions, in float32 whatever the maps are: bfloat16 has 256 of them."""
        with torch.autocast(maps.device.type, enabled=False):
            weight = (maps.float().flatten(2) * self.sharpness).softmax(-1)
            return (weight @ self.grid).flatten(1)


def _keypoint(image_size: int, latent_dim: int) -> Networks:
    """Ours: latents are linear in the positions of 16 features; decoded as `patch`.

    A position on the table then changes the latent alike wherever it is, so that latent distance
    follows distance on the table also for a small object (doc/experiments/0006).
    """
    _, decoder, _ = _patch(image_size, latent_dim)
    encoder = nn.Sequential(nn.PixelUnshuffle(4), *_position_layers(image_size, KEYPOINTS))
    return encoder, decoder, 2 * KEYPOINTS


def _position_layers(image_size: int, features: int) -> list[nn.Module]:
    """From 4x4 pixels in 48 channels to the positions of features."""
    return [nn.Conv2d(48, 32, 1), nn.ReLU(), nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(),
            nn.Conv2d(32, features, 1), SpatialSoftmax(image_size // 4)]


class LandmarkDecoder(nn.Module):
    """Draws a picture from spots: (B, dim) to logits (B, 3, S, S).

    Latents become positions and strengths of 32 spots, Gaussians on a map of 4x4 pixel cells
    (after Jakab et al., NeurIPS 2018). Convolutions that see only their surroundings turn them
    into pixels, so that an object looks alike wherever it is and whatever else there is: what was
    learnt at one place holds at places never seen. Layers as in `patch` draw the rest.
    """

    line: Tensor

    def __init__(self, image_size: int, latent_dim: int) -> None:
        super().__init__()
        side = image_size // 4
        _, patch, _ = _patch(image_size, latent_dim)
        self.rest = patch[:-2]  # all but what turns cells into pixels, which `paint` does
        self.positions = nn.Linear(latent_dim, 2 * LANDMARKS)
        self.strengths = nn.Sequential(nn.Linear(latent_dim, 128), nn.ReLU(),
                                       nn.Linear(128, LANDMARKS))
        self.width = nn.Parameter(torch.full((LANDMARKS, 1, 1), SPOT_CELLS * 2 / side))
        self.paint = nn.Sequential(
            nn.Conv2d(32 + LANDMARKS, 64, 3, padding=1), nn.ReLU(),
            nn.Conv2d(64, 48, 1), nn.PixelShuffle(4))
        self.register_buffer('line', torch.linspace(-1, 1, side), persistent=False)

    def forward(self, latents: Tensor) -> Tensor:
        """Return the logits."""
        pixels: Tensor = self.paint(torch.cat((self.rest(latents), self.spots(latents)), 1))
        return pixels

    def spots(self, latents: Tensor) -> Tensor:
        """Return the spots' maps (B, 32, S / 4, S / 4), in float32 as their places are found."""
        with torch.autocast(latents.device.type, enabled=False):
            places = self.positions(latents.float()).unflatten(1, (LANDMARKS, 2, 1))
            along = torch.exp(-0.5 * ((self.line - places) / self.width) ** 2)
            strengths: Tensor = self.strengths(latents.float())[..., None, None]
            return strengths * along[:, :, 0, :, None] * along[:, :, 1, None, :]


def _landmarks(image_size: int, latent_dim: int) -> Networks:
    """Ours, for several or rarely moved objects: positions in, spots out (doc/experiments/0021).

    Against `keypoint`: colours are normalised, since a bright table would outshine all features;
    twice as many features, since those that take to the arm are lost to objects; another decoder.
    """
    encoder = nn.Sequential(
        nn.PixelUnshuffle(4), nn.BatchNorm2d(48), *_position_layers(image_size, LANDMARKS))
    return encoder, LandmarkDecoder(image_size, latent_dim), 2 * LANDMARKS


OURS = {'patch': _patch, 'keypoint': _keypoint, 'landmarks': _landmarks}


def build(image_size: int, config: VAEConfig) -> Networks:
    """Return encoder, decoder and the number of features between encoder and heads."""
    if config.networks == 'paper':
        return (_paper_84 if image_size == 84 else _paper_48)(config.latent_dim)
    return OURS[config.networks](image_size, config.latent_dim)


def initialise_as_paper(module: nn.Module) -> None:
    """Convolutions uniform within 1/sqrt(fan in), linear layers within 1e-3, biases zero."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            fan_in = layer.weight[0].numel()
            nn.init.uniform_(layer.weight, -fan_in ** -0.5, fan_in ** -0.5)
        elif isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -FC_INIT_BOUND, FC_INIT_BOUND)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
