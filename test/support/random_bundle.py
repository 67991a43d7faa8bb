"""Bundles with random weights: a model that runs but knows nothing."""

from __future__ import annotations

import torch

from rig_ros.control import task as tasks
from rig_ros.learning import bundle as bundles
from rig_ros.learning.config import VAEConfig
from rig_ros.learning.manifest import Manifest


def content(seed: int = 0, task: str = 'reach_xy', latent_dim: int = 4) -> bytes:
    """Return a bundle file's bytes for a task, different for each seed."""
    chosen = tasks.load(task)
    torch.manual_seed(seed)
    vae = VAEConfig(latent_dim=latent_dim, networks='patch')
    architecture = bundles.architecture(chosen.image_size, vae, chosen.action_dim, (32, 32))
    modules = bundles.build_networks(architecture)
    manifest = Manifest.for_task(
        chosen, encoder_id=modules['vae'].encoder_id, latent_dim=latent_dim,
        architecture=architecture, goal_prior_mean=(0.0,) * latent_dim,
        goal_prior_std=(1.0,) * latent_dim)
    return bundles.to_bytes(manifest, modules)
