"""The representation: the paper's beta-VAE for 84 and 48 pixel pictures.

Pictures come in as uint8 (B, H, W, 3) and leave as uint8 of the same shape. Inside they are
floats in [0, 1]. The loss is a number of nats per picture: the likelihood is the SUM over a
picture's pixels and colours, the KL the sum over latents, both averaged over the batch only. (An
average over pixels would multiply beta by 21,168, the well-known trap of porting this algorithm.)
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rig_ros.learning.config import VAEConfig
from rig_ros.learning.vae_networks import build, initialise_as_paper
from rig_ros.settings import require

Likelihood = Literal['bernoulli', 'gaussian']
ACTIVE_KL_NATS = 0.05


class Representation(Protocol):
    """What turns pictures to latents and back."""

    latent_dim: int

    @property
    def encoder_id(self) -> str:
        """Name of the latent space; another one whenever a picture's latent may differ."""
        ...

    def encode(self, images_nhwc_u8: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, each (B, latent_dim)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures (B, H, W, 3) uint8 for latents (B, latent_dim)."""
        ...


@dataclass(frozen=True)
class VAELoss:
    """One minibatch's loss, in nats per picture."""

    total: Tensor
    reconstruction: Tensor
    kl_per_dim: Tensor

    @property
    def kl(self) -> Tensor:
        """KL summed over the latents."""
        return self.kl_per_dim.sum()


class ConvVAE(nn.Module):
    """A convolutional beta-VAE.

    The encoder's posterior has variance `min_variance * exp(|h|)`, as the paper's code. Latents
    that leave `encode` are `(mean - shift) * scale`, when whitened by `steps` further multiplied
    by the matrix `mixing`; all are constants of the encoder (zero, one and one until `whiten`), so
    that everyone who holds the encoder agrees on them.
    """

    scale: Tensor
    shift: Tensor
    mixing: Tensor

    def __init__(self, image_size: int, config: VAEConfig) -> None:
        """Build untrained networks for square pictures of that side."""
        super().__init__()
        require(image_size in (48, 84), 'image_size', image_size, '48 or 84')
        self.image_size = image_size
        self.latent_dim = config.latent_dim
        self.config = config
        self.encoder, self.decoder, features = build(image_size, config)
        self.mean_head = nn.Linear(features, config.latent_dim)
        self.log_variance_head = nn.Linear(features, config.latent_dim)
        if config.networks == 'paper':
            initialise_as_paper(self)
        self.register_buffer('scale', torch.ones(config.latent_dim))
        self.register_buffer('shift', torch.zeros(config.latent_dim))
        if config.by_steps:
            self.register_buffer('mixing', torch.eye(config.latent_dim))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eval()

    @property
    def encoder_id(self) -> str:
        """Hash of everything that decides a picture's latent."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            if not name.startswith('decoder.'):
                digest.update(f'{name} {tuple(tensor.shape)} {tensor.dtype}\n'.encode())
                digest.update(tensor.detach().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def posterior(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, before `scale`, for floats (B, 3, H, W) in [0, 1]."""
        features = self.encoder(pixels)
        log_variance = math.log(self.config.min_variance) + self.log_variance_head(features).abs()
        mean: Tensor = self.mean_head(features)
        return mean, log_variance

    def loss(self, images_nhwc_u8: Tensor, generator: torch.Generator) -> VAELoss:
        """Return the negative evidence bound of a minibatch, KL weighted by beta."""
        pixels = to_pixels(images_nhwc_u8)
        mean, log_variance = self.posterior(pixels)
        noise = torch.randn(mean.shape, generator=generator)
        if self.config.deterministic:
            noise.zero_()
        logits = self.decoder(mean + noise * torch.exp(0.5 * log_variance))
        reconstruction = reconstruction_nats(pixels, logits, self.config.likelihood)
        kl_per_dim = 0.5 * (mean ** 2 + log_variance.exp() - 1 - log_variance).mean(0)
        return VAELoss(reconstruction + self.config.beta * kl_per_dim.sum(), reconstruction,
                       kl_per_dim)

    @torch.no_grad()
    def log_likelihood(self, images_nhwc_u8: Tensor, samples: int,
                       generator: torch.Generator) -> Tensor:
        """Return log p(x) (B,) in nats, up to a constant, by importance sampling.

        The logarithm of the mean over z ~ q(z | x) of p(x | z) p(z) / q(z | x).
        """
        pixels = to_pixels(images_nhwc_u8)
        mean, log_variance = self.posterior(pixels)
        terms = []
        for _ in range(samples):
            noise = torch.randn(mean.shape, generator=generator)
            z = mean + noise * torch.exp(0.5 * log_variance)
            picture = log_pixels(pixels, self.decoder(z), self.config.likelihood).sum((1, 2, 3))
            prior_over_posterior = 0.5 * (noise ** 2 + log_variance - z ** 2).sum(1)
            terms.append(picture + prior_over_posterior)
        return torch.logsumexp(torch.stack(terms), 0) - math.log(samples)

    @torch.no_grad()
    def encode(self, images_nhwc_u8: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (B, latent_dim) of pictures (B, H, W, 3) uint8."""
        mean, log_variance = self.posterior(to_pixels(images_nhwc_u8))
        mean, log_variance = (mean - self.shift) * self.scale, log_variance + 2 * self.scale.log()
        if self.config.by_steps:
            return mean @ self.mixing, torch.log(log_variance.exp() @ self.mixing ** 2)
        return mean, log_variance

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures (B, H, W, 3) uint8 for latents (B, latent_dim)."""
        pixels = self.decoder(self._raw(latents))
        if self.config.likelihood == 'bernoulli':
            pixels = torch.sigmoid(pixels)
        levels: Tensor = (pixels.clamp(0, 1) * 255).round().to(torch.uint8)
        return levels.permute(0, 2, 3, 1).contiguous()

    def _raw(self, latents: Tensor) -> Tensor:
        """Return latents as the decoder knows them."""
        if self.config.by_steps:
            latents = torch.linalg.solve(self.mixing, latents, left=False)
        return latents / self.scale + self.shift

    @torch.no_grad()
    def whiten(self, latents: Tensor, next_latents: Tensor) -> None:
        """Change the space as `VAEConfig.whiten_by` says, by latents (N, dim) that `encode` made.

        `spread`: each latent gets unit variance. A latent that hardly varies carries noise: no
        deviation counts as less than `whiten_floor`.

        `steps`: the change from a latent to the next, one step later, gets the same variance in
        every direction, so that a distance counts steps. What moves seldom, as a puck does, then
        weighs more than what always moves. A direction that hardly ever changes carries noise:
        `step_floor` times the mean variance of changes is added to each. One scalar brings the
        latents' mean variance to one.
        """
        raw, raw_next = self._raw(latents), self._raw(next_latents)
        self.shift.copy_(raw.mean(0))
        if not self.config.by_steps:
            self.scale.copy_(1 / raw.std(0).clamp(min=self.config.whiten_floor))
            return
        steps = raw_next - raw
        covariance = steps.T @ steps / len(steps)
        identity = torch.eye(len(covariance))
        covariance += self.config.step_floor * covariance.trace() / len(identity) * identity
        variances, directions = torch.linalg.eigh(covariance)
        # Of all matrices that do this the symmetric one: it follows small changes of the VAE with
        # small ones, where one that turns the axes would scramble what the agent has learnt.
        mixing = (directions * variances.rsqrt()) @ directions.T
        self.mixing.copy_(mixing / ((raw - self.shift) @ mixing).var(0).mean().sqrt())


def to_pixels(images_nhwc_u8: Tensor) -> Tensor:
    """Return floats in [0, 1], shaped (B, 3, H, W) and laid out channels last."""
    return images_nhwc_u8.permute(0, 3, 1, 2).float().div_(255)


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
