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
from rig_ros.settings import require

Likelihood = Literal['bernoulli', 'gaussian']
FC_INIT_BOUND = 1e-3
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


Networks = tuple[nn.Sequential, nn.Sequential, int]


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


def _patch(image_size: int, latent_dim: int) -> Networks:
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


def _initialise_as_paper(module: nn.Module) -> None:
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


class ConvVAE(nn.Module):
    """A convolutional beta-VAE.

    The encoder's posterior has variance `min_variance * exp(|h|)`, as the paper's code. Latents
    that leave `encode` are `(mean - shift) * scale`; both are constants of the encoder (zero and
    one unless `whiten` was called), so that everyone who holds the encoder agrees on them.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, image_size: int, config: VAEConfig) -> None:
        """Build untrained networks for square pictures of that side."""
        super().__init__()
        require(image_size in (48, 84), 'image_size', image_size, '48 or 84')
        self.image_size = image_size
        self.latent_dim = config.latent_dim
        self.config = config
        if config.networks == 'patch':
            self.encoder, self.decoder, features = _patch(image_size, config.latent_dim)
        elif image_size == 84:
            self.encoder, self.decoder, features = _paper_84(config.latent_dim)
        else:
            self.encoder, self.decoder, features = _paper_48(config.latent_dim)
        self.mean_head = nn.Linear(features, config.latent_dim)
        self.log_variance_head = nn.Linear(features, config.latent_dim)
        if config.networks == 'paper':
            _initialise_as_paper(self)
        self.register_buffer('scale', torch.ones(config.latent_dim))
        self.register_buffer('shift', torch.zeros(config.latent_dim))
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
        logits = self.decoder(mean + noise * torch.exp(0.5 * log_variance))
        reconstruction = reconstruction_nats(pixels, logits, self.config.likelihood)
        kl_per_dim = 0.5 * (mean ** 2 + log_variance.exp() - 1 - log_variance).mean(0)
        return VAELoss(reconstruction + self.config.beta * kl_per_dim.sum(), reconstruction,
                       kl_per_dim)

    @torch.no_grad()
    def encode(self, images_nhwc_u8: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (B, latent_dim) of pictures (B, H, W, 3) uint8."""
        mean, log_variance = self.posterior(to_pixels(images_nhwc_u8))
        return (mean - self.shift) * self.scale, log_variance + 2 * self.scale.log()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures (B, H, W, 3) uint8 for latents (B, latent_dim)."""
        pixels = self.decoder(latents / self.scale + self.shift)
        if self.config.likelihood == 'bernoulli':
            pixels = torch.sigmoid(pixels)
        levels: Tensor = (pixels.clamp(0, 1) * 255).round().to(torch.uint8)
        return levels.permute(0, 2, 3, 1).contiguous()

    @torch.no_grad()
    def whiten(self, latents: Tensor) -> None:
        """Change the space so that `latents` (N, dim), made by `encode`, get unit variance.

        A dimension that hardly varies carries noise: no deviation counts as less than
        `whiten_floor`.
        """
        raw = latents / self.scale + self.shift
        self.shift.copy_(raw.mean(0))
        self.scale.copy_(1 / raw.std(0).clamp(min=self.config.whiten_floor))


def to_pixels(images_nhwc_u8: Tensor) -> Tensor:
    """Return floats in [0, 1], shaped (B, 3, H, W) and laid out channels last."""
    return images_nhwc_u8.permute(0, 3, 1, 2).float().div_(255)


def reconstruction_nats(pixels: Tensor, logits: Tensor,
                        likelihood: Likelihood) -> Tensor:
    """Return the negative log likelihood: sum over a picture, mean over the batch.

    Gaussian: unit variance, without its constant, so half the summed squared error.
    """
    if likelihood == 'bernoulli':
        summed = F.binary_cross_entropy_with_logits(logits, pixels, reduction='sum')
    else:
        summed = 0.5 * F.mse_loss(logits, pixels, reduction='sum')
    nats: Tensor = summed / pixels.shape[0]
    return nats


def active_dims(kl_per_dim: Tensor) -> int:
    """Return how many latents say something about the picture."""
    return int((kl_per_dim > ACTIVE_KL_NATS).sum())
