"""What latents tell of the world, without a policy: to see whether pictures or the agent fail.

Goal pictures whose truth the simulation knows are encoded. Three quarters of them are known, and
the last quarter is read: by the known picture nearest in latent space, and by a linear map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rig_ros.settings import require

Array = NDArray[np.float64]
LEAST_PICTURES = 40


@dataclass(frozen=True)
class Reading:
    """How well one object's place [m], or angle [rad], is read; means over the pictures read."""

    nearest: float
    """How far it is off in the known picture with the nearest latent."""
    best: float
    """How far it is off in the known picture where it is least far off: no latent does better."""
    linear: float
    """Error of a linear map from latents, fitted to the known pictures."""
    chance: float
    """How far it is off in any known picture."""


def read(latents: ArrayLike, truths: Sequence[Mapping[str, Sequence[float]]],
         ) -> dict[str, Reading]:
    """Read every object in the pictures it is in; one in too few of them is left out.

    Args:
        latents: shape (N, dim).
        truths: for each picture the objects' positions [m], or angles [rad], by name.

    Raises:
        ConfigError: too few pictures.
    """
    codes = np.asarray(latents, np.float64)
    require(len(codes) >= LEAST_PICTURES, 'probe', len(codes),
            f'{LEAST_PICTURES} or more pictures')
    readings = {}
    for name in dict.fromkeys(name for truth in truths for name in truth):
        seen = [number for number, truth in enumerate(truths) if name in truth]
        if len(seen) >= LEAST_PICTURES:
            readings[name] = _read_one(codes[seen], np.asarray([truths[i][name] for i in seen]))
    return readings


def _read_one(codes: Array, places: Array) -> Reading:
    """Read one object from latents (N, dim); places are (N, 1 to 3)."""
    known = 3 * len(codes) // 4
    nearest = _distances(codes[known:], codes[:known]).argmin(1)
    inputs = np.column_stack((codes, np.ones(len(codes))))
    off = _distances(places[known:], places[:known])
    linear_map, *_ = np.linalg.lstsq(inputs[:known], places[:known], rcond=None)
    missed = np.linalg.norm(inputs[known:] @ linear_map - places[known:], axis=1)
    return Reading(float(off[np.arange(len(off)), nearest].mean()), float(off.min(1).mean()),
                   float(missed.mean()), float(off.mean()))


def _distances(a: Array, b: Array) -> Array:
    """Return the distances (N, M) between points (N, d) and (M, d)."""
    result: Array = np.linalg.norm(a[:, None] - b[None], axis=-1)
    return result
