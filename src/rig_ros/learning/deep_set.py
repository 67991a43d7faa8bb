"""Networks that treat objects alike: what one object teaches holds for the others.

Deep Sets (Zaheer et al., NeurIPS 2017): the same layers see each object beside the arm, what they
say of all is added up, and further layers follow. Latents are those of `objects.ObjectEncoder`:
the arm's place, then place (2) and presence of each of K objects. Shapes as in `layers`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rig_ros.learning.layers import Ensemble, EnsembleLinear, hidden_layer
from rig_ros.learning.object_latents import ARM, PER_OBJECT


class Arranged(nn.Module):
    """Rows for the arm and K objects: (M, B, 2 d + extra) to (M, B * (K + 1), features).

    Given are latent and goal, d values each, and more, which every row gets. A row holds the
    thing's place seen from the arm's, its place and presence, what is wanted of it and of the arm,
    the arm's place, and which it is. It is linear in what is given; the arm's presence is one.
    """

    select: Tensor
    label: Tensor

    def __init__(self, latent_dim: int, objects: int, extra: int) -> None:
        super().__init__()
        self.rows = 1 + objects
        inputs = 2 * latent_dim + extra
        given = torch.eye(inputs)

        def things(of: Tensor) -> Tensor:
            """Return which inputs are arm and objects (inputs, rows, 3), the arm without more."""
            arm = nn.functional.pad(of[:, None, :ARM], (0, 1))
            return torch.cat((arm, of[:, ARM:].reshape(inputs, objects, PER_OBJECT)), 1)

        own = things(given[:, :latent_dim])
        wanted = things(given[:, latent_dim:2 * latent_dim])
        arm, arm_wanted = (each[:, :1, :ARM].expand(-1, self.rows, -1) for each in (own, wanted))
        rest = given[:, None, 2 * latent_dim:].expand(-1, self.rows, -1)
        name = torch.zeros(inputs, self.rows, self.rows)
        select = torch.cat((own[..., :ARM] - arm, own, wanted - own, arm_wanted - arm, arm, rest,
                            name), -1)
        self.features = select.shape[-1]
        label = torch.zeros(self.rows, self.features)
        label[0, ARM + PER_OBJECT - 1] = 1
        label[:, -self.rows:] = torch.eye(self.rows)
        self.register_buffer('select', select.flatten(1), persistent=False)
        self.register_buffer('label', label.flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows, those of the same input next to each other."""
        rows: Tensor = x @ self.select + self.label
        return rows.view(len(x), -1, self.features)

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> None:
        """Do nothing: there are no parameters."""

    def input_gradient(self, grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """Return the input's gradient."""
        del out
        gradient: Tensor = grad.reshape(len(grad), x.shape[1], -1) @ self.select.T
        return gradient


class Summed(nn.Module):
    """The sum of each input's R rows over sqrt(R): (M, B * R, h) to (M, B, h)."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, x: Tensor) -> Tensor:
        """Add up."""
        rows = x.view(len(x), -1, self.rows, x.shape[-1])
        total: Tensor = rows.sum(2).mul_(self.rows ** -0.5)
        return total

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> None:
        """Do nothing: there are no parameters."""

    def input_gradient(self, grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """Return the input's gradient."""
        del x, out
        gradient: Tensor = grad * self.rows ** -0.5
        return gradient.repeat_interleave(self.rows, 1)


class DeepSet(Ensemble):
    """M networks: (M, B, 2 d + extra) to (M, B, outputs)."""

    def __init__(self, members: int, latent_dim: int, objects: int, extra: int,
                 hidden: Sequence[int], outputs: int, *, layer_norm: bool) -> None:
        """Build them.

        Args:
            members: M.
            latent_dim: d.
            objects: K.
            extra: values beside latent and goal.
            hidden: widths: all but the last see each object, the last one what they add up to.
            outputs: values to give.
            layer_norm: after each hidden layer.
        """
        arranged = Arranged(latent_dim, objects, extra)
        layers: list[nn.Module] = [arranged]
        width = arranged.features
        for each in hidden[:-1]:
            layers += hidden_layer(members, width, each, layer_norm=layer_norm)
            width = each
        layers.append(Summed(arranged.rows))
        layers += hidden_layer(members, width, hidden[-1], layer_norm=layer_norm)
        layers.append(EnsembleLinear(members, hidden[-1], outputs, last=True))
        super().__init__(members, layers)
