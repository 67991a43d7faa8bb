"""The representation: the paper's beta-VAE for 84 and 48 pixel pictures.

Pictures come in as uint8 (B, H, W, 3) and leave as uint8 of the same shape. Inside they are
floats in [0, 1]. The loss is a number of nats per picture: the likelihood is the SUM over a
picture's pixels and colours, the KL the sum over latents, both averaged over the batch only. (An
average over pixels would multiply beta by 21,168, the well-known trap of porting this algorithm.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rig_ros.learning.config import VAEConfig
from rig_ros.learning.encoder import Encoder, to_images, to_pixels
from rig_ros.learning.team import ALONE, Team
from rig_ros.learning.vae_networks import build, initialise_as_paper
from rig_ros.settings import require

Likelihood = Literal['bernoulli', 'gaussian']
ACTIVE_KL_NATS = 0.05


@dataclass(frozen=True)
class VAELoss:
    """One minibatch's loss, in nats per picture."""

    total: Tensor
    reconstruction: Tensor
    kl_per_dim: Tensor
    mean: Tensor
    """(B, latent_dim), before `scale`."""

    @property
    def kl(self) -> Tensor:
        """KL summed over the latents."""
        return self.kl_per_dim.sum()


class ConvVAE(Encoder):
    """A convolutional beta-VAE.

    The encoder's posterior has variance `min_variance * exp(|h|)`, as the paper's code.
    """

    def __init__(self, image_size: int, config: VAEConfig) -> None:
        """Build untrained networks for square pictures of that side."""
        require(image_size in (48, 84), 'image_size', image_size, '48 or 84')
        super().__init__(config.latent_dim, (image_size, image_size, 3), config)
        self.image_size = image_size
        self.encoder, self.decoder, features = build(image_size, config)
        self.mean_head = nn.Linear(features, config.latent_dim)
        self.log_variance_head = nn.Linear(features, config.latent_dim)
        if config.networks == 'paper':
            initialise_as_paper(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eval()

    def posterior(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, before `scale`, for floats (B, 3, H, W) in [0, 1]."""
        return self._heads(self.encoder(pixels))

    def _heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        log_variance = math.log(self.config.min_variance) + self.log_variance_head(features).abs()
        mean: Tensor = self.mean_head(features)
        return mean, log_variance

    def loss(self, images_nhwc_u8: Tensor, generator: torch.Generator,
             team: Team = ALONE) -> VAELoss:
        """Return the negative evidence bound of a minibatch, KL weighted by beta.

        Args:
            images_nhwc_u8: this process's share of the minibatch.
            generator: of the noise.
            team: who else has a share.
        """
        pixels = to_pixels(images_nhwc_u8.to(self.device))
        rounded = torch.autocast(pixels.device.type, torch.bfloat16,
                                 enabled=self.config.precision == 'bf16')
        with rounded:
            features = self.encoder(pixels)
        mean, log_variance = self._heads(features.float())
        noise = team.share(torch.randn((team.size * len(mean), self.latent_dim),
                                       generator=generator)).to(self.device)
        if self.config.deterministic:
            noise.zero_()
        with rounded:
            logits = self.decoder(mean + noise * torch.exp(0.5 * log_variance))
        reconstruction = reconstruction_nats(pixels, logits.float(), self.config.likelihood)
        kl_per_dim = 0.5 * (mean ** 2 + log_variance.exp() - 1 - log_variance).mean(0)
        return VAELoss(reconstruction + self.config.beta * kl_per_dim.sum(), reconstruction,
                       kl_per_dim, mean)

    @torch.no_grad()
    def log_likelihood(self, images_nhwc_u8: Tensor, samples: int,
                       generator: torch.Generator) -> Tensor:
        """Return log p(x) (B,) in nats, up to a constant, by importance sampling.

        The logarithm of the mean over z ~ q(z | x) of p(x | z) p(z) / q(z | x).
        """
        pixels = to_pixels(images_nhwc_u8.to(self.device))
        mean, log_variance = self.posterior(pixels)
        terms = []
        for _ in range(samples):
            noise = torch.randn(mean.shape, generator=generator).to(self.device)
            z = mean + noise * torch.exp(0.5 * log_variance)
            picture = log_pixels(pixels, self.decoder(z), self.config.likelihood).sum((1, 2, 3))
            prior_over_posterior = 0.5 * (noise ** 2 + log_variance - z ** 2).sum(1)
            terms.append(picture + prior_over_posterior)
        likelihood = torch.logsumexp(torch.stack(terms), 0) - math.log(samples)
        return likelihood.to(images_nhwc_u8.device)

    @torch.no_grad()
    def encode(self, images_nhwc_u8: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (B, latent_dim) of pictures (B, H, W, 3) uint8."""
        raw = self.posterior(to_pixels(images_nhwc_u8.to(self.device)))
        return self._answer(images_nhwc_u8, *raw)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures (B, H, W, 3) uint8 for latents (B, latent_dim)."""
        pixels = self.decoder(self._raw(latents.to(self.device)))
        if self.config.likelihood == 'bernoulli':
            pixels = torch.sigmoid(pixels)
        return to_images(pixels).to(latents.device)


def reconstruction_nats(pixels: Tensor, logits: Tensor,
                        likelihood: Likelihood) -> Tensor:
    """Return the negative log likelihood: sum over a picture, mean over the batch.

    Gaussian: unit variance, without its constant, so half the summed squared error.
    """
    nats: Tensor = -log_pixels(pixels, logits, likelihood).sum() / pixels.shape[0]
    return nats


def log_pixels(pixels: Tensor, logits: Tensor, likelihood: Likelihood) -> Tensor:
    """Return the log likelihood of each value, shaped as `pixels`."""
    if likelihood == 'bernoulli':
        return -F.binary_cross_entropy_with_logits(logits, pixels, reduction='none')
    return -0.5 * (logits - pixels) ** 2


def active_dims(kl_per_dim: Tensor) -> int:
    """Return how many latents say something about the picture."""
    return int((kl_per_dim > ACTIVE_KL_NATS).sum())
