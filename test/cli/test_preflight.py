"""What preflight finds, with a ROS master and a side process that are the test's."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCServer

import pytest
from side_stub import STATE, WELCOME, SideStub
from typer.testing import CliRunner

from rig_ros.arm_side import protocol
from rig_ros.arm_side.protocol import State, Welcome
from rig_ros.cli import preflight
from rig_ros.cli.findings import Finding
from rig_ros.cli.preflight_checks import Master, arm, box, network
from rig_ros.control import task as tasks

TASK = tasks.load('reach_xy')
NEUTRAL = [0.0, -1.18, 0.0, 2.18, 0.0, 0.57, 3.3161]


def state(**changes: object) -> State:
    made = protocol.parse_answer(json.dumps({
        **STATE, 'q': NEUTRAL, 'position': [0.4496, 0.1603, 0.2158], **changes}).encode())
    assert isinstance(made, State)
    return made


def welcome() -> Welcome:
    made = protocol.parse_answer(json.dumps(WELCOME).encode())
    assert isinstance(made, Welcome)
    return made


def wrong(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings if not finding.ok}


class FakeMaster:
    """Answers as a robot's master does."""

    def __init__(self, version: str = '5.3.0', node_host: str = 'localhost') -> None:
        self.server = SimpleXMLRPCServer(('127.0.0.1', 0), logRequests=False)
        self.server.register_function(lambda caller: (1, '', 42), 'getPid')
        self.server.register_function(lambda caller, key: (1, '', version), 'getParam')
        self.server.register_function(
            lambda caller: (1, '', [[['/robot/joint_states', ['/rsdk']]], [], []]),
            'getSystemState')
        self.server.register_function(
            lambda caller, node: (1, '', f'http://{node_host}:40000/'), 'lookupNode')
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def __enter__(self) -> FakeMaster:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def look(master: FakeMaster, **variables: str) -> dict[str, Finding]:
    given = {'ROS_MASTER_URI': f'http://localhost:{master.port}', 'ROS_IP': '127.0.0.1',
             **variables}
    return wrong(network(Master.from_environment(given), given))


def test_a_good_network_has_no_findings():
    with FakeMaster() as master:
        assert look(master) == {}


def test_a_wrong_ros_ip_names_the_right_one():
    with FakeMaster() as master:
        found = look(master, ROS_IP='10.9.8.7')
        assert list(found) == ['ROS_IP']
        assert '--ros-ip 127.0.0.1' in found['ROS_IP'].remedy
        assert list(look(master, ROS_IP='')) == ['ROS_IP']


def test_old_software_and_names_that_mean_nothing_are_found():
    with FakeMaster('5.1.0', 'robot.invalid') as master:
        found = look(master)
    assert set(found) == {'robot software', 'robot nodes'}
    assert 'robot.invalid' in found['robot nodes'].found


def test_a_master_that_is_none_or_missing_is_told():
    assert 'robot' in wrong(network(Master('', 1), {}))
    assert 'robot name' in wrong(network(Master('robot.invalid', 1), {}))
    with FakeMaster() as master:
        port = master.port
    given = {'ROS_IP': '127.0.0.1'}
    assert 'ROS master' in wrong(network(Master('localhost', port), given))


def test_a_ready_arm_has_no_findings():
    assert wrong(arm(welcome(), [state()])) == {}


@pytest.mark.parametrize(('changes', 'name'), [
    ({'connections': 0}, 'commands'), ({'connections': 2}, 'commands'),
    ({'homed': False}, 'homed'),
    ({'ready': False}, 'ready'), ({'estop_button': 1}, 'e-stop'), ({'estop_button': 3}, 'e-stop'),
    ({'enabled': False}, 'enabled'), ({'rates': {'joints': 40.0}}, 'joints rate'),
    ({'calibration_error': 0.05}, 'own kinematics'),
    ({'position': [0.5, 0.1603, 0.2158]}, 'nominal kinematics'),
    ({'mode': 'DISCONNECTED', 'fault': 'no topics', 'remedy': 'wait'}, 'robot state')])
def test_each_thing_that_is_wrong_is_found_alone_with_its_remedy(changes: dict, name: str):
    found = wrong(arm(welcome(), [state(**changes)]))
    assert list(found) == [name]
    assert len(found[name].remedy) > 3


def test_an_sdk_that_is_too_old_is_found():
    made = protocol.parse_answer(json.dumps({**WELCOME, 'versions': {'sdk': '5.1.0'}}).encode())
    assert isinstance(made, Welcome)
    assert list(wrong(arm(made, [state()]))) == ['SDK']


def test_box_below_the_table_is_found():
    assert wrong(box(TASK, 0.0)) == {}
    assert list(wrong(box(TASK, 0.06))) == ['box and table']


@contextlib.contextmanager
def speaking(stub: SideStub) -> Iterator[None]:
    """Let a side process speak while a command runs."""
    ending = threading.Event()

    def run() -> None:
        welcomed = False
        while not ending.wait(0.01):
            if stub.accept():
                welcomed = False
            if stub.peer is not None:
                with contextlib.suppress(OSError):
                    hello = stub.heard('hello')
                    if hello:
                        assert hello[0]['role'] == 'watcher'
                        stub.say(**{**WELCOME, 'role': 'watcher'})
                        welcomed = True
                    if welcomed:
                        stub.say_state(q=NEUTRAL, position=[0.4496, 0.1603, 0.2158])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def test_the_command_watches_and_tells_by_its_exit_code(tmp_path: Path):
    stub, figures = SideStub(tmp_path / 'arm.sock'), tmp_path / 'figures.json'
    with FakeMaster() as master, speaking(stub):
        options = ['--robot-host', f'http://localhost:{master.port}', '--ros-ip', '127.0.0.1',
                   '--socket', str(tmp_path / 'arm.sock'), '--json', str(figures)]
        result = CliRunner().invoke(preflight.app, options)
        assert result.exit_code == 0, result.output
        assert json.loads(figures.read_text())['fit'] is True
        result = CliRunner().invoke(preflight.app, [*options, '--table-height', '0.06'])
        assert result.exit_code == 1
    stub.close()


def test_a_side_process_that_cannot_start_is_a_finding(tmp_path: Path):
    options = ['--robot-host', 'robot.invalid', '--socket', str(tmp_path / 'arm.sock'),
               '--side-command', '/bin/false']
    result = CliRunner().invoke(preflight.app, options)
    assert result.exit_code == 1
    assert 'ended at its start' in result.output
