"""What latents are, however they are made: their name, their scale, and two that are not learnt.

The agent sees, and rewards and goals are made of, latents as `encode` gives them. They come from a
VAE (`vae.ConvVAE`), or are, for comparisons, the picture itself or the true positions.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rig_ros.learning.config import VAEConfig

PIXEL_GRID = 12
"""Side of the pictures that stand for themselves."""


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


class Encoder(nn.Module):
    """Raw latents, shifted and scaled.

    Latents that leave `encode` are `(raw - shift) * scale`, when whitened by `steps` further
    multiplied by the matrix `mixing`; all are constants of the encoder (zero, one and one until
    `whiten`), so that everyone who holds the encoder agrees on them.
    """

    scale: Tensor
    shift: Tensor
    mixing: Tensor

    def __init__(self, latent_dim: int, input_shape: tuple[int, ...], config: VAEConfig) -> None:
        """Scale nothing.

        Args:
            latent_dim: size of a latent.
            input_shape: of what is encoded: a picture (H, W, 3) uint8 or a state (k,) float32.
            config: says how latents are whitened.
        """
        super().__init__()
        self.latent_dim = latent_dim
        self.input_shape = input_shape
        self.config = config
        self.register_buffer('scale', torch.ones(latent_dim))
        self.register_buffer('shift', torch.zeros(latent_dim))
        if config.by_steps:
            self.register_buffer('mixing', torch.eye(latent_dim))

    def encode(self, observations: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (B, latent_dim) of B observations."""
        raise NotImplementedError

    def decode(self, latents: Tensor, /) -> Tensor:
        """Return the observations of latents (B, latent_dim)."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where it is. What it answers is where the question was."""
        return self.shift.device

    @property
    def encoder_id(self) -> str:
        """Hash of everything that decides a picture's latent."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            if not name.startswith('decoder.'):
                digest.update(f'{name} {tuple(tensor.shape)} {tensor.dtype}\n'.encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def _scaled(self, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
        """Return raw latents as everyone else knows them."""
        mean, log_variance = (mean - self.shift) * self.scale, log_variance + 2 * self.scale.log()
        if self.config.by_steps:
            return mean @ self.mixing, torch.log(log_variance.exp() @ self.mixing ** 2)
        return mean, log_variance

    def _answer(self, asked: Tensor, mean: Tensor,
                log_variance: Tensor) -> tuple[Tensor, Tensor]:
        """Return raw latents as everyone else knows them, on the device of what was asked."""
        mean, log_variance = self._scaled(mean, log_variance)
        return mean.to(asked.device), log_variance.to(asked.device)

    def _raw(self, latents: Tensor) -> Tensor:
        """Return raw latents: what `_scaled` began with."""
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
        raw, raw_next = (self._raw(part.to(self.device)) for part in (latents, next_latents))
        self.shift.copy_(raw.mean(0))
        if not self.config.by_steps:
            self.scale.copy_(1 / raw.std(0).clamp(min=self.config.whiten_floor))
            return
        steps = raw_next - raw
        covariance = steps.T @ steps / len(steps)
        identity = torch.eye(len(covariance), device=self.device)
        covariance += self.config.step_floor * covariance.trace() / len(identity) * identity
        variances, directions = torch.linalg.eigh(covariance)
        # Of all matrices that do this the symmetric one: it follows small changes of the VAE with
        # small ones, where one that turns the axes would scramble what the agent has learnt.
        mixing = (directions * variances.rsqrt()) @ directions.T
        self.mixing.copy_(mixing / ((raw - self.shift) @ mixing).var(0).mean().sqrt())


class PixelEncoder(Encoder):
    """The picture in the place of a latent, averaged to 12 x 12: distances are those of pictures.

    Values in [0, 1], so that a distance is 21 times the root mean square difference.
    """

    def __init__(self, image_size: int, config: VAEConfig) -> None:
        """Take pictures of that side; of `config`, only how latents are whitened matters."""
        super().__init__(3 * PIXEL_GRID ** 2, (image_size, image_size, 3), config)
        self.image_size = image_size

    def encode(self, images_nhwc_u8: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (B, dim) of pictures (B, H, W, 3) uint8, variance one."""
        pixels = to_pixels(images_nhwc_u8.to(self.device))
        values = F.adaptive_avg_pool2d(pixels, PIXEL_GRID).flatten(1)
        return self._answer(images_nhwc_u8, values, torch.zeros_like(values))

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures (B, H, W, 3) uint8, coarse."""
        grid = self._raw(latents.to(self.device)).reshape(-1, 3, PIXEL_GRID, PIXEL_GRID)
        images = to_images(F.interpolate(grid, (self.image_size, self.image_size)))
        return images.to(latents.device)


class StateEncoder(Encoder):
    """True positions in the place of latents: the state oracle. Only the scale is learnt."""

    def __init__(self, state_dim: int, config: VAEConfig) -> None:
        """Take states (state_dim,); of `config`, only how latents are whitened matters."""
        super().__init__(state_dim, (state_dim,), config)

    def encode(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (B, state_dim) of states, the variance being one."""
        here = states.to(self.device)
        return self._answer(states, here, torch.zeros_like(here))

    def decode(self, latents: Tensor) -> Tensor:
        """Return the states (B, state_dim) of latents."""
        return self._raw(latents.to(self.device)).to(latents.device)


def to_pixels(images_nhwc_u8: Tensor) -> Tensor:
    """Return floats in [0, 1], shaped (B, 3, H, W) and laid out channels last."""
    return images_nhwc_u8.permute(0, 3, 1, 2).float().div_(255)


def to_images(pixels: Tensor) -> Tensor:
    """Return pictures (B, H, W, 3) uint8 of floats (B, 3, H, W) near [0, 1]."""
    levels: Tensor = (pixels.clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous()
