"""`rig_ros preflight`: may this robot be moved from this machine, and if not, what to do.

Reads only: a side process that runs is watched, otherwise one is started in dry-run mode, which
sends the robot nothing.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig_ros.cli.findings import Finding, Words, report
from rig_ros.errors import HardwareError, RigError

if TYPE_CHECKING:
    from rig_ros.arm_side.protocol import State, Welcome
    from rig_ros.control.task import TaskConfig

app = typer.Typer(add_completion=False)
PATIENCE_S = 15.0
WATCHED_S = 2.0
WORDS = Words(wrong='wrong ', note='note', fit='the robot may be moved from here',
              unfit='do not move the robot yet', name_width=18)


@app.command()
def preflight(
        task: Annotated[str, typer.Option(help='One of config/tasks/*.yaml.')] = 'reach_xy',
        robot_host: Annotated[str, typer.Option(
            help='Host name of the robot or a ROS_MASTER_URI.')] = '',
        ros_ip: Annotated[str, typer.Option(
            help="This machine's address in the robot's network.")] = '',
        side_command: Annotated[str, typer.Option(help='As for rig_ros up robot.')] = '',
        side_socket: Annotated[str, typer.Option(
            '--socket', help='Of a side process that runs: a path, or a name.')] = 'arm',
        table_height: Annotated[float, typer.Option(
            help='Of the table top in the frame base [m].')] = 0.0,
        source: Annotated[str, typer.Option(
            help="Camera: a device or file; 'topic' is not looked at.")] = 'topic',
        json_file: Annotated[Path | None, typer.Option(
            '--json', help='Write the findings here as well.')] = None) -> None:
    """Check robot, network, workspace and camera; exit code 1 when it must not be moved."""
    from rig_ros.cli import preflight_checks as checks
    from rig_ros.control import task as tasks

    config = tasks.load(task)
    variables = checks.environment_of(robot_host, ros_ip)
    report(itertools.chain(
        checks.network(checks.Master.from_environment(variables), variables),
        _arm(side_command, side_socket, config, variables),
        checks.box(config, table_height), _camera(source)), WORDS, json_file)


def _arm(side_command: str, side_socket: str, task: TaskConfig,
         variables: dict[str, str]) -> Iterator[Finding]:
    """Watch the side process that runs, or one started for this in dry-run mode."""
    from rig_ros.cli import preflight_checks as checks
    from rig_ros.hardware import sawyer_process

    path = sawyer_process.socket_path(side_socket)
    try:
        if sawyer_process.listener(path) is not None or side_command == sawyer_process.EXTERNAL:
            yield from checks.arm(*_watch(path))
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'arm.sock'
            said: list[str] = []
            side = sawyer_process.SideProcess(
                sawyer_process.arm_side_command(
                    side_command, path, sawyer_process.side_settings(task, 0.1, dry_run=True)),
                path, variables, said.append)
            side.look_after(connected=False)
            try:
                found = _watch(path, side)
            finally:
                side.stop()
            yield from checks.arm(*found)
    except RigError as error:
        yield Finding('side process', False, str(error), 'read what it wrote above; doc/robot.md '
                      'lists what it needs (rospy, intera_interface)')


def _watch(path: Path, side: object = None) -> tuple[Welcome, list[State]]:
    """Return what a side process says within some seconds.

    Raises:
        HardwareError: it says nothing, refuses, or ends.
    """
    from rig_ros.arm_side.protocol import Refused, State, Welcome
    from rig_ros.hardware.sawyer_link import SawyerLink

    deadline, welcome, states = time.monotonic() + PATIENCE_S, None, []
    link: SawyerLink | None = None
    while time.monotonic() < deadline:
        time.sleep(0.02)
        if link is None:
            if side is not None and getattr(side, 'pid', None) is None:
                raise HardwareError('side process: it ended at its start')
            try:
                link = SawyerLink.open(path, 'preflight', 'watcher')
            except HardwareError:
                if side is None:
                    raise
            continue
        for packet in link.receive():
            if isinstance(packet, Refused):
                raise HardwareError(f'side process: refused: {packet.reason}')
            if isinstance(packet, Welcome):
                welcome = packet
                deadline = time.monotonic() + WATCHED_S
            if isinstance(packet, State):
                states.append(packet)
        if link.closed:
            raise HardwareError(f'side process: {link.closed}')
    if link is not None:
        link.close()
    if welcome is None:
        raise HardwareError(f'side process: said nothing for {PATIENCE_S:.0f} s')
    return welcome, states


def _camera(source: str) -> Iterator[Finding]:
    """Take one picture of a device or file."""
    if source == 'topic':
        yield Finding('camera', True, 'on camera/image_raw; not looked at')
        return
    from rig_ros.hardware.cameras import OpenCVCamera, SourceSettings
    try:
        camera = OpenCVCamera(SourceSettings(source))
        try:
            picture = camera.read()
        finally:
            camera.close()
    except RigError as error:
        yield Finding('camera', False, str(error), 'check the cable and who else uses it')
        return
    height, width = picture.shape[:2]
    yield Finding('camera', float(picture.std()) > 5.0,
                  f'{width}x{height}, contrast {picture.std():.0f}',
                  'the picture is all of one brightness: lens cap, light, exposure?')
