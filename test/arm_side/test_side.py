"""The side process as a process, over the fake robot: what it tells, does, and survives.

How soon motions end is asserted in test_machine with a clock of its own; here the machine may
stall, so limits of lateness are wide.
"""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import bad_packets
import numpy as np
import pytest
from arm_client import ARM_SIDE, UNHURRIED, ArmClient, SideProcess

from rig_ros.arm_side.picture import PictureReader
from rig_ros.arm_side.protocol import Refused, Request
from rig_ros.simulation.fake_robot.launch import ROS1, FakeRobotProcess

CALIBRATION = 0.008
"""How far the robot's description is from its endpoint state [m]."""
SLOW = (0.0, 0.05, 0.0)
WELL = {'drop': [], 'wrong_ip': False, 'commands_lost': False, 'collision': False,
        'estop': False, 'force': [0.0, 0.0, 0.0]}


@pytest.fixture(scope='module')
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeRobotProcess]:
    with FakeRobotProcess(tmp_path_factory.mktemp('r') / 'r', calibration_m=CALIBRATION) as made:
        yield made


@pytest.fixture(scope='module')
def served(robot: FakeRobotProcess,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[SideProcess]:
    """One side process for the tests that leave it well."""
    side = SideProcess(tmp_path_factory.mktemp('s'), robot, UNHURRIED)
    try:
        side.wait_for_socket()
        yield side
    finally:
        side.close()


@pytest.fixture
def client(served: SideProcess, robot: FakeRobotProcess) -> Iterator[ArmClient]:
    """A commander of an arm that is enabled and stands still."""
    robot.turn(**WELL, place=[0.6, 0.0, 0.1])
    made = ArmClient(served.socket)
    try:
        assert not isinstance(made.welcome, Refused), made.welcome
        if made.until_mode('ESTOP', 'DISABLED', 'IDLE', 'FAULT').stopped:
            reset(made)
        made.request('enable')
        made.until(lambda answer: made.state is not None and made.state.enabled)
        made.request('clear_fault')
        made.until_mode('IDLE')
        yield made
    finally:
        made.close()


def reset(client: ArmClient) -> None:
    """Ask for it until it is granted: a released E-stop shows in the robot's next state only."""
    end = time.monotonic() + 10.0
    while not (reply := client.request('reset')).ok:
        assert time.monotonic() < end, reply.message
        time.sleep(0.02)


def start(client: ArmClient) -> None:
    """Bring the arm into motion."""
    end = time.monotonic() + 10.0
    while client.state is None or max(map(abs, client.state.v)) < 0.02:
        assert time.monotonic() < end, client.state
        if client.state is None or client.state.mode == 'IDLE':
            client.twist(0.0, 0.0, 0.0)  # again and again: on a busy machine one may be too old
        client.twist(*SLOW)
        time.sleep(0.02)
        client.drain()


def rests(robot: FakeRobotProcess) -> None:
    """Wait until the hand has stood still for 0.3 s."""
    end = time.monotonic() + 10.0
    while True:
        now = robot.truth()['time']
        rows = robot.truth(now - 0.3)['trace']
        if len(rows) > 30 and max(row[4] for row in rows) < 0.005:
            return
        assert time.monotonic() < end
        time.sleep(0.05)


def keeps_still(client: ArmClient, robot: FakeRobotProcess) -> bool:
    """Command a velocity for a while; tell whether the hand stays where it is."""
    rests(robot)
    before = np.array(robot.truth()['trace'][-1][1:4])
    client.move(SLOW, 0.5)
    return float(np.linalg.norm(robot.truth()['trace'][-1][1:4] - before)) < 1e-3


def test_moves_and_tells(client: ArmClient, robot: FakeRobotProcess):
    start(client)
    client.move(SLOW, 0.3)
    state = client.state
    assert state is not None
    assert state.mode == 'SERVO'
    assert state.connections == 1
    assert state.calibration_error == pytest.approx(CALIBRATION, abs=2e-3)
    assert state.position == pytest.approx(robot.truth()['trace'][-1][1:4], abs=0.05)
    assert client.request('hold').ok
    rests(robot)


def test_homes_where_the_endpoint_state_says_home_is(client: ArmClient, robot: FakeRobotProcess):
    reply = client.request('home', position=[0.62, 0.05, 0.1])
    assert reply.ok, reply.message
    assert robot.truth()['trace'][-1][1:4] == pytest.approx((0.62, 0.05, 0.1), abs=4e-3)
    assert not client.request('home', position=[0.9, 0.0, 0.1]).ok


def test_a_commander_that_hangs_ends_the_way_home(client: ArmClient, robot: FakeRobotProcess):
    client.number += 1
    client.send(Request(client.number, 'home', {'position': [0.6, 0.18, 0.1]}))
    client.until_mode('HOMING')
    state = client.until_mode('FAULT')  # and says no more
    assert state.fault is not None
    assert state.fault.startswith('commander_silent')
    assert keeps_still(client, robot)
    assert client.request('clear_fault').ok


def test_a_commander_that_goes_away_ends_the_motion(client: ArmClient, served: SideProcess,
                                                    robot: FakeRobotProcess):
    start(client)
    client.close()
    rests(robot)
    other = ArmClient(served.socket)
    assert keeps_still(other, robot)
    other.close()


def test_a_second_commander_is_refused_and_a_watcher_may_stop(
        client: ArmClient, served: SideProcess, robot: FakeRobotProcess):
    assert isinstance(ArmClient(served.socket).welcome, Refused)
    start(client)
    watcher = ArmClient(served.socket, 'watcher')
    assert watcher.request('stop').ok
    client.until_mode('ESTOP')
    assert not client.request('enable').ok
    assert client.request('reset').ok
    client.until_mode('DISABLED')
    watcher.close()


def test_a_collision_is_latched(client: ArmClient, robot: FakeRobotProcess):
    start(client)
    robot.turn(collision=True)
    state = client.until_mode('FAULT')
    assert state.fault is not None
    assert state.fault.startswith('collision')
    robot.turn(collision=False)
    assert keeps_still(client, robot)
    assert client.request('clear_fault').ok


def test_an_estop_needs_reset_and_enable(client: ArmClient, robot: FakeRobotProcess):
    start(client)
    robot.turn(estop=True)
    client.until_mode('ESTOP')
    assert not client.request('reset').ok
    robot.turn(estop=False)
    assert keeps_still(client, robot)
    reset(client)
    client.until_mode('DISABLED')
    assert keeps_still(client, robot)


@pytest.mark.parametrize(('knob', 'names'), [
    # What still moves disagrees with what is frozen, often before that is called stale.
    ({'drop': ['joint_states']}, ('joints_stale', 'kinematics')),
    ({'drop': ['endpoint_state']}, ('endpoint_stale', 'kinematics')),
    ({'wrong_ip': True}, ('not_heard',)), ({'commands_lost': True}, ('tracking',)),
    ({'force': [0.0, 60.0, 0.0]}, ('force',))])
def test_a_robot_that_fails_is_named(client: ArmClient, robot: FakeRobotProcess, knob: dict,
                                     names: tuple[str, ...]):
    start(client)
    robot.turn(**knob)
    end = time.monotonic() + 10.0
    while client.state is None or client.state.fault is None:
        assert time.monotonic() < end
        client.twist(*SLOW)
        time.sleep(0.02)
        client.drain()
    assert client.state.fault.startswith(names), client.state.fault
    rests(robot)


def test_a_robot_node_that_restarts_is_found_again_and_stays_disabled(
        client: ArmClient, robot: FakeRobotProcess):
    start(client)
    robot.turn(restart=1.5)
    client.until_mode('DISCONNECTED', 'FAULT')
    client.until(lambda answer: client.state is not None and client.state.connections == 1
                 and not client.state.enabled)
    client.until_mode('FAULT', 'DISABLED')
    assert keeps_still(client, robot)


def test_the_robots_cameras_and_gripper(client: ArmClient, robot: FakeRobotProcess):
    assert client.request('camera', camera='right_hand_camera').ok
    reader = PictureReader(client.welcome.camera_file)
    end = time.monotonic() + 10.0
    while (picture := reader.read()) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert (picture.height, picture.width, picture.encoding) == (168, 224, 'mono8')
    assert len(set(picture.pixels[::1000])) > 5
    assert client.request('camera', camera='none').ok
    assert client.request('gripper_close').ok
    assert robot.truth()['gripper_open'] is False


def test_the_end_holds_and_a_kill_leaves_it_to_the_robot(robot: FakeRobotProcess, tmp_path: Path):
    for number in (signal.SIGTERM, signal.SIGKILL):
        side = SideProcess(tmp_path, robot, UNHURRIED)
        try:
            side.wait_for_socket()
            client = ArmClient(side.socket)
            client.enable() if not client.until_mode('IDLE', 'DISABLED').enabled else None
            robot.turn(place=[0.6, 0.0, 0.1])
            start(client)
            os.kill(side.process.pid, number)
            rests(robot)
            status = side.process.wait(10.0)
            assert status == (0 if number == signal.SIGTERM else -9)
        finally:
            side.close()


def test_a_lost_master_ends_the_process(robot: FakeRobotProcess, tmp_path: Path):
    side = SideProcess(tmp_path, robot, UNHURRIED)
    try:
        side.wait_for_socket()
        client = ArmClient(side.socket, 'watcher')
        client.receive()
        time.sleep(0.2)  # the first answer of the master
        robot.turn(master='restarted')
        assert side.process.wait(20.0) == 4
        assert not side.socket.exists()
    finally:
        robot.turn(master='up')
        side.close()


def test_half_a_limb_is_refused_with_what_to_do(robot: FakeRobotProcess, tmp_path: Path):
    robot.turn(half_built=True)
    side = SideProcess(tmp_path, robot, UNHURRIED)
    try:
        assert side.process.wait(20.0) == 3
        assert 'half a limb' in side.log.read_text()
    finally:
        robot.turn(half_built=False)
        side.close()


def test_dry_run_publishes_no_command(robot: FakeRobotProcess, tmp_path: Path):
    robot.turn(place=[0.6, 0.0, 0.1])
    side = SideProcess(tmp_path, robot, UNHURRIED, '--dry-run')
    try:
        side.wait_for_socket()
        client = ArmClient(side.socket)
        assert client.welcome.dry_run
        before = robot.truth()['commands']
        client.until_mode('IDLE', 'DISABLED')
        client.twist(0.0, 0.0, 0.0)
        client.move(SLOW, 0.5)
        assert robot.truth()['commands'] == before
    finally:
        side.close()


@contextlib.contextmanager
def another_user() -> Iterator[None]:
    """Be nobody for a while; only root can."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root, to become another user')
def test_another_user_moves_nothing_whatever_they_send(robot: FakeRobotProcess):
    folder = Path(tempfile.mkdtemp())  # outside pytest's, which others cannot enter
    folder.chmod(0o755)
    side = SideProcess(folder, robot, UNHURRIED)
    try:
        side.wait_for_socket()
        before, rng = robot.truth()['commands'], np.random.default_rng(3)
        with another_user(), pytest.raises(PermissionError):
            ArmClient(side.socket)
        side.socket.chmod(0o666)  # somebody was careless: who connects is looked at as well
        for _ in range(bad_packets.COUNT):
            with another_user(), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                client.settimeout(10.0)
                client.connect(str(side.socket))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    client.send(bad_packets.mutated(rng))
                    assert b'another user' in client.recv(4096)
        assert side.process.poll() is None
        assert robot.truth()['commands'] == before
        assert not isinstance(ArmClient(side.socket).welcome, Refused)
    finally:
        side.close()
        shutil.rmtree(folder)


@pytest.mark.parametrize(('settings', 'part'), [
    ({'speed': 3.0}, 'speed'), ({'speedy': 1}, 'speedy'), ({'box_low': [0.5, 0.1]}, 'box_low'),
    ({'endpoint_link': 'right_tip'}, 'endpoint_link')])
def test_wrong_settings_are_named(robot: FakeRobotProcess, tmp_path: Path, settings: dict,
                                  part: str):
    side = SideProcess(tmp_path, robot, {**UNHURRIED, **settings})
    try:
        assert side.process.wait(20.0) in (2, 3)
        assert part in side.log.read_text()
    finally:
        side.close()


@pytest.mark.parametrize('folder', [ARM_SIDE, ROS1], ids=['arm_side', 'fakes'])
def test_is_written_in_the_syntax_of_python_3_8(folder: Path):
    for path in folder.rglob('*.py'):
        ast.parse(path.read_text(), feature_version=(3, 8))


def test_a_copy_in_an_empty_folder_starts(robot: FakeRobotProcess, tmp_path: Path):
    shutil.copytree(ARM_SIDE, tmp_path / 'copy', ignore=shutil.ignore_patterns('__pycache__'))
    python = os.environ.get('RIG_PYTHON_3_8', sys.executable)
    compiled = subprocess.run([python, '-m', 'compileall', '-q', str(tmp_path / 'copy')],
                              check=False)
    assert compiled.returncode == 0
    side = SideProcess(tmp_path, robot, UNHURRIED, program=tmp_path / 'copy', python=python)
    try:
        side.wait_for_socket()
        assert ArmClient(side.socket, 'watcher').welcome.role == 'watcher'
    finally:
        side.close()
