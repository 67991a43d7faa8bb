"""What `rig_ros preflight` looks at before a robot is moved. Nothing here changes anything.

Three parts: the network (standard library, no ROS), what the side process says of the robot (a
watcher, which cannot command), and the task's box and camera.
"""

from __future__ import annotations

import email.utils
import http.client
import math
import os
import socket
import time
import urllib.parse
import xmlrpc.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rig_ros.arm_side.protocol import State, Welcome
from rig_ros.cli.findings import Finding
from rig_ros.control import kinematics
from rig_ros.control.task import TaskConfig
from rig_ros.errors import RigError

PORT = 11311
NETWORK_S = 2.0
MAX_CLOCK_OFFSET_S = 1.5
"""The master's answer carries whole seconds; a larger offset is a wrong clock."""
SDK_VERSIONS = ('5.2', '5.3', '5.5')
"""Of the robot's software; older ones have other message names."""
JOINT_HZ, ENDPOINT_HZ, SERVO_HZ = 80.0, 80.0, 90.0
MAX_CALIBRATION_ERROR = 0.01
"""Between the robot's own kinematics and its endpoint, or the nominal chain [m]."""
TABLE_MARGIN = 0.005
"""The box must stay this far above the table [m]."""
JOINT_MARGIN = 0.1


@dataclass(frozen=True)
class Master:
    """Where the robot's ROS master is said to be."""

    host: str
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Master:
        """Return the master of ROS_MASTER_URI; host '' when it is not set."""
        uri = urllib.parse.urlsplit(environment.get('ROS_MASTER_URI', ''))
        return cls(uri.hostname or '', uri.port or PORT)

    def call(self, method: str, *arguments: str) -> tuple[Any, float | None]:
        """Return a method's value, and the master's clock minus this machine's [s] if told.

        Raises:
            OSError: no answer in time.
            ValueError: no ROS master answers there.
        """
        body = xmlrpc.client.dumps(('/rig_ros_preflight', *arguments), method)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=NETWORK_S)
        try:
            began = time.time()
            connection.request('POST', '/RPC2', body, {'Content-Type': 'text/xml'})
            answer = connection.getresponse()
            middle = 0.5 * (began + time.time())
            text, date = answer.read(), answer.getheader('Date')
        except http.client.HTTPException as error:
            raise ValueError(str(error)) from error
        finally:
            connection.close()
        try:
            parameters: Any = xmlrpc.client.loads(text)[0]
            code, message, value = parameters[0]
        except Exception as error:  # whatever answers there may send anything
            raise ValueError(f'no XML-RPC ({type(error).__name__})') from error
        if code != 1:
            raise ValueError(str(message))
        offset = None
        if date:
            offset = email.utils.parsedate_to_datetime(date).timestamp() + 0.5 - middle
        return value, offset


def network(master: Master, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Check names, addresses, master, clock and the robot's software."""
    if not master.host:
        yield Finding('robot', False, 'ROS_MASTER_URI is not set',
                      'give --robot-host (its name is on the label: <serial>.local)')
        return
    address = _resolve(master.host)
    yield Finding('robot name', bool(address), f'{master.host} is {address or "not known"}',
                  f'put the robot into /etc/hosts, or install avahi-daemon and libnss-mdns for '
                  f'.local names; try: ping {master.host}')
    if not address:
        return
    yield _own_address(address, environment)
    try:
        _, offset = master.call('getPid')
    except (OSError, ValueError) as error:
        yield Finding('ROS master', False, f'{master.host}:{master.port}: {error}',
                      'is the robot up (5 minutes after power on), in SDK mode, on this network?')
        return
    yield Finding('ROS master', True, f'answers at {master.host}:{master.port}')
    if offset is not None:
        yield Finding('clock', abs(offset) <= MAX_CLOCK_OFFSET_S,
                      f"the robot's is {offset:+.0f} s off, known to 1 s",
                      'set the same NTP server on both (robot: Field Service Menu)',
                      essential=False)
    yield from _software(master)
    yield from _advertised(master)


def _resolve(host: str) -> str:
    if not host:
        return ''
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0])
    except (OSError, UnicodeError):  # the latter of what is no host name at all
        return ''


