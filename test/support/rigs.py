"""Two arms behind one face for the contract's tests: the simulation, the driver over a fake."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig_ros.control import task as tasks
from rig_ros.hardware import sawyer_process
from rig_ros.hardware.robot import Robot
from rig_ros.hardware.sawyer import SawyerRobot
from rig_ros.hardware.sawyer_process import SideProcess
from rig_ros.simulation.fake_robot.launch import FakeRobotProcess
from rig_ros.simulation.robot import SimulatedRobot
from rig_ros.simulation.world import SawyerWorld

TASK = tasks.load('reach_xy')
STILL_M = 0.0005
TICK_S = 0.01
STALL_S = 0.05
"""A driver that was kept waiting for longer lets its velocities run out."""


PATIENT = ('{"servo_late": 0.5, "joints_stale": 0.5, "robot_stale": 2.0, "tracking_time": 1.0, '
           '"link_lost": 2.0}')
"""A machine that tests stalls; a lab's does not, and has the limits of settings.py."""


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
    """The driver, its side process and a fake robot, each a process as in a lab."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fake = FakeRobotProcess(folder / 'fake.sock')
        path = folder / 'arm.sock'
        settings = sawyer_process.side_settings(TASK, 0.10, more=PATIENT)
        self.side = SideProcess(
            sawyer_process.arm_side_command(sys.executable, path, settings), path,
            {**sawyer_process.environment(), **self.fake.environment}, lambda line: None)
        self.robot = self.driver = SawyerRobot.at(path, np.array(TASK.reset_hand))
        self.speed_limit = 0.10
        self._stalled = False

    def close(self) -> None:
        self.driver.close()
        self.side.stop()
        self.fake.close()

    def prepare(self) -> None:
        self.wait(lambda: self.driver.connected and self.driver.newest is not None
                  and self.driver.newest.mode != 'DISCONNECTED')
        self._ask('clear_fault')
        self._ask('enable')
        self.driver.clear()
        self._stalled = False
        self.wait(lambda: self.driver.newest is not None and self.driver.newest.mode == 'IDLE')
        self.driver.stop()
        self.fake.turn(place=list(TASK.reset_hand))  # homing takes seconds
        self.pass_time(0.4)

    def _ask(self, name: str) -> None:
        answers: list[bool] = []
        self.driver.request(name, lambda ok, _message: answers.append(ok))
        self.wait(lambda: answers)

    def wait(self, condition: Callable[[], object], patience_s: float = 30.0) -> None:
        """Go on until a condition holds."""
        deadline = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < deadline, self.driver.obstacle()
            self._turn()

    def now(self) -> float:
        return time.monotonic()

    def pass_time(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._turn()
        stalled, self._stalled = self._stalled, False
        if self.driver.cut or stalled:
            raise Starved(self.driver.cut or 'this process stood still')

    def path(self, since: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        trace = np.array(self.fake.truth(since)['trace'])
        if np.diff(trace[:, 0]).max() > 0.05:
            raise Starved('the fake robot stood still')
        return trace[:, 0], trace[:, 1:4]

    def _turn(self) -> None:
        began = time.monotonic()
        self.driver.poll()
        self.side.look_after(self.driver.hearing)
        time.sleep(0.004)
        if time.monotonic() - began > STALL_S:
            self._stalled = True
