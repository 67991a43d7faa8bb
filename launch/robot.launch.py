"""Starts a real Sawyer, its driver and the whole graph; see doc/robot.md before the first time.

Example: `ros2 launch rig_ros robot.launch.py bundle:=models/reach/reach.safetensors
robot_host:=sawyer.local ros_ip:=10.0.0.7 source:=0`

Nothing enables the arm by itself: call the service `arm/enable`, then send a goal.
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
            'mode', default_value='reach', choices=['collect', 'practise', 'reach'],
            description='What episodes are for: random actions, imagined goals, your goals.'),
        DeclareLaunchArgument(
            'train', default_value='false', choices=['true', 'false'],
            description='Learn on this machine from what is recorded.'),
        DeclareLaunchArgument(
            'source', default_value='topic',
            description="Camera: 'topic' (camera/image_raw), a device number, a video file, or "
                        "the arm's own 'head_camera' or 'right_hand_camera'."),
        DeclareLaunchArgument(
            'fake', default_value='false', choices=['true', 'false'],
            description='A fake robot in the place of the real one.'),
        DeclareLaunchArgument(
            'socket', default_value='arm',
            description="Of the arm's side process: a path, or a name."),
        DeclareLaunchArgument(
            'control_hz', default_value='0.0',
            description='Pictures and commands per second [Hz]; 0: 20.'),
        DeclareLaunchArgument(
            'horizon', default_value='0',
            description="Steps in an episode; 0: the task's time, stretched by max_speed."),
        DeclareLaunchArgument(
            'max_speed', default_value='0.1',
            description='Largest speed of the hand [m/s].'),
        DeclareLaunchArgument(
            'side_command', default_value='',
            description="Starts the ROS 1 side process; empty: the system's Python; 'external': "
                        'it is started by hand. What it runs is appended.'),
        DeclareLaunchArgument(
            'robot_host', default_value='',
            description="The robot's host name or a ROS_MASTER_URI; empty: as the environment "
                        'says.'),
        DeclareLaunchArgument(
            'ros_ip', default_value='',
            description="This machine's address in the robot's network; empty: as the "
                        'environment says.'),
        DeclareLaunchArgument(
            'dry_run', default_value='false', choices=['true', 'false'],
            description='Compute and log, but send the arm nothing.'),
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
