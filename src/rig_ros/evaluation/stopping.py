"""When an arm came to rest, and which steps a recording has lost: the figures of a drill.

Pure: arrays in, numbers out. Positions in metres, times in seconds of one clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig_ros.errors import DataError

STILL_TOLERANCE_M = 0.0005


@dataclass(frozen=True)
class Stop:
    """How an arm came to rest after an event."""

    still_ms: float
    """From the event until the hand was where it stayed."""
    travelled_m: float
    """From the event until rest."""
    speed_before: float
    """Mean speed in the 0.3 s before the event [m/s]: a drill on a resting arm shows nothing."""
    silence_ms: float
    """Longest time without a position from the event until rest: where a simulated arm itself got
    no processor time for long, the figure tells of the machine and not of the graph."""


def measure_stop(times_s: NDArray[np.float64], positions: NDArray[np.float64],
                 event_s: float, until_s: float,
                 tolerance_m: float = STILL_TOLERANCE_M) -> Stop:
    """Return how the hand came to rest after `event_s`.

    Args:
        times_s: shape (n,), when each position was true, rising.
        positions: shape (n, 3).
        event_s: when the process was killed or stopped.
        until_s: end of the observation; the position then is where the hand stayed.
        tolerance_m: being nearer than this to the last position is rest.

    Raises:
        DataError: no positions before or after the event.
    """
    after = (times_s >= event_s) & (times_s <= until_s)
    before = (times_s >= event_s - 0.3) & (times_s < event_s)
    if before.sum() < 2 or after.sum() < 2:
        raise DataError(f'hand positions around the event: got {before.sum()} before and '
                        f'{after.sum()} after it, allowed: 2 or more; does ee_pose arrive?')
    steps = np.linalg.norm(np.diff(positions[before], axis=0), axis=1)
    span = times_s[before][-1] - times_s[before][0]
    path, when = positions[after], times_s[after]
    away = np.linalg.norm(path - path[-1], axis=1) > tolerance_m
    last_moving = int(np.flatnonzero(away)[-1]) if away.any() else -1
    still_s = when[last_moving + 1] - event_s if last_moving >= 0 else 0.0
    seen = np.concatenate([times_s[before][-1:], when[:last_moving + 2]])
    return Stop(still_ms=1e3 * float(still_s),
                travelled_m=float(np.linalg.norm(path[-1] - path[0])),
                speed_before=float(steps.sum() / max(span, 1e-9)),
                silence_ms=1e3 * float(np.diff(seen).max()))


def lost_steps(finished: Collection[int], recorded: Collection[int]) -> int:
    """Return how many finished steps (stamps, ns) a recording does not hold."""
    return len(set(finished) - set(recorded))
