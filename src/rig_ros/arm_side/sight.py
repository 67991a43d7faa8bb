"""What is known about the robot at one moment, each part with the time it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .settings import Settings


class Sight(NamedTuple):
    """An untorn snapshot; times are CLOCK_MONOTONIC, 0 before the first arrival [s]."""

    joints_time: float = 0.0
    q: tuple[float, ...] = (0.0,) * 7
    v: tuple[float, ...] = (0.0,) * 7
    effort: tuple[float, ...] = (0.0,) * 7
    endpoint_time: float = 0.0
    position: tuple[float, ...] = (0.0,) * 3
    """Of the endpoint link [m]."""
    quaternion: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)
    """x, y, z, w."""
    force: tuple[float, ...] = (0.0,) * 3
    """[N]."""
    robot_time: float = 0.0
    enabled: bool = False
    ready: bool = False
    stopped: bool = False
    error: bool = False
    homed: bool = False
    estop_button: int = 0
    estop_source: int = 0
    collided: bool = False
    connections: int = 0
    """Subscribers of the joint command."""

    def missing(self, now: float, settings: Settings) -> str:
        """Return the fault's name of what is too old, or an empty text."""
        if now - self.joints_time > settings.joints_stale:
            return 'joints_stale'
        if now - self.endpoint_time > settings.joints_stale:
            return 'endpoint_stale'
        return 'robot_stale' if now - self.robot_time > settings.robot_stale else ''
