"""Layers of networks that stand side by side, an ensemble, as one batched module.

Shapes: B is the batch, M the ensemble's members. No Python loop runs over members. Whatever takes
(M, B, inputs) also takes fewer members than there are, and then means the first ones.

Gradients are written out beside each layer instead of recorded: at these sizes the recording costs
as much time as the arithmetic it skips. A test holds them against autograd's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from rig_ros.learning.arithmetic import product

HIDDEN_BIAS = 0.1
LAST_LAYER_BOUND = 3e-3


class Layer(Protocol):
    """A function of (M, B, inputs) that knows its gradients."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return (M, B, outputs)."""
        ...

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> None:
        """Overwrite the parameters' `.grad`, from the output's gradient and the input."""
        ...

    def input_gradient(self, grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """Return the input's gradient, from the output's, the input and the output."""
        ...


class EnsembleLinear(nn.Module):
    """M linear layers side by side: (M, B, inputs) to (M, B, outputs).

    Initialised as the paper's code does: weights uniform within 1/sqrt(inputs), bias 0.1; a last
    layer uniform within 3e-3, so that first actions and values are near zero.
    """

    def __init__(self, members: int, inputs: int, outputs: int, *, last: bool = False) -> None:
        super().__init__()
        bound = LAST_LAYER_BOUND if last else inputs ** -0.5
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.full((members, 1, outputs), 0.0 if last else HIDDEN_BIAS))

    def forward(self, x: Tensor) -> Tensor:
        """Apply each member's layer to its slice of the first dimension."""
        return product(x, self.weight[:len(x)]).add_(self.bias[:len(x)])

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> None:
        """Overwrite the parameters' `.grad`, from the output's gradient and the input."""
        product(x.transpose(1, 2), grad, self.weight.grad)
        torch.sum(grad, 1, keepdim=True, out=self.bias.grad)

    def input_gradient(self, grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """Return the input's gradient."""
        del x, out
        return product(grad, self.weight[:len(grad)].transpose(1, 2))


class EnsembleLayerNorm(nn.Module):
    """LayerNorm over the features with a scale and shift for each member."""

    def __init__(self, members: int, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, 1, features))
        self.shift = nn.Parameter(torch.zeros(members, 1, features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        normal = nn.functional.layer_norm(x, x.shape[-1:])
        return torch.addcmul(self.shift[:len(x)], normal, self.scale[:len(x)])

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> None:
        """Overwrite the parameters' `.grad`, from the output's gradient and the input."""
        normal = nn.functional.layer_norm(x, x.shape[-1:])
        torch.sum(grad * normal, 1, keepdim=True, out=self.scale.grad)
        torch.sum(grad, 1, keepdim=True, out=self.shift.grad)

    def input_gradient(self, grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """Return the input's gradient."""
        del out
        scaled, shape = grad * self.scale[:len(grad)], x.shape[-1:]
        _, mean, inverse_std = torch.native_layer_norm(x, shape, None, None, 1e-5)
        return torch.ops.aten.native_layer_norm_backward(  # type: ignore[no-any-return]
            scaled, x, shape, mean, inverse_std, None, None, (True, False, False))[0]


class Rectifier(nn.Module):
    """ReLU, in place: nothing needs what was there before."""

    def forward(self, x: Tensor) -> Tensor:
        """Set negative values to zero."""
        return torch.relu_(x)

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> None:
        """Do nothing: there are no parameters."""

    def input_gradient(self, grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """Return the input's gradient."""
        del x
        return torch.ops.aten.threshold_backward(grad, out, 0)  # type: ignore[no-any-return]


class Ensemble(nn.Module):
    """M networks of the same layers: (M, B, inputs) to (M, B, outputs)."""

    def __init__(self, members: int, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.members = members

    @property
    def _layers(self) -> list[Layer]:
        return cast('list[Layer]', list(self.layers))

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate all members at once."""
        out: Tensor = self.layers(x)
        return out

    def trace(self, x: Tensor) -> list[Tensor]:
        """Return the input and each layer's output: what the gradients below need."""
        values = [x]
        for layer in self._layers:
            values.append(layer(values[-1]))
        return values

    def parameter_gradients(self, trace: Sequence[Tensor], grad: Tensor) -> None:
        """Overwrite every parameter's `.grad`, from the gradient (M, B, outputs) of the output."""
        first, *others = zip(self._layers, trace, trace[1:])
        for layer, x, out in reversed(others):
            layer.parameter_gradients(grad, x)
            grad = layer.input_gradient(grad, x, out)
        first[0].parameter_gradients(grad, first[1])

    def input_gradient(self, trace: Sequence[Tensor], grad: Tensor) -> Tensor:
        """Return the gradient (M, B, inputs) of the input from that of the output."""
        for layer, x, out in reversed(list(zip(self._layers, trace, trace[1:]))):
            grad = layer.input_gradient(grad, x, out)
        return grad


def hidden_layer(members: int, inputs: int, width: int, *, layer_norm: bool) -> list[nn.Module]:
    """Return a layer with its normalisation, if it has one, and ReLU."""
    norm = [EnsembleLayerNorm(members, width)] if layer_norm else []
    return [EnsembleLinear(members, inputs, width), *norm, Rectifier()]
