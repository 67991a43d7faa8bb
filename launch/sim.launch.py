"""Starts the simulated Sawyer and the whole graph around it.

Example: `ros2 launch rig_ros sim.launch.py bundle:=models/reach/reach.safetensors`

A simulated arm must not answer to, or command, the robots on the network: unless
ROS_AUTOMATIC_DISCOVERY_RANGE is set, the graph stays on this machine.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable

from rig_ros.bringup.graph import LOG_LEVELS
from rig_ros.bringup.launching import start_nodes
from rig_ros.control import task


def generate_launch_description():
    """Declare what may be chosen; which nodes run is in the table rig_ros.bringup.graph."""
    return LaunchDescription([
        SetEnvironmentVariable('ROS_AUTOMATIC_DISCOVERY_RANGE', EnvironmentVariable(
            'ROS_AUTOMATIC_DISCOVERY_RANGE', default_value='LOCALHOST')),
        DeclareLaunchArgument(
            'task', default_value='reach_xy', choices=[*task.names(), *task.ALIASES],
            description='What the robot shall do: a file in config/tasks.'),
        DeclareLaunchArgument(
            'bundle', default_value='',
            description='Model file (.safetensors); empty: none yet.'),
        DeclareLaunchArgument(
            'mode', default_value='reach', choices=['collect', 'practise', 'reach'],
            description='What episodes are for: random actions, imagined goals, your goals.'),
        DeclareLaunchArgument(
            'train', default_value='false', choices=['true', 'false'],
            description='Learn on this machine from what is recorded.'),
        DeclareLaunchArgument(
            'clock', default_value='lockstep', choices=['lockstep', 'realtime'],
            description='lockstep: the world advances with each command; realtime: with time.'),
        DeclareLaunchArgument(
            'raw_camera', default_value='false', choices=['true', 'false'],
            description='Render 640x480 and pass it through the camera node.'),
        DeclareLaunchArgument(
            'seed', default_value='0',
            description='Seed of the simulated world.'),
        DeclareLaunchArgument(
            'control_hz', default_value='0.0',
            description="Control rate [Hz]; 0: the task's own."),
        DeclareLaunchArgument(
            'horizon', default_value='0',
            description="Steps in an episode; 0: the task's own."),
        DeclareLaunchArgument(
            'run', default_value='runs/latest',
            description='Folder for episodes and models.'),
        DeclareLaunchArgument(
            'namespace', default_value='',
            description='Moves the whole graph below this name.'),
        DeclareLaunchArgument(
            'params_file', default_value='',
            description='Parameter file; empty: config/nodes.yaml as shipped.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=['true', 'false'],
            description='Take the time from /clock; lockstep always does.'),
        DeclareLaunchArgument(
            'log_level', default_value='info', choices=list(LOG_LEVELS),
            description='What nodes print.'),
        OpaqueFunction(function=start_nodes, args=['sim']),
    ])
