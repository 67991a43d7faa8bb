"""What a VAE shall tell beside the picture: how far the arm was moved between two of them.

A likelihood summed over pixels hardly pays for depth: a hand that comes nearer changes few of them
by little, and the latent says little of it. The robot knows what it did in between, without any
sensor. Reading that from the change of the latent makes every direction the arm can be moved in
count alike, and latent distance follow distance. Inverse models of this kind are known from
Agrawal et al. (Learning to Poke by Poking, NeurIPS 2016) and Pathak et al. (Curiosity-driven
Exploration, ICML 2017); here the map is linear, over several steps, and added to the VAE's loss.
"""

from __future__ import annotations

from torch import Tensor, nn


class MotionReader(nn.Module):
    """Reads the sum of actions from the change of a latent; needed for training only."""

    def __init__(self, latent_dim: int, action_dim: int) -> None:
        super().__init__()
        self.reader = nn.Linear(latent_dim, action_dim, bias=False)

    def loss(self, means: Tensor, motion: Tensor) -> Tensor:
        """Return the squared error: sum over components, mean over the pairs.

        Args:
            means: latents (2 B, latent_dim) of B pictures, then of a later one for each.
            motion: (B, n), the actions between them added up.
        """
        before, later = means.chunk(2)
        error: Tensor = self.reader(later - before) - motion
        return error.square().sum(1).mean()
