"""Turns the node table into launch actions; for `launch/*.launch.py`, where ROS has launch."""

from __future__ import annotations

from launch.launch_context import LaunchContext
from launch_ros.actions import Node

from rig_ros.bringup import graph
from rig_ros.processes import enclave_arguments

RESPAWN_DELAY_S = 0.5


def start_nodes(context: LaunchContext, name: str) -> list[Node]:
    """Return the nodes of a deployment; the launch arguments are its settings.

    Args:
        context: where the arguments have their values.
        name: sim, robot, trainer or camera.
    """
    chosen = graph.from_texts(name, context.launch_configurations)
    return [Node(
        package=graph.PACKAGE,
        executable=spec.executable,
        name=spec.name,
        namespace=chosen.namespace,
        parameters=[str(chosen.parameter_file),
                    {'use_sim_time': chosen.simulated_time, **spec.parameters}],
        arguments=['--ros-args', '--log-level', chosen.log_level,
                   *enclave_arguments(spec.name)],
        respawn=spec.respawn,
        respawn_delay=RESPAWN_DELAY_S,
        output='screen',
    ) for spec in chosen.nodes()]
