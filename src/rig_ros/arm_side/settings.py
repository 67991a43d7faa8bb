"""What may be configured, with its checks: one JSON object, names as below, SI units.

Lengths in metres, angles in radians, frame `base`. The defaults suit a table in front of the robot
whose top is at z = 0.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any

HARD_SPEED = 0.30
"""No setting moves the hand faster [m/s]."""


class SettingsError(ValueError):
    """Raised when a setting is not usable; says which, what was found and what is allowed."""


@dataclass(frozen=True)
class Settings:
    """Limits of the motion and of the watchdogs."""

    box_low: tuple[float, ...] = (0.45, -0.20, 0.10)
    """Corner of the box the hand stays in."""
    box_high: tuple[float, ...] = (0.70, 0.20, 0.30)
    """The other corner; equal bounds hold an axis."""
    reset_position: tuple[float, ...] = (0.55, 0.0, 0.20)
    """Where `home` without a position brings the hand; inside the box."""
    tool_length: float = 0.145
    """Of the controlled point beyond the endpoint link along its z."""
    endpoint_link: str = 'right_hand'
    """Link of the robot's description that its endpoint state reports."""
    speed: float = 0.10
    """Cap of the hand's speed [m/s]."""
    angular_speed: float = 0.5
    """Cap of the hand's turning speed [rad/s]."""
    acceleration: float = 5.0
    """Cap of the change of the hand's velocity [m/s^2]; lower is gentler, but below 3 the hand
    cannot follow random steps of 1 cm at 10 Hz, whatever drives it (doc/robot.md)."""
    joint_fraction: float = 0.25
    """Part of the joints' speed limits that may be used."""
    joint_margin: float = 0.10
    """Joints slow down so that they stop this far before their limits [rad]."""
    stop_time: float = 0.25
    """The hand moves so towards a wall that it stays inside if commands end now: the robot's own
    time-out and the time to brake [s]."""
    table_z: float = 0.0
    link_clearance: float = 0.04
    """Elbow, wrist and hand stay this far above the table."""
    home_raise: float = 0.08
    """`home` lifts the hand by this much before it moves sideways."""
    home_joint_speed: float = 0.25
    """Peak speed of any joint while homing [rad/s]."""
    joints_stale: float = 0.10
    """Oldest joint states and endpoint state a motion may go on with [s]."""
    robot_stale: float = 0.5
    """Oldest robot state [s]."""
    servo_late: float = 0.03
    """A tick later than this ends the motion [s]."""
    link_lost: float = 0.3
    """A commander that is silent for longer ends homing [s]."""
    tracking_distance: float = 0.03
    tracking_angle: float = 0.15
    """[rad]."""
    tracking_time: float = 0.2
    """The hand may be so far off its reference for so long [s]."""
    max_force: float = 40.0
    """Of the endpoint's wrench, above its value when the motion began [N]."""
    dry_run: bool = False
    """Compute and log, publish no joint command."""

    def __post_init__(self) -> None:
        for name in ('box_low', 'box_high', 'reset_position'):
            value = getattr(self, name)
            _require(len(value) == 3 and all(map(math.isfinite, value)), name, value, '3 numbers')
        _require(all(a <= b for a, b in zip(self.box_low, self.box_high)), 'box_low',
                 self.box_low, f'at most box_high {self.box_high}')
        _require(self.box_low[2] >= self.table_z, 'box_low', self.box_low,
                 f'a z of at least table_z {self.table_z}')
        _require(all(a <= p <= b for a, p, b in
                     zip(self.box_low, self.reset_position, self.box_high)),
                 'reset_position', self.reset_position, 'inside the box')
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            _require(low <= value <= high, name, value, f'{low} to {high}')


RANGES = {
    'tool_length': (0.0, 0.5), 'speed': (0.001, HARD_SPEED), 'angular_speed': (0.01, 1.0),
    'acceleration': (0.5, 20.0), 'joint_fraction': (0.005, 0.75), 'joint_margin': (0.05, 0.5),
    'stop_time': (0.2, 1.0), 'table_z': (-1.0, 1.0), 'link_clearance': (0.0, 0.5),
    'home_raise': (0.0, 0.3), 'home_joint_speed': (0.02, 0.6), 'joints_stale': (0.02, 1.0),
    'robot_stale': (0.1, 5.0), 'servo_late': (0.015, 1.0), 'link_lost': (0.1, 5.0),
    'tracking_distance': (0.005, 0.1), 'tracking_angle': (0.02, 0.5), 'tracking_time': (0.05, 2.0),
    'max_force': (5.0, 200.0),
}


def _require(condition: bool, name: str, value: Any, allowed: str) -> None:
    if not condition:
        raise SettingsError(f'{name}: got {value!r}, allowed: {allowed}')


def from_json(text: str) -> Settings:
    """Return settings read from a JSON object; what it leaves out keeps its default.

    Raises:
        SettingsError: not an object, an unknown name, a wrong type or a value out of range.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SettingsError(f'settings: not JSON ({error})') from None
    _require(isinstance(found, dict), 'settings', found, 'a JSON object')
    defaults = {field.name: field.default for field in fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in found.items():
        _require(name in defaults, 'settings', name, f'one of {sorted(defaults)}')
        default = defaults[name]
        if isinstance(default, tuple):
            _require(isinstance(value, list) and all(_is_number(item) for item in value),
                     name, value, '3 numbers')
            values[name] = tuple(float(item) for item in value)
        elif isinstance(default, float):
            _require(_is_number(value), name, value, 'a number')
            values[name] = float(value)
        else:
            _require(isinstance(value, type(default)), name, value, type(default).__name__)
            values[name] = value
    return Settings(**values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
