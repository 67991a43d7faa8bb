"""What stands where in a latent of objects; see `objects.ObjectEncoder`, which makes them."""

from __future__ import annotations

import torch
from torch import Tensor

from rig_ros.learning.config import ObjectsConfig

ARM = 2
"""Values of the arm's place, the first ones."""
PER_OBJECT = 3
"""Values of each object: two of its place, and its presence."""
THERE = 0.3
"""Presence above which an object is there."""


def latent_dim_of(config: ObjectsConfig) -> int:
    """Return the size of a latent."""
    return ARM + PER_OBJECT * config.count


def split(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Return the arm's place (B, 2) and the objects (B, K, 3) of latents (B, dim)."""
    return latents[..., :ARM], latents[..., ARM:].reshape(*latents.shape[:-1], -1, PER_OBJECT)


def one_moved(latents: Tensor, goals: Tensor, which: Tensor) -> Tensor:
    """Return latents (B, dim) with the arm, and one object each, as in the goals.

    Args:
        latents: (B, dim); the other objects stay as here.
        goals: (B, dim).
        which: (B,) the object's number, from 0; K for none. One that is not there in both stays.
    """
    (_, here), (arm, there) = split(latents), split(goals)
    chosen = which.unsqueeze(1) == torch.arange(here.shape[1], device=which.device)
    chosen = chosen & (here[..., 2] > THERE) & (there[..., 2] > THERE)
    objects = torch.where(chosen.unsqueeze(-1), there, here)
    return torch.cat((arm, objects.flatten(1)), -1)


def one_imagined(latents: Tensor, goals: Tensor, which: Tensor) -> Tensor:
    """Return latents (B, dim) with the arm as in the goals, and one object where one is in them.

    Where the object that is asked for is not there, the next one that is has a goal in its place;
    where the goal does not show that one, it is wanted where the next one is that it does show.

    Args:
        latents: (B, dim); the other objects stay as here.
        goals: (B, dim).
        which: (B,) the object's number, from 0; K for none.
    """
    (_, here), (arm, there) = split(latents), split(goals)
    moved = _or_next(which, here[..., 2] > THERE)
    source = _or_next(moved, there[..., 2] > THERE) % here.shape[1]
    wanted = there.take_along_dim(source[:, None, None], 1).expand_as(there)
    return one_moved(latents, torch.cat((arm, wanted.flatten(1)), -1), moved)


def _or_next(which: Tensor, there: Tensor) -> Tensor:
    """Return numbers (B,): `which`, or the next one (in turn) that is `there` (B, K) if any is."""
    count = there.shape[1]
    order = (which.unsqueeze(1) + torch.arange(count, device=which.device)) % count
    turns = torch.arange(count, 0, -1, device=which.device)
    first = (there.gather(1, order) * turns).argmax(1, keepdim=True)
    return torch.where(which < count, order.gather(1, first).squeeze(1), which)
