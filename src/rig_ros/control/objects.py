"""What lies and stands on the table of a task. Metres, radians, frame `base`."""

from __future__ import annotations

from dataclasses import dataclass

from rig_ros.settings import require

Vector2 = tuple[float, float]
Vector3 = tuple[float, float, float]
FINGER_RANGE = 0.04
"""From the middle of the gripper to each finger when it is open [m]."""
DOOR_OPEN = 0.83
"""How far a door opens [rad]."""


@dataclass(frozen=True)
class Puck:
    """A cylinder on the table that the hand can push."""

    start: Vector2
    """Centre at reset (x, y)."""
    goal_low: Vector2
    goal_high: Vector2
    start_spread: Vector2 = (0.0, 0.0)
    """Half-widths of the box around `start` that each episode's start is drawn from."""
    radius: float = 0.04
    half_height: float = 0.015
    mass_kg: float = 0.1

    def __post_init__(self) -> None:
        require(all(a <= b for a, b in zip(self.goal_low, self.goal_high)), 'puck goal',
                (self.goal_low, self.goal_high), 'low <= high on each axis')
        require(min(self.start_spread) >= 0, 'start_spread', self.start_spread, 'at least 0 m')
        for name in ('radius', 'half_height', 'mass_kg'):
            require(getattr(self, name) > 0, name, getattr(self, name), 'above 0')


@dataclass(frozen=True)
class Door:
    """A door with a handle, shut at reset, that the hand opens with a hook; see `sim/door.xml`."""

    goal_low: float = 0.0
    """Goals are angles between these [rad]; 0 is shut."""
    goal_high: float = DOOR_OPEN

    def __post_init__(self) -> None:
        require(0 <= self.goal_low <= self.goal_high <= DOOR_OPEN, 'door goal',
                (self.goal_low, self.goal_high), f'low <= high, 0 to {DOOR_OPEN} rad')


@dataclass(frozen=True)
class Block:
    """A box on the table that a gripper can pick up.

    While it lies it cannot leave the box of `goal_low` and `goal_high`: what is pushed out of the
    gripper's reach would be lost until the reset.
    """

    start: Vector2
    """Centre at reset (x, y)."""
    goal_low: Vector2
    """Where it lies in goals in which it is not held."""
    goal_high: Vector2
    held_goals: float = 0.75
    """Part of the goals in which the gripper holds it."""
    half_size: Vector3 = (0.015, 0.025, 0.015)
    mass_kg: float = 0.05

    def __post_init__(self) -> None:
        require(all(a <= b for a, b in zip(self.goal_low, self.goal_high)), 'block goal',
                (self.goal_low, self.goal_high), 'low <= high on each axis')
        require(0 <= self.held_goals <= 1, 'held_goals', self.held_goals, '0 to 1')
        require(0 < self.half_size[0] < FINGER_RANGE, 'half_size', self.half_size,
                f'less than {FINGER_RANGE} m along x, to fit between the fingers')
        require(self.mass_kg > 0, 'mass_kg', self.mass_kg, 'above 0 kg')
