"""Arguments, logging, signals: everything around the loop."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time

from .kinematics import NEUTRAL, Arm, DescriptionError, PoseError
from .machine import Machine
from .picture import PictureWriter
from .server import Server
from .settings import Settings, SettingsError, from_json
from .side import Side, Waker

EXIT_SETTINGS = 2
EXIT_ROBOT = 3
EXIT_MASTER = 4
"""The ROS master is lost: start this process again."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='arm_side', description='Owns a Sawyer: ROS 1 on one side, a local socket on the '
        'other. README.md beside this program describes the socket.')
    parser.add_argument('--socket', required=True, help='path of the socket to serve')
    parser.add_argument('--settings', help='JSON file of limits; names and defaults are those of '
                        'settings.py')
    parser.add_argument('--dry-run', action='store_true',
                        help='compute and log, never publish a joint command')
    parser.add_argument('--user', type=int, help='numeric id of another user who may connect, for '
                        'containers')
    return parser.parse_args()


def _settings(path: str | None, dry_run: bool) -> Settings:
    text = '{}'
    if path is not None:
        try:
            with open(path, encoding='utf-8') as file:
                text = file.read()
        except OSError as error:
            raise SettingsError(f'settings: {error}') from None
    settings = from_json(text)
    if dry_run and not settings.dry_run:
        settings = Settings(**{**vars(settings), 'dry_run': True})
    return settings


def _log(line: str) -> None:
    sys.stderr.write(f'{time.strftime("%H:%M:%S")} arm_side: {ascii(line)[1:-1]}\n')
    sys.stderr.flush()


def _versions() -> dict[str, str]:
    import intera_interface
    import rospy
    version = getattr(rospy, '__version__', '')
    found = {'python': platform.python_version(), 'rospy': str(version),
             'intera_interface': str(getattr(intera_interface, '__version__', ''))}
    settings = getattr(intera_interface, 'settings', None)
    found['sdk'] = str(getattr(settings, 'SDK_VERSION', ''))
    robot = rospy.get_param('/manifest/robot_software/version/HLR_VERSION_STRING', '')
    return {**found, 'robot': str(robot)}


def main() -> int:
    """Run until told to end; return the exit status."""
    arguments = _arguments()
    try:
        settings = _settings(arguments.settings, arguments.dry_run)
    except SettingsError as error:
        _log(str(error))
        return EXIT_SETTINGS
    import rospy  # late: --help and wrong settings need no ROS

    from .robot import Robot, RobotError
    rospy.init_node('rig_arm_side', anonymous=True, disable_signals=True)
    pictures = PictureWriter(arguments.socket + '.picture')
    waker: Waker | None = None

    def wake() -> None:
        if waker is not None:
            waker()
    try:
        robot = Robot(pictures, wake, _log)
        arm = Arm(robot.description, settings.endpoint_link, settings.tool_length)
        centre = [(low + high) / 2 for low, high in zip(settings.box_low, settings.box_high)]
        machine = Machine(arm, settings, arm.solve(centre, NEUTRAL, NEUTRAL))
        side = Side(robot, machine, settings, _log, _versions(), pictures.path)
        server = Server(arguments.socket, side, _log, arguments.user)
    except (RobotError, DescriptionError, PoseError, OSError, rospy.ROSException) as error:
        _log(f'cannot start: {error}')
        pictures.close()
        return EXIT_ROBOT
    waker = Waker(server.selector)

    def end(number: int, frame: object) -> None:
        del number, frame
        side.running = False
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    _log(f'serves {arguments.socket}' + (' (dry run)' if settings.dry_run else ''))
    try:
        side.run(server)
    finally:
        server.close()
        pictures.close()
    if robot.master_lost:
        os._exit(EXIT_MASTER)  # rospy's own shutdown waits for the master that is gone
    rospy.signal_shutdown('ended')
    return 0
