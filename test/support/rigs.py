"""Two arms behind one face for the contract's tests: the simulation, the driver over a fake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig_ros.control import task as tasks
from rig_ros.hardware.robot import Robot
from rig_ros.simulation.robot import SimulatedRobot
from rig_ros.simulation.world import SawyerWorld

TASK = tasks.load('reach_xy')
STILL_M = 0.0005
TICK_S = 0.01


class Starved(Exception):
    """Raised when the machine gave the arm no processor time: the attempt tells nothing."""


class Rig:
    """An arm, its clock and its path."""

    robot: Robot
    speed_limit: float

    def __init__(self, folder: Path) -> None:
        self._times: list[float] = []
        self._places: list[NDArray[np.float64]] = []

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what was started."""

    def prepare(self) -> None:
        """Bring the arm to the reset position, ready to move."""
        raise NotImplementedError

    def pass_time(self, seconds: float) -> None:
        """Let the arm's time pass."""
        raise NotImplementedError

    def now(self) -> float:
        """Return the arm's time [s]."""
        raise NotImplementedError

    def note(self, time_s: float, place: NDArray[np.float64]) -> None:
        self._times.append(time_s)
        self._places.append(place)

    def path(self, since: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return times (n,) and hand positions (n, 3) from a moment on."""
        chosen = [i for i, t in enumerate(self._times) if t >= since]
        return np.array([self._times[i] for i in chosen]), np.array(
            [self._places[i] for i in chosen])

    def still_after(self, since: float) -> float:
        """Let a second pass; return how long after a moment the hand was where it stayed [s]."""
        self.pass_time(1.0)
        times, places = self.path(since)
        away = np.flatnonzero(np.linalg.norm(places - places[-1], axis=1) > STILL_M)
        return float(times[away[-1] + 1] - since) if len(away) else 0.0


class SimulatedRig(Rig):
    """The simulation; its time passes only here."""

    speed_limit = 0.30

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._world = SawyerWorld(TASK)
        self.robot = self._arm = SimulatedRobot(self._world)
        self._past_s = 0.0

    def close(self) -> None:
        self._world.close()

    def prepare(self) -> None:
        self._past_s = self.now()
        self.robot.reset()

    def now(self) -> float:
        return self._past_s + self._world.time

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self._arm.advance(TICK_S)
            self.note(self.now(), self._world.hand_position)


class FakeSawyerRig(Rig):
    """Placeholder."""

    def __init__(self, folder: Path) -> None:
        import pytest
        pytest.skip('no fake yet')
