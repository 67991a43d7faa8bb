"""How much a simulated task varies its looks and delays; all zero, as published, by default.

For models that shall work on a real camera and arm. Drawn anew at every reset, from the world's
seed; `image_noise` at every picture.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from rig_ros.settings import require


@dataclass(frozen=True)
class Randomisation:
    """Each value is the largest deviation to either side, unless it says otherwise."""

    light: float = 0.0
    """Part by which the brightness of each light changes."""
    colour: float = 0.0
    """By how much each component of a colour shifts; 1 is black to white. Surfaces of one colour
    keep to one colour."""
    camera_position: float = 0.0
    """By how far the camera and what it looks at are moved along each axis [m]."""
    camera_angle_deg: float = 0.0
    """By how much azimuth and elevation turn about what it looks at."""
    image_noise: float = 0.0
    """Standard deviation of each value of each pixel, of 255."""
    delay_steps: int = 0
    """Actions come into force by up to this many control steps late. In one process only: a graph
    has delays of its own."""

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            require(value >= 0, part.name, value, 'at least 0')
        require(self.light < 1, 'light', self.light, '0 to below 1')
        require(self.colour <= 1, 'colour', self.colour, '0 to 1')
