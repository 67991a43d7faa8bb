"""Colours of pictures: which there are, and which of them are of one thing, by how they move."""

from __future__ import annotations

import torch
from torch import Tensor

NOT_GROUND = 0.003
"""Squared distance in RGB of [0, 1] from which on a pixel is not of a colour of the ground."""
PIXELS = 20_000
ROUNDS = 25
STILL = 1e-8
"""Mean square of a colour's motion, in half pictures, below which it does not move."""
TOGETHER = 0.5
"""Correlation of the motion of colours that are of one object."""
FAINT = 0.02
"""An object has more pixels times variance than this share of the clearest one's."""


def k_means(pixels: Tensor, weights: Tensor, colours: int,
            generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the k-means (C, 3) of pixels (..., 3) that count by weights, and their shares (C,).

    Begun by k-means++ (Arthur and Vassilvitskii, SODA 2007).
    """
    edges = weights.flatten().double().cumsum(0)
    drawn = torch.rand(PIXELS, generator=generator, dtype=torch.float64) * edges[-1]
    some = pixels.reshape(-1, 3)[torch.searchsorted(edges, drawn).clamp(max=len(edges) - 1)]
    centres = some[:1]
    while len(centres) < colours:
        apart = torch.cdist(some, centres).square().amin(1) + 1e-12
        centres = torch.cat((centres, some[torch.multinomial(apart, 1, generator=generator)]))
    for _ in range(ROUNDS):
        nearest = torch.cdist(some, centres).argmin(1)
        number = torch.zeros(colours).index_add_(0, nearest, torch.ones(len(some)))
        total = torch.zeros(colours, 3).index_add_(0, nearest, some)
        centres = torch.where(number.unsqueeze(1) > 0,
                              total / number.clamp(min=1).unsqueeze(1), centres)
    return centres, number / len(some)


def told_by(actions: Tensor, step: Tensor) -> Tensor:
    """Return which share of each colour's motion (N, C, 2) is linear in the actions (N, n)."""
    linear = actions @ torch.linalg.lstsq(actions, step.flatten(1)).solution
    left = (step - linear.view_as(step)).square().sum((0, 2))
    moving = step.square().sum((0, 2))
    return torch.where(moving > STILL * len(step), 1 - left / moving.clamp(min=1e-12), 0.0)


def telling(actions: Tensor, step: Tensor) -> Tensor:
    """Return which share of the actions (N, n) each colour's motion (N, C, 2) linearly tells.

    Of the component of which it tells least: a long arm hardly moves along itself.
    """
    own = step.transpose(0, 1)
    linear = torch.linalg.pinv(own.mT @ own) @ own.mT @ actions
    left = (actions - own @ linear).square().sum(1)
    least: Tensor = (1 - left / actions.square().sum(0)).amin(1)
    return least


def together(step: Tensor, weight: Tensor) -> list[list[int]]:
    """Return the colours of each object by their motion (N, C, 2), what weighs most first."""
    moving = step.transpose(0, 1).flatten(1)
    moving = moving + 1e-9 * torch.linspace(0, 1, moving.shape[1])  # one that never moves: no NaN
    alike = torch.corrcoef(moving)
    found: list[list[int]] = []
    for colour in weight.argsort(descending=True).tolist():
        if weight[colour] == 0:
            break
        mine = [group for group in found if alike[colour, group].max() > TOGETHER]
        found = [group for group in found if group not in mine]
        found.append([*(one for group in mine for one in group), colour])
    found.sort(key=lambda group: -weight[group].sum().item())
    return [group for group in found
            if weight[group].sum() > FAINT * weight[found[0]].sum()]
