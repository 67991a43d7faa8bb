"""Made-up pictures for drills and benches: about as hard to compress as a camera's."""

from __future__ import annotations

import numpy as np

from rig_ros.vision.image import Picture


def texture(number: int, size: int = 84) -> Picture:
    """Return picture `number`, shape (size, size, 3) uint8."""
    rows, columns = np.mgrid[0:size, 0:size]
    waves = np.sin(rows / (5 + number % 7)) + np.cos(columns / 9 + number / 10)
    noise = np.random.default_rng(number).normal(0, 0.02, (size, size))
    grey = (127 + 60 * (waves + noise)).clip(0, 255).astype(np.uint8)
    return np.stack([grey, 255 - grey, np.roll(grey, number % size, 1)], axis=2)
