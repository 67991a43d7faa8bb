"""Which encoder a recipe names."""

from __future__ import annotations

import torch

from rig_ros.learning.config import TrainConfig
from rig_ros.learning.encoder import Encoder, PixelEncoder, StateEncoder
from rig_ros.learning.object_latents import ARM
from rig_ros.learning.objects import ObjectEncoder
from rig_ros.learning.vae import ConvVAE
from rig_ros.settings import require


def make_encoder(config: TrainConfig, action_dim: int, state_dim: int,
                 device: torch.device) -> Encoder:
    """Return the recipe's encoder, untrained.

    Args:
        config: the recipe.
        action_dim: number of action components.
        state_dim: size of the state vectors that take the place of pictures, if there are any.
        device: where it is; objects are found and read by the processor, in a millisecond.

    Raises:
        ConfigError: the recipe's encoder needs what is not there.
    """
    if config.encoder == 'objects':
        require(action_dim == ARM, 'encoder', config.encoder,
                f"'vae' where the arm moves in {action_dim} components; 'objects' where it moves "
                'in a plane, by 2')
        return ObjectEncoder(config.image_size, config.vae, config.objects)
    if config.encoder == 'vae':
        return ConvVAE(config.image_size, config.vae).to(device)
    if config.encoder == 'pixels':
        return PixelEncoder(config.image_size, config.vae).to(device)
    require(state_dim >= 1, 'encoder', config.encoder, "'vae', 'objects' or 'pixels' where "
            'pictures are all there is; only rig_ros train gives true positions')
    return StateEncoder(state_dim, config.vae).to(device)