def _own_address(robot_address: str, environment: Mapping[str, str]) -> Finding:
    """Compare ROS_IP with the address from which this machine reaches the robot."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((robot_address, PORT))  # sends nothing
            mine = str(probe.getsockname()[0])
        except OSError as error:
            return Finding('ROS_IP', False, f'{robot_address} is not reachable: {error.strerror}',
                           'check cable and network settings')
    told = environment.get('ROS_IP') or _resolve(environment.get('ROS_HOSTNAME', ''))
    return Finding('ROS_IP', told == mine, f'{told or "not set"}; the robot is reached from '
                   f'{mine}', f'give --ros-ip {mine}: with another address the robot hears no '
                   'command, without any error')


def _software(master: Master) -> Iterator[Finding]:
    key = '/manifest/robot_software/version/HLR_VERSION_STRING'
    try:
        version = str(master.call('getParam', key)[0])
    except (OSError, ValueError) as error:
        yield Finding('robot software', False, f'unknown: {error}',
                      'boot the robot into SDK mode; is it a Sawyer?')
        return
    yield Finding('robot software', version.startswith(SDK_VERSIONS), version,
                  f'allowed: {", ".join(SDK_VERSIONS)}; 5.1 names its state message otherwise: '
                  'update the robot')


def _advertised(master: Master) -> Iterator[Finding]:
    """Check that the names under which the robot's own nodes are reached mean something here."""
    try:
        publishers = master.call('getSystemState')[0][0]
        nodes = {node for topic, names in publishers if topic == '/robot/joint_states'
                 for node in names}
        uris = [str(master.call('lookupNode', node)[0]) for node in sorted(nodes)]
    except (OSError, ValueError, IndexError, TypeError) as error:
        yield Finding('joint states', False, f'nobody is known to publish them ({error})',
                      'is the robot up, and in SDK mode?')
        return
    hosts = sorted({urllib.parse.urlsplit(uri).hostname or '' for uri in uris})
    unknown = [host for host in hosts if not _resolve(host)]
    yield Finding('robot nodes', bool(hosts) and not unknown,
                  f'reached as {", ".join(hosts) or "(nobody)"}'
                  + (f'; not known here: {", ".join(unknown)}' if unknown else ''),
                  'put that name with the address of the robot into /etc/hosts')


def arm(welcome: Welcome, states: list[State]) -> Iterator[Finding]:
    """Check what the side process says; `states` are those of the last seconds."""
    versions = ', '.join(f'{k} {v}' for k, v in sorted(welcome.versions.items()))
    yield Finding('side process', True, versions or 'answers')
    yield _sdk(welcome.versions)
    newest = states[-1] if states else None
    if newest is None or newest.mode == 'DISCONNECTED':
        why = newest.fault if newest is not None and newest.fault else 'no joint states'
        yield Finding('robot state', False, str(why), (newest.remedy if newest else '') or
                      'look at the findings above; then at the log of the side process')
        return
    dry = ' (this side process is a dry run)' if welcome.dry_run else ''
    yield Finding('commands', newest.connections == 1,
                  f'{newest.connections} listeners on the command topic{dry}',
                  'none: ROS_IP is wrong, or a firewall is between; more than one: another '
                  'program pretends to be the robot')
    yield Finding('homed', newest.homed, str(newest.homed).lower(),
                  'restart the robot; it homes at its start')
    yield Finding('ready', newest.ready and not newest.error, f'ready {newest.ready}, error '
                  f'{newest.error}', 'look at the display of the robot; arm/reset, or restart it')
    yield Finding('e-stop', newest.estop_button == 0 and not newest.stopped,
                  {0: 'released', 1: 'pressed', 3: 'released, but still stopped'}.get(
                      newest.estop_button, 'unknown') + (', stopped' if newest.stopped else ''),
                  'release the button, then call arm/reset', essential=False)
    yield Finding('enabled', newest.enabled, str(newest.enabled).lower(),
                  'call arm/enable when everybody is clear of the arm', essential=False)
    yield from _rates(newest.rates)
    yield from _calibration(newest)


