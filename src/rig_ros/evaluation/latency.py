"""From picture to command: ages and losses, from stamps alone. Pure; nanoseconds in, ms out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rig_ros.errors import DataError

GAP_FACTOR = 1.5
"""Pictures further apart than this many periods: one was not made or not sent."""


@dataclass(frozen=True)
class Latency:
    """What happened to the pictures of one stretch of acting."""

    frames: int
    """Pictures that were to be answered."""
    lost: int
    """Pictures without a command, and pictures that never came."""
    p50_ms: float
    p99_ms: float
    max_ms: float


def measure(pictures: Sequence[int], answered_ns: Mapping[int, int], period_ns: int) -> Latency:
    """Return how pictures were answered between the first and the last answered one.

    Args:
        pictures: stamps of all pictures seen.
        answered_ns: stamp of a command -> when it was seen, on the clock of the stamps.
        period_ns: of the camera.

    Raises:
        DataError: fewer than two pictures were answered.
    """
    stamps = sorted(set(pictures) | set(answered_ns))
    answered = [stamp for stamp in stamps if stamp in answered_ns]
    if len(answered) < 2:
        raise DataError(f'answered pictures: got {len(answered)}, allowed: 2 or more; does an '
                        'episode run, and do policy and guard?')
    stretch = [s for s in stamps if answered[0] <= s <= answered[-1]]
    gaps = np.diff(stretch)
    never_came = int(sum(round(gap / period_ns) - 1 for gap in gaps
                         if gap > GAP_FACTOR * period_ns))
    ages = np.array([1e-6 * (answered_ns[s] - s) for s in answered])
    p50, p99 = np.percentile(ages, [50, 99])
    return Latency(len(stretch) + never_came, len(stretch) - len(answered) + never_came,
                   float(p50), float(p99), float(ages.max()))
