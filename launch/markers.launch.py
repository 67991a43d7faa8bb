"""Draws workspace, goals and motion of a running graph, for RViz and Foxglove.

Example: `ros2 launch rig_ros markers.launch.py task:=reach_xy`
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from rig_ros.bringup.graph import LOG_LEVELS
from rig_ros.bringup.launching import start_nodes
from rig_ros.control import task


def generate_launch_description():
    """Declare what may be chosen; which nodes run is in the table rig_ros.bringup.graph."""
    return LaunchDescription([
        DeclareLaunchArgument(
            'task', default_value='reach_xy', choices=[*task.names(), *task.ALIASES],
            description='What the robot shall do: a file in config/tasks.'),
        DeclareLaunchArgument(
            'bundle', default_value='',
            description='Model file (.safetensors); empty: none yet.'),
        DeclareLaunchArgument(
            'namespace', default_value='',
            description='Moves the whole graph below this name.'),
        DeclareLaunchArgument(
            'params_file', default_value='',
            description='Parameter file; empty: config/nodes.yaml as shipped.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=['true', 'false'],
            description='Take the time from /clock.'),
        DeclareLaunchArgument(
            'log_level', default_value='info', choices=list(LOG_LEVELS),
            description='What nodes print.'),
        OpaqueFunction(function=start_nodes, args=['markers']),
    ])
