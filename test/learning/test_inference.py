"""Numpy's networks against torch's."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rig_ros.learning import inference
from rig_ros.learning.config import VAEConfig
from rig_ros.learning.networks import Policy
from rig_ros.learning.vae import ConvVAE


def scrambled(module: nn.Module) -> Any:
    """Give every weight and statistic a value that matters."""
    generator = torch.Generator().manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(0.1 * torch.rand(tensor.shape, generator=generator) + 0.01
                         if tensor.ndim < 2 else
                         0.2 * torch.randn(tensor.shape, generator=generator))
    return module.eval()


@pytest.mark.parametrize('size', [48, 84])
@pytest.mark.parametrize(('networks', 'whiten_by'),
                         [('paper', 'spread'), ('patch', 'spread'), ('keypoint', 'steps'),
                          ('landmarks', 'steps')])
def test_encodes_as_torch_does(networks: Any, whiten_by: Any, size: int) -> None:
    config = dataclasses.replace(VAEConfig(), networks=networks, whiten=True, whiten_by=whiten_by)
    vae = scrambled(ConvVAE(size, config))
    encode = inference.encoder(vae)
    assert encode is not None
    rng = np.random.default_rng(1)
    for _ in range(3):  # buffers are used again
        picture = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        expected = vae.encode(torch.from_numpy(picture)[None])
        for value, right in zip(encode(picture), expected):
            assert value.dtype == np.float32
            np.testing.assert_allclose(value, right[0].numpy(), rtol=1e-4, atol=1e-4)


def test_acts_as_torch_does() -> None:
    policy = scrambled(Policy(5, 3, (40, 30)))
    act = inference.actor(policy)
    assert act is not None
    latent, goal = np.random.default_rng(2).standard_normal((2, 5)).astype(np.float32)
    with torch.no_grad():
        expected = policy(torch.from_numpy(latent)[None], torch.from_numpy(goal)[None])[0]
    np.testing.assert_allclose(act(latent, goal), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_leaves_unknown_networks_to_torch() -> None:
    vae = ConvVAE(48, VAEConfig())
    vae.encoder.append(nn.Dropout())
    assert inference.encoder(vae) is None
    assert inference.encoder(nn.Identity()) is None
    assert inference.actor(nn.Identity()) is None
