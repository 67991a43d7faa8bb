"""`rig_ros bench command`: from the topic `cmd_twist` to the joint command at the robot.

Driver, socket and side process are those of a lab; the robot is the fake one, which notes when
each joint command arrives. Nothing else of the graph runs.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rig_ros.bringup import graph
from rig_ros.cli.local_graph import START_S, isolate_graph
from rig_ros.cli.recorder_bench import cpu_s
from rig_ros.errors import RigError

if TYPE_CHECKING:
    from rig_ros.ros.client import GraphClient

WARM_UP_S = 2.0
NODES = ('fake_robot', 'sawyer')


class Arm(graph.Robot):
    """The deployment `robot` without everything above its driver."""

    def nodes(self) -> list[graph.NodeSpec]:
        """Return the driver and the fake robot."""
        return [spec for spec in super().nodes() if spec.name in NODES]


def run(hz: float, seconds: float, out: Path) -> dict[str, Any]:
    """Start the arm, send it commands at a steady rate, and find them again.

    Raises:
        HardwareError: it does not come up.
    """
    isolate_graph()
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.control.kinematics import TOOL_LENGTH, Chain
    from rig_ros.evaluation.command_path import LEVELS, delays
    from rig_ros.hardware.sawyer_process import listener, socket_path
    from rig_ros.nodes.fake_robot import fake_path
    from rig_ros.ros import topics
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.conversions import to_stamp, velocity_to_twist
    from rig_ros.simulation.fake_robot.wire import ask

    name = f'bench-{os.getpid()}'
    log = out / 'log'
    with Supervisor(Arm(fake=True, socket=name, control_hz=min(hz, 60.0), run=str(out)),
                    log) as supervisor, GraphClient() as client:
        _call(client, topics.ARM_ENABLE)
        _call(client, topics.RESET)
        publisher = client.publisher(topics.COMMAND)
        sent: list[tuple[float, float]] = []
        side = listener(socket_path(name))
        assert side is not None
        pids = {'side': side, 'driver': supervisor.process('sawyer').pid}
        spent: dict[str, float] = {}
        levels, begun_s = itertools.cycle(LEVELS), time.monotonic()
        for number in range(int(hz * (WARM_UP_S + seconds))):
            wait_s = begun_s + number / hz - time.monotonic()
            time.sleep(max(wait_s, 0.0))
            if not spent and number >= hz * WARM_UP_S:
                spent = {part: cpu_s(pid) for part, pid in pids.items()}
                from_s = time.monotonic()
                sent.clear()
            velocity = np.array([0.0, next(levels), 0.0])
            sent.append((time.monotonic(), float(velocity[1])))
            publisher.publish(velocity_to_twist(velocity, to_stamp(time.time_ns())))
        lasted_s = time.monotonic() - from_s
        share = {part: (cpu_s(pid) - spent[part]) / lasted_s
                 for part, pid in pids.items()}
        time.sleep(0.2)
        with socket.socket(socket.AF_UNIX) as robot:
            robot.connect(str(fake_path(name)))
            heard = ask(robot, {'op': 'heard', 'since': from_s})
    chain = Chain(TOOL_LENGTH)
    speeds = [float((chain.jacobian(joints) @ np.array(command))[1])
              for _, joints, command in heard]
    found, lost = delays([at for at, _ in sent], [size for _, size in sent],
                         [at for at, _, _ in heard], speeds)
    p50, p99 = np.percentile(1e3 * found, [50, 99]).tolist()
    return {'commands': len(sent), 'lost': lost, 'hz': hz, 'p50_ms': p50, 'p99_ms': p99,
            'max_ms': 1e3 * float(found.max()), 'side_core': share['side'],
            'driver_core': share['driver'], 'joint_commands_hz': len(heard) / lasted_s}


def _call(client: GraphClient, service: str) -> None:
    """Call a service until the arm is there to answer it.

    Raises:
        RigError: it still refuses when time is out.
    """
    deadline = time.monotonic() + START_S
    while True:
        try:
            client.call(service, START_S)
            return
        except RigError:
            if time.monotonic() > deadline:
                raise
            client.spin_for(0.2)
