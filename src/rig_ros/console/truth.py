"""Where things truly are, when a simulation tells, and how far they are from a goal's places.

For people who judge a model; nothing that learns gets to know it. Places are by name ('hand',
'puck0', ...): metres in frame `base`; of a 'door' its angle in radians.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rig_ros.evaluation.protocol import PRIMARY

Places = dict[str, tuple[float, ...]]
PUCKS = 'puck'


@dataclass(frozen=True)
class Gap:
    """How far what the task is about is from its place in the goal."""

    of: str
    distance: float
    """[m]; of a door [rad]."""

    @property
    def words(self) -> str:
        """For people: of what, and in their units."""
        figure = (f'{np.degrees(self.distance):.1f} deg' if self.of == 'door'
                  else f'{100 * self.distance:.1f} cm')
        return f'{self.of} {figure}'


def places(values: Any) -> Places:
    """Return the places that texts or lists of numbers tell; what is no place is left out.

    Args:
        values: by name `"x y z"` as in `sim/ground_truth`, or a list of numbers.
    """
    found: Places = {}
    for name, value in (values.items() if isinstance(values, Mapping) else ()):
        try:
            place = tuple(float(v) for v in (value.split() if isinstance(value, str) else value))
        except (TypeError, ValueError):
            continue
        if place and bool(np.isfinite(place).all()):
            found[str(name)] = place
    return found


def gap(here: Places, goal: Places) -> Gap | None:
    """Return how far the most important thing of a task is from its place in a goal.

    Several pucks count together, by their mean. None when one of both does not tell.
    """
    distances = {name: float(np.linalg.norm(np.subtract(here[name], place)))
                 for name, place in goal.items()
                 if name in here and len(here[name]) == len(place)}
    pucks = [d for name, d in distances.items() if name.startswith(PUCKS)]
    if len(pucks) > 1:
        distances['pucks'] = float(np.mean(pucks))
    return next((Gap(name, distances[name]) for name in PRIMARY if name in distances), None)
