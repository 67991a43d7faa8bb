"""A robot without a robot: runs the fake Sawyer as a process and tells where its hand truly is.

`rig_ros up robot --fake` puts it in the place of the arm; the driver, its side process and the
rest of the graph are the same as in a lab. Its socket also turns its knobs (e-stop, collision,
silent topics...), see `simulation.fake_robot`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rig_ros.hardware import sawyer_process
from rig_ros.ros import topics
from rig_ros.ros.conversions import to_stamp, values_to_message
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run
from rig_ros.simulation.fake_robot.launch import FakeRobotProcess

TRUTH_S = 0.02


def fake_path(socket: str) -> Path:
    """Return the fake robot's own socket, beside that of the side process."""
    path = sawyer_process.socket_path(socket)
    return path.with_name(path.name + '.robot')


@dataclass(frozen=True)
class FakeRobotParameters(CommonParameters):
    """The fake robot's parameters."""

    socket: str = param('fake', 'The name or path of the socket of its side process.')


class FakeRobotNode(RigNode):
    """Wires the fake robot's truth to the graph."""

    NAME = 'fake_robot'
    PARAMETERS = FakeRobotParameters
    settings: FakeRobotParameters

    def configure(self) -> None:
        """Start the robot."""
        path = fake_path(self.settings.socket)
        sawyer_process.private_folder(path)
        self._robot: FakeRobotProcess | None = FakeRobotProcess(path, self.settings.task)
        self._truth = self.publish_on(topics.GROUND_TRUTH)
        self.every(TRUTH_S, self._tell)

    def activate(self) -> None:
        """Say that this is no robot."""
        self.report(Level.OK, 'a fake robot runs', part='robot')

    def cleanup(self) -> None:
        """End the robot."""
        robot: FakeRobotProcess | None = getattr(self, '_robot', None)
        if robot is not None:
            robot.close()
            robot.path.unlink(missing_ok=True)
        self._robot = None

    def _tell(self) -> None:
        assert self._robot is not None
        trace = self._robot.truth(time.monotonic() - TRUTH_S)['trace']
        if trace:
            at_s, x, y, z, _ = trace[-1]
            stamp = to_stamp(time.time_ns() - int(1e9 * (time.monotonic() - at_s)))
            hand = f'{x:.6f} {y:.6f} {z:.6f}'
            self._truth.publish(values_to_message('sim: ground truth', {'hand': hand}, stamp))


def main() -> None:
    """Run the node."""
    run(FakeRobotNode)


if __name__ == '__main__':
    main()
