"""Starts a fake robot as a process of its own and turns its knobs: for tests, drills and users."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rig_ros.errors import ConfigError, HardwareError
from rig_ros.processes import end, end_with_parent
from rig_ros.simulation.fake_robot.wire import ENVIRONMENT, ask

ROS1 = Path(__file__).with_name('ros1')
"""Folder of the modules named rospy and intera_interface: for PYTHONPATH of the side process."""
SIDE_SETTINGS = {'servo_late': 0.15, 'link_lost': 0.5}
"""Of the side process: a fake robot shares its processors with the whole graph; everything is late
there now and then [s]."""
START_S = 30.0


class FakeRobotProcess:
    """A fake robot that runs; use as a context."""

    def __init__(self, path: Path, task: str = 'reach_xy', calibration_m: float = 0.002) -> None:
        """Start it and wait until it answers.

        Args:
            path: of its socket, below 100 characters.
            task: what stands on the table.
            calibration_m: how far its description differs from the nominal arm [m].

        Raises:
            HardwareError: it does not come up.
        """
        self.path = path
        parent = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'rig_ros.simulation.fake_robot', '--socket', str(path),
             '--task', task, '--calibration', str(calibration_m)], start_new_session=True,
            preexec_fn=lambda: end_with_parent(parent))
        end = time.monotonic() + START_S
        while True:
            try:
                self._connection = socket.socket(socket.AF_UNIX)
                self._connection.connect(str(path))
                break
            except OSError:
                self._connection.close()
                if self._process.poll() is not None or time.monotonic() > end:
                    self.close()
                    raise HardwareError(f'fake robot: no answer at {path} within {START_S:.0f} s; '
                                        'see its output') from None
                time.sleep(0.02)

    @property
    def environment(self) -> dict[str, str]:
        """What the side process needs in its environment to find this robot."""
        return environment(self.path)

    def turn(self, **knobs: Any) -> float:
        """Turn knobs (see `robot.Knobs`, and `restart` [s], `place` [x, y, z]).

        Returns:
            When it took effect, CLOCK_MONOTONIC [s].

        Raises:
            ConfigError: an unknown knob or value.
        """
        answer = ask(self._connection, {'op': 'knobs', 'changes': knobs})
        if 'error' in answer:
            raise ConfigError(answer['error'])
        return float(answer['time'])

    def truth(self, since: float = 0.0) -> dict[str, Any]:
        """Return `time`, `commands`, `gripper_open`, and `trace`: rows t, x, y, z, speed."""
        truth: dict[str, Any] = ask(self._connection, {'op': 'truth', 'since': since})
        return truth

    def close(self) -> None:
        """End it."""
        self._connection.close()
        end([self._process], 5.0)

    def __enter__(self) -> FakeRobotProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def environment(path: Path) -> dict[str, str]:
    """Return what a side process needs in its environment to find the robot at a socket."""
    return {'PYTHONPATH': str(ROS1), ENVIRONMENT: str(path)}


def environment_without_ros() -> dict[str, str]:
    """Return this process's environment without anything of ROS 2 or of a virtual environment."""
    kept = ('PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'USER', 'LOGNAME', 'TZ')
    return {name: os.environ[name] for name in kept if name in os.environ}
