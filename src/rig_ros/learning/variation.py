"""The same model with slightly other weights: another bundle and another encoder, for drills."""

from __future__ import annotations

import dataclasses
from typing import Any

import safetensors.torch as safetensors_torch
import torch

from rig_ros.learning import bundle
from rig_ros.learning.bundle_file import read_manifest

NOISE = 1e-4


def vary(content: bytes, seed: int) -> bytes:
    """Return a bundle whose policy and encoder differ a little from those of another.

    Args:
        content: a whole bundle file.
        seed: decides the difference.

    Raises:
        DataError, ModelMismatch: it is no usable bundle.
    """
    bundle.loads(content)
    manifest = read_manifest(content)
    tensors = safetensors_torch.load(content)
    modules = bundle.build_networks(manifest.architecture)
    generator = torch.Generator().manual_seed(seed)
    for name in bundle.REQUIRED_MODULES:
        modules[name].load_state_dict({key.partition('.')[2]: value for key, value in
                                       tensors.items() if key.startswith(f'{name}.')})
        with torch.no_grad():
            for weights in modules[name].parameters():
                weights.add_(torch.randn(weights.shape, generator=generator), alpha=NOISE)
    vae: Any = modules['vae']
    return bundle.to_bytes(dataclasses.replace(manifest, encoder_id=vae.encoder_id), modules)
