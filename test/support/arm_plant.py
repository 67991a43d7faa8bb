"""An arm for unit tests: joints that follow commanded speeds with a lag, and the ticking."""

from __future__ import annotations

import numpy as np

from rig_ros.arm_side.kinematics import NEUTRAL, Arm
from rig_ros.arm_side.machine import Machine, Orders
from rig_ros.arm_side.protocol import Twist
from rig_ros.arm_side.settings import Settings
from rig_ros.arm_side.sight import Sight
from rig_ros.control.kinematics import Chain
from rig_ros.hardware.robot import rotation_to_quaternion
from rig_ros.simulation.fake_robot.description import urdf

PERIOD = 0.01
LAG_S = 0.01
"""Time constant of the joints."""
TIMEOUT_S = 0.2
"""The robot's own."""


class Bench:
    """A `Machine` with a robot of its own and a clock that only `run` moves."""

    def __init__(self, start: tuple[float, float, float] = (0.6, 0.0, 0.2),
                 **settings: object) -> None:
        self.settings = Settings(**settings)  # type: ignore[arg-type]
        self.arm = Arm(urdf(), tool_length=self.settings.tool_length)
        self.q = self.arm.solve(start, NEUTRAL, NEUTRAL)
        self.machine = Machine(self.arm, self.settings, self.q)
        self.v = np.zeros(7)
        self.target = np.zeros(7)
        self.now = 100.0
        self.commanded = self.now
        self.changes: dict[str, object] = {'enabled': True, 'ready': True, 'connections': 1}
        self.orders: list[Orders] = []
        self.trace: list[tuple[float, np.ndarray, float]] = []
        self._link = Chain()
        self._chain = Chain(self.settings.tool_length)
        self._id = 0

    @property
    def point(self) -> np.ndarray:
        return self._chain.forward(self.q)[0]

    def sight(self) -> Sight:
        position, rotation = self._link.forward(self.q)
        return Sight(**{
            'joints_time': self.now, 'endpoint_time': self.now, 'robot_time': self.now,
            'q': tuple(self.q), 'v': tuple(self.v), 'position': tuple(position),
            'quaternion': rotation_to_quaternion(rotation), **self.changes})  # type: ignore

    def twist(self, *velocity: float, age: float = 0.0) -> str | None:
        self._id += 1
        packet = Twist(self._id, self.now - age, velocity)  # type: ignore[arg-type]
        return self.machine.twist(self.now, packet, self.sight())

    @property
    def mode(self) -> str:
        return self.machine.mode(self.now, self.sight())

    def run(self, seconds: float, velocity: tuple[float, ...] | None = None) -> None:
        """Let time pass, with that velocity commanded at 50 Hz if one is given."""
        for tick in range(round(seconds / PERIOD)):
            if velocity is not None and tick % 2 == 0:
                self.twist(*velocity)
            orders = self.machine.tick(self.now, self.sight())
            self.orders.append(orders)
            if orders.speeds is not None:
                self.target, self.commanded = orders.speeds, self.now
            if self.now - self.commanded > TIMEOUT_S:
                self.target = np.zeros(7)
            for _ in range(5):
                self.v += (self.target - self.v) * PERIOD / 5 / LAG_S
                self.q = self.q + self.v * PERIOD / 5
            before, self.now = self.point, self.now + PERIOD
            self.trace.append((self.now, before, float(np.linalg.norm(
                self.arm.jacobian(*self._frames())[:3] @ self.v))))

    def _frames(self) -> tuple[np.ndarray, np.ndarray]:
        return self.arm.frames(self.q)[0], self.point

    def stopped_after(self, since: float, speed: float = 0.005) -> float:
        """Return after how long from `since` the hand no longer moved [s]."""
        moving = [now for now, _, moved in self.trace if now > since and moved > speed]
        return (moving[-1] if moving else since) - since
