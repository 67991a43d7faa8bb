"""How much each picture of the replay counts: Skew-Fit's weights and a simpler kin of them.

Goals drawn evenly from what was seen are mostly the common: a puck that lies where it always
lies. Weights that grow as the density falls draw the rare ones out, and practice then makes them
less rare (Pong et al., Skew-Fit, ICML 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor

from rig_ros.learning.config import SkewConfig
from rig_ros.learning.encoder import Encoder
from rig_ros.learning.replay import Replay
from rig_ros.learning.vae import ConvVAE

MAX_PICTURES = 4096
"""Pictures that weights are computed for; of more, evenly spaced ones."""
CHUNK = 512
MIN_DISTANCE = 1e-6


def neighbour_log_density(latents: Tensor, neighbours: int, dimension: float,
                          among: Tensor | None = None) -> Tensor:
    """Return log density (N,), up to a constant: by the distance to the k-th nearest latent.

    Args:
        latents: (N, dim).
        neighbours: k.
        dimension: of the surface that latents lie on.
        among: (M, dim) that neighbours are looked for among; `latents` if left out.
    """
    among = latents if among is None else among
    count = min(neighbours, len(among) - 1)
    if count == 0:
        return torch.zeros(len(latents))
    distance = torch.cat([torch.cdist(chunk, among).kthvalue(count + 1).values
                          for chunk in torch.split(latents, CHUNK)])
    return -dimension * distance.clamp(min=MIN_DISTANCE).log()


def weights_from(log_density: Tensor, power: float, clip: float) -> Tensor:
    """Return density ** -power over its median, within [1 / clip, clip]."""
    exponent = -power * (log_density - log_density.median())
    return exponent.exp().clamp(1 / clip, clip)


def picture_weights(config: SkewConfig, encoder: Encoder, replay: Replay, chosen: Tensor,
                    generator: torch.Generator) -> Tensor:
    """Return the weights of chosen pictures of the replay, by their place among its frames."""
    if config.density == 'even':
        return torch.ones(len(chosen))
    if config.density == 'neighbours':
        log_density = neighbour_log_density(replay.all_latents()[chosen], config.neighbours,
                                            config.dimension)
    else:
        assert isinstance(encoder, ConvVAE), 'TrainConfig refuses it'
        log_density = torch.cat([
            encoder.log_likelihood(replay.pictures(part), config.samples, generator)
            for part in torch.split(chosen, CHUNK)])
    return weights_from(log_density, config.power, config.clip)


def all_weights(config: SkewConfig, replay: Replay) -> Tensor:
    """Return the weights of all pictures of the replay, by neighbours among spaced ones."""
    latents = replay.all_latents()
    log_density = neighbour_log_density(latents, config.neighbours, config.dimension,
                                        latents[spaced(len(latents))])
    return weights_from(log_density, config.power, config.clip)


def spaced(count: int) -> Tensor:
    """Return the evenly spaced places, at most MAX_PICTURES, of `count` pictures."""
    return torch.arange(0, count, -(-count // MAX_PICTURES))
