"""Networks of the agent: a policy, and an ensemble of critics.

B is the batch, M the ensemble's members. Layers and shapes are those of `layers`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rig_ros.learning.deep_set import DeepSet
from rig_ros.learning.layers import Ensemble, EnsembleLinear, hidden_layer


class EnsembleMLP(Ensemble):
    """M perceptrons with ReLU: (M, B, inputs) to (M, B, outputs)."""

    def __init__(self, members: int, inputs: int, hidden: Sequence[int], outputs: int, *,
                 layer_norm: bool = False) -> None:
        layers: list[nn.Module] = []
        for width in hidden:
            layers += hidden_layer(members, inputs, width, layer_norm=layer_norm)
            inputs = width
        layers.append(EnsembleLinear(members, inputs, outputs, last=True))
        super().__init__(members, layers)


def _body(members: int, latent_dim: int, extra: int, hidden: Sequence[int], outputs: int,
          objects: int, *, layer_norm: bool = False) -> Ensemble:
    """Return networks for a latent, a goal and `extra` more values."""
    if objects:
        return DeepSet(members, latent_dim, objects, extra, hidden, outputs,
                       layer_norm=layer_norm)
    return EnsembleMLP(members, 2 * latent_dim + extra, hidden, outputs, layer_norm=layer_norm)


class Policy(nn.Module):
    """Deterministic policy: (latent, goal) to an action in [-1, 1]^n.

    A latent of `objects` is seen object by object, as `deep_set` says; else as one vector.
    """

    def __init__(self, latent_dim: int, action_dim: int, hidden: Sequence[int],
                 objects: int = 0) -> None:
        super().__init__()
        self.body = _body(1, latent_dim, 0, hidden, action_dim, objects)

    def forward(self, latent: Tensor, goal: Tensor) -> Tensor:
        """Return actions (B, n) for latents and goals (B, d)."""
        out: Tensor = self.body(torch.cat((latent, goal), dim=-1).unsqueeze(0)).squeeze(0)
        return torch.tanh(out)


class Critics(nn.Module):
    """M action values of (latent, goal, action); `objects` as for the policy."""

    def __init__(self, members: int, latent_dim: int, action_dim: int, hidden: Sequence[int], *,
                 layer_norm: bool, objects: int = 0) -> None:
        super().__init__()
        self.body = _body(members, latent_dim, action_dim, hidden, 1, objects,
                          layer_norm=layer_norm)

    def forward(self, latent: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Return values (M, B)."""
        x = torch.cat((latent, goal, action), dim=-1)
        values: Tensor = self.body(x.expand(self.body.members, -1, -1)).squeeze(-1)
        return values
