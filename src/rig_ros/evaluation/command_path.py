"""How long a command takes from its topic to the robot: what was sent, found again in what came.

Joint commands carry no number, so commands are told apart by their size: neighbours in `LEVELS`
differ, and a size comes again only after ten. Seconds of one clock, m/s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rig_ros.errors import DataError

STEP = 0.004
"""Between two sizes [m/s]: above what the servo adds to follow."""
LEVELS = tuple(STEP * level for level in (-4.5, -2.5, -0.5, 1.5, 3.5, 4.5, 2.5, 0.5, -1.5, -3.5))
"""Zero is none of them: it would end the motion. Neighbours differ by no more than the servo may
change at once: 5 m/s^2 in the 2 ms that are always between two ticks [m/s]."""
PATIENCE_S = 0.09
"""A command that was not seen for so long is lost: its size comes again."""


def delays(sent_s: Sequence[float], sizes: Sequence[float], heard_s: Sequence[float],
           heard: Sequence[float]) -> tuple[NDArray[np.float64], int]:
    """Return the delays of the commands that arrived [s], and how many did not.

    Args:
        sent_s: when each command was published, rising.
        sizes: the velocity of each [m/s].
        heard_s: when each joint command arrived, rising.
        heard: the hand velocity it stands for [m/s].

    Raises:
        DataError: none arrived.
    """
    times, values = np.asarray(heard_s), np.asarray(heard)
    found = []
    for at_s, size in zip(sent_s, sizes):
        begin, end = np.searchsorted(times, (at_s, at_s + PATIENCE_S))
        hits = np.flatnonzero(np.abs(values[begin:end] - size) < STEP / 2)
        if len(hits):
            found.append(times[begin + hits[0]] - at_s)
    if not found:
        raise DataError(f'commands that arrived: none of {len(sent_s)}; does the arm move?')
    return np.array(found), len(sent_s) - len(found)
