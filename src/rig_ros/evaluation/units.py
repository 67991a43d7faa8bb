"""In what unit an object's distance is told: an angle's in radians, others in centimetres.

Figures are kept in metres, an angle's in radians.
"""

from __future__ import annotations

from typing import NamedTuple

ANGLES = ('door',)
"""Objects of a task that are angles."""


class Unit(NamedTuple):
    """How a distance is told."""

    name: str
    scale: float
    """How many of it are a metre, or a radian."""
    digits: int

    def text(self, distance: float) -> str:
        """Return a distance [m, rad] for people, for example `1.23 cm`."""
        return f'{self.scale * distance:.{self.digits}f} {self.name}'


CENTIMETRES = Unit('cm', 100.0, 2)
RADIANS = Unit('rad', 1.0, 3)


def unit_of(name: str) -> Unit:
    """Return the unit of an object of a task, by its name."""
    return RADIANS if name in ANGLES else CENTIMETRES


def amount(distance: float, name: str) -> str:
    """Return an object's distance [m, rad] for people."""
    return unit_of(name).text(distance)


def centimetres(metres: float) -> str:
    """Return a distance for people, for example `1.23 cm`."""
    return CENTIMETRES.text(metres)