def _sdk(versions: Mapping[str, Any]) -> Finding:
    """Compare the SDK with the robot's software; only the messages of the IK service differ."""
    sdk, robot = str(versions.get('sdk', '')), str(versions.get('robot', ''))
    return Finding('SDK', sdk.startswith(SDK_VERSIONS), f'{sdk or "unknown"}, robot '
                   f'{robot or "unknown"}', f'allowed: {", ".join(SDK_VERSIONS)}; check out '
                   'intera_sdk and intera_common of one of these in the workspace, and build it',
                   essential=bool(sdk))


def _rates(rates: Mapping[str, Any]) -> Iterator[Finding]:
    for name, least in (('joints', JOINT_HZ), ('endpoint', ENDPOINT_HZ), ('servo', SERVO_HZ)):
        if name in rates:
            rate = float(rates[name])
            yield Finding(f'{name} rate', rate >= least, f'{rate:.0f} Hz',
                          f'allowed: at least {least:.0f} Hz; use a cable, not Wi-Fi, and look '
                          'for load on this machine')


def _calibration(state: State) -> Iterator[Finding]:
    """Compare the robot's endpoint with its own description, and with the nominal chain."""
    own = state.calibration_error
    yield Finding('own kinematics', own <= MAX_CALIBRATION_ERROR, f'{1e3 * own:.1f} mm',
                  'between endpoint and /robot_description: is a tool configured that is not '
                  'mounted, or the other way round?')
    best = math.inf
    for tool in (0.0, kinematics.TOOL_LENGTH):
        place, _ = kinematics.Chain(tool).forward(state.q)
        best = min(best, float(np.linalg.norm(place - np.array(state.position))))
    yield Finding('nominal kinematics', best <= MAX_CALIBRATION_ERROR, f'{1e3 * best:.1f} mm',
                  'a calibrated robot is 2 to 3 mm off; more means another tool frame or a robot '
                  'that needs calibration', essential=False)


def box(task: TaskConfig, table_height: float) -> Iterator[Finding]:
    """Check the task's box against the table and against what the arm can reach."""
    low = task.workspace_low[2]
    yield Finding('box and table', low >= table_height + TABLE_MARGIN,
                  f'lowest hand {100 * low:.1f} cm, table {100 * table_height:.1f} cm',
                  f'in base, upwards; allowed: {1e3 * TABLE_MARGIN:.0f} mm above the table. Raise '
                  'workspace_low in the task, or measure --table-height again')
    chain = kinematics.Chain(kinematics.TOOL_LENGTH)
    corners = [(x, y, z) for x in (task.workspace_low[0], task.workspace_high[0])
               for y in (task.workspace_low[1], task.workspace_high[1])
               for z in (task.workspace_low[2], task.workspace_high[2])]
    try:
        joints = [kinematics.solve_pose(chain, corner) for corner in dict.fromkeys(corners)]
    except RigError as error:
        yield Finding('box and arm', False, str(error), 'make the box of the task smaller')
        return
    margin = float(min(np.minimum(q - kinematics.LOWER, kinematics.UPPER - q).min()
                       for q in joints))
    yield Finding('box and arm', margin >= JOINT_MARGIN,
                  f'every corner is reached, {margin:.2f} rad from the joint limits',
                  f'allowed: {JOINT_MARGIN} rad; move the box of the task')


def environment_of(robot_host: str, ros_ip: str) -> dict[str, str]:
    """Return the variables the side process will see."""
    from rig_ros.hardware.sawyer_process import environment
    return environment(robot_host, ros_ip, os.environ)
