"""Multi-layer perceptrons for policy and critics; the critics' ensemble is one batched module.

Shapes: B is the batch, M the ensemble's members. No Python loop runs over members.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

HIDDEN_BIAS = 0.1
LAST_LAYER_BOUND = 3e-3


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
        return torch.baddbmm(self.bias, x, self.weight)


class EnsembleLayerNorm(nn.Module):
    """LayerNorm over the features with a scale and shift for each member."""

    def __init__(self, members: int, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, 1, features))
        self.shift = nn.Parameter(torch.zeros(members, 1, features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        normal = nn.functional.layer_norm(x, x.shape[-1:])
        return torch.addcmul(self.shift, normal, self.scale)


class EnsembleMLP(nn.Module):
    """M perceptrons with ReLU: (M, B, inputs) to (M, B, outputs)."""

    def __init__(self, members: int, inputs: int, hidden: Sequence[int], outputs: int, *,
                 layer_norm: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            layers.append(EnsembleLinear(members, inputs, width))
            if layer_norm:
                layers.append(EnsembleLayerNorm(members, width))
            layers.append(nn.ReLU())
            inputs = width
        layers.append(EnsembleLinear(members, inputs, outputs, last=True))
        self.layers = nn.Sequential(*layers)
        self.members = members

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate all members at once."""
        out: Tensor = self.layers(x)
        return out


class Policy(nn.Module):
    """Deterministic policy: (latent, goal) to an action in [-1, 1]^n."""

    def __init__(self, latent_dim: int, action_dim: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.body = EnsembleMLP(1, 2 * latent_dim, hidden, action_dim)

    def forward(self, latent: Tensor, goal: Tensor) -> Tensor:
        """Return actions (B, n) for latents and goals (B, d)."""
        out: Tensor = self.body(torch.cat((latent, goal), dim=-1).unsqueeze(0)).squeeze(0)
        return torch.tanh(out)


class Critics(nn.Module):
    """M action values of (latent, goal, action)."""

    def __init__(self, members: int, latent_dim: int, action_dim: int, hidden: Sequence[int], *,
                 layer_norm: bool) -> None:
        super().__init__()
        self.body = EnsembleMLP(members, 2 * latent_dim + action_dim, hidden, 1,
                                layer_norm=layer_norm)

    def forward(self, latent: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Return values (M, B)."""
        x = torch.cat((latent, goal, action), dim=-1)
        values: Tensor = self.body(x.expand(self.body.members, -1, -1)).squeeze(-1)
        return values
