"""A side process over a fake robot, and a client of its socket: for tests and measurements."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import rig_ros
from rig_ros.arm_side.protocol import (
    MAX_PACKET,
    Hello,
    Refused,
    Reply,
    Request,
    State,
    Twist,
    Welcome,
    encode,
    parse_answer,
)
from rig_ros.processes import end
from rig_ros.simulation.fake_robot.launch import FakeRobotProcess, environment_without_ros

ARM_SIDE = Path(rig_ros.__file__).parent / 'arm_side'
CALM = {'box_low': [0.5, -0.2, 0.05], 'box_high': [0.75, 0.2, 0.25],
        'reset_position': [0.6, 0.0, 0.1]}
UNHURRIED = {**CALM, 'servo_late': 0.9, 'joints_stale': 0.9, 'robot_stale': 4.0,
             'link_lost': 2.0}
"""For machines that stall: nothing here is about lateness."""


class SideProcess:
    """`python arm_side`, with the fakes on its path."""

    def __init__(self, folder: Path, robot: FakeRobotProcess, settings: dict[str, Any],
                 *flags: str, program: Path = ARM_SIDE, python: str = sys.executable,
                 environment: dict[str, str] | None = None) -> None:
        self.socket = folder / 's'
        self.log = folder / 'arm_side.log'
        (folder / 'settings.json').write_text(json.dumps(settings))
        with self.log.open('a') as log:
            self.process = subprocess.Popen(
                [python, str(program), '--socket', str(self.socket), '--settings',
                 str(folder / 'settings.json'), *flags], stderr=log, start_new_session=True,
                env={**environment_without_ros(), **(environment or robot.environment),
                     'OMP_NUM_THREADS': '1'})

    def wait_for_socket(self, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
                try:
                    probe.connect(str(self.socket))
                    return
                except OSError:
                    assert self.process.poll() is None, self.log.read_text()
                    assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def close(self) -> None:
        end([self.process], 10.0)


class ArmClient:
    """Blocking; every wait has an end."""

    def __init__(self, path: Path, role: str = 'commander') -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10.0)
        self.socket.connect(str(path))
        self.number = 0
        self.state: State | None = None
        self.send(Hello(1, role, 'test'))
        self.welcome = self.until(lambda answer: isinstance(answer, (Welcome, Refused)))

    def send(self, packet: Any) -> None:
        self.socket.send(packet if isinstance(packet, bytes) else encode(packet))

    def receive(self) -> Any:
        packet = self.socket.recv(MAX_PACKET)
        if not packet:
            raise ConnectionError('closed')
        answer = parse_answer(packet)
        if isinstance(answer, State):
            self.state = answer
        return answer

    def until(self, condition: Any, seconds: float = 20.0) -> Any:
        """Return the first answer for which the condition holds."""
        end = time.monotonic() + seconds
        while True:
            answer = self.receive()
            if condition(answer):
                return answer
            assert time.monotonic() < end, self.state

    def until_mode(self, *modes: str) -> State:
        return self.until(lambda answer: isinstance(answer, State) and answer.mode in modes)

    def request(self, name: str, **arguments: Any) -> Reply:
        self.number += 1
        number = self.number
        self.send(Request(number, name, arguments))

        def answered(answer: Any) -> bool:
            if name == 'home':
                self.twist(0.0, 0.0, 0.0)  # this client is alive
            return isinstance(answer, Reply) and answer.id == number
        return self.until(answered)

    def twist(self, *velocity: float, age: float = 0.0) -> None:
        self.number += 1
        self.send(Twist(self.number, time.monotonic() - age, velocity))

    def drain(self) -> None:
        """Take what waits, without waiting."""
        self.socket.setblocking(False)
        try:
            while True:
                self.receive()
        except BlockingIOError:
            self.socket.settimeout(10.0)

    def move(self, velocity: tuple[float, ...], seconds: float) -> None:
        """Command a velocity at 50 Hz."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.twist(*velocity)
            time.sleep(0.02)
            self.drain()

    def enable(self) -> None:
        self.until_mode('DISABLED')
        assert self.request('enable').ok
        self.until_mode('IDLE')

    def close(self) -> None:
        self.socket.close()
