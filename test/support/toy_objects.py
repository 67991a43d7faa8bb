"""A toy world for what tells objects apart: coloured squares, one of which follows the actions."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from rig_ros.learning.config import ObjectsConfig, VAEConfig
from rig_ros.learning.objects import Moved, ObjectEncoder

SIZE = 48
HALF = 4
TABLE = (200, 190, 170)
ARM = (30, 40, 200)
RED, GREEN = (220, 30, 30), (20, 180, 60)
PER_ACTION = (1.0, 2.0)
"""Rows and columns that an action of one moves the arm by: the camera sees it foreshortened."""


def draw(arm: tuple[float, float] | None,
         red: tuple[float, float] | None = None,
         green: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Return a picture of squares at rows and columns; None is not there."""
    image = np.full((SIZE, SIZE, 3), TABLE, np.uint8)
    for colour, place in ((RED, red), (GREEN, green), (ARM, arm)):
        if place is not None:
            row, column = (round(float(p)) for p in place)
            image[max(row - HALF, 0):row + HALF, max(column - HALF, 0):column + HALF] = colour
    return image


def walk(count: int = 600, seed: int = 0, *, still: bool = False) -> Moved:
    """Return pairs of pictures: the arm anywhere and moved by an action, red nudged now and then.

    Green is there half of the time, and moves with nothing else. `still`: the arm never moves.
    """
    rng = np.random.default_rng(seed)
    low, high = HALF + 4, SIZE - HALF - 4
    arm, red, green = (rng.uniform(low, high, (count, 2)) for _ in range(3))
    actions = rng.uniform(-1, 1, (count, 2))
    to = arm if still else arm + actions * PER_ACTION
    moves = [rng.normal(0, 2, (count, 2)) * (rng.random((count, 1)) < 0.4) for _ in range(2)]
    there = rng.random(count) < 0.5
    before, after = [], []
    for n in range(count):
        before.append(draw(arm[n], red[n], green[n] if there[n] else None))
        after.append(draw(to[n], red[n] + moves[0][n],
                          green[n] + moves[1][n] if there[n] else None))
    pictures = (torch.from_numpy(np.stack(images)) for images in (before, after))
    return Moved(*pictures, torch.from_numpy(actions).float())


def found(count: int = 2, seed: int = 0) -> ObjectEncoder:
    """Return an encoder that has found arm, red and green."""
    encoder = ObjectEncoder(SIZE, VAEConfig(), ObjectsConfig(count=count, colours=6))
    encoder.find(walk(seed=seed), torch.Generator().manual_seed(seed))
    return encoder
