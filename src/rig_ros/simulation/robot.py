"""The simulated arm behind the `Robot` protocol: same methods, same time-out, as the real one."""

from __future__ import annotations

import numpy as np

from rig_ros.control.servo import SIMULATION_LIMITS
from rig_ros.errors import SafetyViolation
from rig_ros.hardware.robot import RobotState, Vector
from rig_ros.simulation.world import SawyerWorld


class SimulatedRobot:
    """Adapts a `SawyerWorld`; its time passes only by `advance`."""

    def __init__(self, world: SawyerWorld) -> None:
        self._world = world

    def state(self) -> RobotState:
        """Return the newest state."""
        world = self._world
        return RobotState(world.hand_position, world.hand_rotation, world.joint_positions,
                          world.joint_velocities, world.joint_efforts)

    def send_twist(self, velocity: Vector) -> Vector:
        """Move the hand with that velocity [m/s]; see `Robot.send_twist`.

        Raises:
            SafetyViolation: not three finite numbers; the arm stops.
        """
        wanted = np.asarray(velocity, np.float64)
        if wanted.shape != (3,) or not np.isfinite(wanted).all():
            self.stop()
            raise SafetyViolation(f'hand velocity: got {velocity}, allowed: 3 finite numbers '
                                  '[m/s]; the arm was stopped')
        speed = float(np.linalg.norm(wanted))
        executed = wanted * min(1.0, SIMULATION_LIMITS.cartesian_speed / max(speed, 1e-12))
        self._world.set_velocity(executed)
        return executed

    def reset(self) -> None:
        """Bring hand and pucks to the start, at rest."""
        self._world.reset()

    def stop(self) -> None:
        """Stand still now."""
        self._world.set_velocity(np.zeros(3))

    def advance(self, seconds: float) -> None:
        """Let simulated time pass [s]."""
        self._world.advance(seconds)
