"""Whether pictures of a scene that stands still keep their brightness and colour.

A camera that adjusts itself changes what a goal picture means. Shares are of the mean: 0.02 is
2 %.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rig_ros.settings import require
from rig_ros.vision.image import Picture

PARTS = 5
"""The time is cut into so many parts, whose means are compared."""
LEAST_PICTURES = 2 * PARTS
BRIGHTNESS, COLOUR, FLICKER = 0.02, 0.02, 0.03
"""Allowed shares."""
DARK, GLARING = 30.0, 225.0
"""Mean brightness outside of this loses detail [0 to 255]."""


class Steadiness(NamedTuple):
    """What pictures of some seconds were like."""

    pictures: int
    brightness: float
    """Mean of all pixels [0 to 255]."""
    brightness_drift: float
    """Between the brightest and the darkest part of the time, share of the mean."""
    colour_drift: float
    """Largest change of red or blue beside green, share."""
    flicker: float
    """From one picture to the next, standard deviation, share of the mean: lamps on mains."""


def mean_colour(image_hwc_u8: Picture) -> tuple[float, float, float]:
    """Return the mean of red, green and blue [0 to 255]; every second row and column is enough."""
    red, green, blue = image_hwc_u8[::2, ::2].reshape(-1, 3).mean(axis=0).tolist()
    return red, green, blue


def measure(colours: list[tuple[float, float, float]]) -> Steadiness:
    """Return how steady pictures were, from the mean colours of each in order.

    Raises:
        ConfigError: too few pictures.
    """
    require(len(colours) >= LEAST_PICTURES, 'pictures', len(colours),
            f'at least {LEAST_PICTURES}; does the camera deliver?')
    values = np.array(colours)
    grey = values.mean(axis=1)
    mean = max(float(grey.mean()), 1e-6)
    parts = np.array([part.mean(axis=0) for part in np.array_split(values, PARTS)])
    light = parts.mean(axis=1)
    beside_green = parts[:, [0, 2]] / np.maximum(parts[:, [1]], 1e-6)
    colour = (beside_green.max(axis=0) - beside_green.min(axis=0)) / np.maximum(
        beside_green.mean(axis=0), 1e-6)
    return Steadiness(len(colours), mean, float(light.max() - light.min()) / mean,
                      float(colour.max()), float(np.diff(grey).std()) / mean)
