"""Minibatches of the VAE, and of what reads motion from its latents if the recipe wants that."""

from __future__ import annotations

import torch
from torch import Tensor

from rig_ros.learning.encoder import Encoder
from rig_ros.learning.motion import MotionReader
from rig_ros.learning.team import Team
from rig_ros.learning.vae import ConvVAE


class VAETraining:
    """What the VAE is trained with; an encoder that is not trained makes no use of it."""

    def __init__(self, vae: Encoder, action_dim: int, team: Team) -> None:
        """Build an optimiser, where the VAE is; its minibatches are shared with a team's."""
        self._vae, self._team = vae, team
        self.motion = (MotionReader(vae.latent_dim, action_dim).to(vae.device)
                       if vae.config.motion else None)
        learnt = [*vae.parameters(), *(self.motion.parameters() if self.motion else ())]
        self.optimiser = torch.optim.Adam([{'params': learnt}], vae.config.learning_rate,
                                          fused=True)

    def minibatch(self, images: Tensor, generator: torch.Generator,
                  motion: Tensor | None = None) -> tuple[dict[str, Tensor], Tensor]:
        """Improve the VAE by this process's share of a minibatch.

        Args:
            images: (B, H, W, 3) uint8; with motion, B / 2 pictures and a later one for each.
            generator: of the noise.
            motion: (B / 2, n), the actions between them added up; needed if the recipe reads it.

        Returns:
            Losses, `vae_loss`, `kl`, `reconstruction` and `unread_motion`, and the KL of each
            latent, all in nats per picture but the motion.
        """
        vae = self._vae
        assert isinstance(vae, ConvVAE)
        self.optimiser.zero_grad()
        loss = vae.loss(images, generator, self._team)
        total, losses = loss.total, {'kl': loss.kl, 'reconstruction': loss.reconstruction}
        if self.motion is not None and motion is not None:
            losses['unread_motion'] = self.motion.loss(loss.mean, motion.to(vae.device))
            total = total + vae.config.motion * losses['unread_motion']
        total.backward()  # type: ignore[no-untyped-call]
        self._team.average_gradients(self.optimiser)
        self.optimiser.step()
        losses['vae_loss'] = total
        return {name: each.detach() for name, each in losses.items()}, loss.kl_per_dim.detach()
