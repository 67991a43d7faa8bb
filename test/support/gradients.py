"""Gradients that are written out beside layers, held against autograd's."""

from __future__ import annotations

import torch

from rig_ros.learning.arithmetic import flatten
from rig_ros.learning.layers import Ensemble


def assert_agree_with_autograd(net: Ensemble, inputs: int, outputs: int) -> None:
    """Compare a network's gradients of its input and of every parameter, in double precision."""
    net = net.double()
    x = torch.randn(net.members, 5, inputs, dtype=torch.float64, requires_grad=True)
    slope = torch.randn(net.members, 5, outputs, dtype=torch.float64)
    expected = torch.autograd.grad(net(x), [x, *net.parameters()], slope)
    flatten(net)
    with torch.no_grad():
        trace = net.trace(x)
        net.parameter_gradients(trace, slope)
        actual = [net.input_gradient(trace, slope), *(p.grad for p in net.parameters())]
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b)
