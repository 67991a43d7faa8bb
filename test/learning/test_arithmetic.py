"""Flat buffers, reduced precision, and the short way through Adam."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from rig_ros.errors import ConfigError
from rig_ros.learning.arithmetic import (
    FlatAdam,
    device_of,
    flatten,
    matmul_precision,
    product,
    without_denormals,
)
from rig_ros.learning.networks import EnsembleMLP


def test_a_flat_buffer_and_its_module_are_the_same_numbers():
    net = EnsembleMLP(2, 4, (8,), 1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    flat = flatten(net)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    with torch.no_grad():
        flat.zero_()
    assert not any(p.any() for p in net.parameters())
    net.load_state_dict(before)
    assert torch.equal(flat, torch.cat([t.flatten() for t in before.values()]))


def test_reduced_precision_ends_with_its_block_and_stays_close():
    net, x = EnsembleMLP(2, 40, (128, 128), 1), torch.randn(2, 100, 40)
    before, exact = torch.get_float32_matmul_precision(), net(x)
    with matmul_precision('bf16'):
        rounded = net(x)
    assert torch.get_float32_matmul_precision() == before
    torch.testing.assert_close(rounded, exact, atol=2e-3, rtol=2e-2)
    assert torch.equal(net(x), exact)


def test_thin_products_keep_full_precision():
    a, b = torch.randn(2, 100, 40), torch.randn(2, 40, 100)
    with matmul_precision('bf16'):
        inside = product(a, b)
        assert torch.get_float32_matmul_precision() == 'medium'
    assert torch.equal(inside, product(a, b))


def test_the_short_way_through_adam_is_adam():
    values, slopes = torch.randn(50), torch.randn(4, 50)
    ours, theirs = torch.nn.Parameter(values.clone()), torch.nn.Parameter(values.clone())
    flat, plain = FlatAdam(ours, 1e-2), torch.optim.Adam([theirs], 1e-2, fused=True)
    for slope in slopes:
        ours.grad, theirs.grad = slope.clone(), slope.clone()
        flat.advance()
        plain.step()
    assert torch.equal(ours, theirs)
    assert torch.equal(flat.state[ours]['exp_avg'], plain.state[theirs]['exp_avg'])


def test_denormals_are_zero_inside_a_block_and_back_after_it():
    tiny = torch.full((1,), 1e-40)
    with without_denormals():
        assert (tiny * 1.0).item() == 0.0
        with without_denormals():
            pass
        assert (tiny * 1.0).item() == 0.0
    assert (tiny * 1.0).item() != 0.0


HELPERS = """
import torch
from rig_ros.learning.arithmetic import start_threads, without_denormals
assert torch.get_num_threads() == 2
{}
tiny = torch.full((1 << 20,), 1e-40)
with without_denormals():
    print(tiny.mul(1.0).count_nonzero().item())
"""


@pytest.mark.parametrize(('first', 'flushed'), [('start_threads()', True),
                                                ('torch.ones(1 << 20).mul_(2.0)', False)])
def test_denormals_are_zero_in_the_threads_that_help(first, flushed):
    """The second thread kept denormal numbers, and with them took longer than one alone."""
    done = subprocess.run([sys.executable, '-c', HELPERS.format(first)], text=True, check=True,
                          stdout=subprocess.PIPE, timeout=60,
                          env={**os.environ, 'OMP_NUM_THREADS': '2'})
    assert (int(done.stdout) == 0) is flushed


def test_learning_leaves_the_processor_as_it_was():
    from toy_training import small_config

    from rig_ros.learning.trainer import Learner

    learner, rng = Learner(small_config(), 2, 0), np.random.default_rng(0)
    size = learner.config.image_size
    learner.add_episode(rng.integers(0, 255, (11, size, size, 3), np.uint8),
                        rng.uniform(-1, 1, (10, 2)).astype(np.float32))
    learner.train_vae(1)
    learner.train_policy(1)
    assert np.float64(5e-324) * 1.0 != 0.0


def test_auto_is_the_processor_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert device_of('auto') == device_of('cpu') == torch.device('cpu')
    with pytest.raises(ConfigError, match='finds no GPU'):
        device_of('cuda')


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert device_of('auto') == device_of('cuda') == torch.device('cuda')
    assert device_of('cpu') == torch.device('cpu')


def test_moments_stay_in_the_same_tensors_when_others_are_loaded():
    """Else what a GPU recorded would go on writing to those from before."""
    parameter = nn.Parameter(torch.ones(3))
    optimiser, other = (FlatAdam(parameter, 0.1) for _ in range(2))
    for number, each in enumerate((optimiser, other), 1):
        parameter.grad = torch.full((3,), float(number))
        each.advance()
    before = dict(optimiser.state[parameter])
    optimiser.load_state_dict(other.state_dict())
    for name, tensor in before.items():
        assert optimiser.state[parameter][name] is tensor
        assert torch.equal(tensor, other.state[parameter][name])


def test_loading_a_state_without_moments_empties_them():
    parameter = nn.Parameter(torch.ones(3))
    optimiser, fresh = (FlatAdam(parameter, 0.1) for _ in range(2))
    parameter.grad = torch.ones(3)
    optimiser.advance()
    optimiser.load_state_dict(fresh.state_dict())
    assert all(tensor.count_nonzero() == 0 for tensor in optimiser.state[parameter].values())
