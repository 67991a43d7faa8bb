"""Starts everything a real Sawyer needs except the arm's own driver.

Example: `ros2 launch rig_ros robot.launch.py bundle:=models/reach/reach.safetensors`

The driver must be on the network. It takes `cmd_twist`, offers the service `reset`, and publishes
`joint_states` and `ee_pose`; without it nothing moves.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction

from rig_ros.bringup.graph import LOG_LEVELS
from rig_ros.bringup.launching import start_nodes
from rig_ros.control import task


def generate_launch_description():
    """Declare what may be chosen; which nodes run is in the table rig_ros.bringup.graph."""
    return LaunchDescription([
        LogInfo(msg="The arm's driver is not part of this launch file: it must be on the network "
                    '(cmd_twist, reset, joint_states, ee_pose).'),
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
            'source', default_value='topic',
            description="Camera: 'topic' (camera/image_raw), a device number or a video file."),
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
            description='Take the time from /clock.'),
        DeclareLaunchArgument(
            'log_level', default_value='info', choices=list(LOG_LEVELS),
            description='What nodes print.'),
        OpaqueFunction(function=start_nodes, args=['robot']),
    ])
