"""Runs a fake robot: `python -m rig_ros.simulation.fake_robot --socket PATH`."""

from __future__ import annotations

import argparse
import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from rig_ros.control import task as tasks
from rig_ros.errors import RigError
from rig_ros.simulation.fake_robot.robot import LIMB, FakeRobot
from rig_ros.simulation.fake_robot.wire import Frames, pack

FAST_S = 0.01
SLOW_S = 0.05
"""Period of /robot/state [s]."""
PICTURE_S = 0.05
STEP_S = 0.005
PRIORITY = 20
"""Real-time, where that is allowed."""


class Process:
    """Serves one fake robot in real time."""

    def __init__(self, robot: FakeRobot, path: str) -> None:
        self._robot = robot
        self._listener = socket.socket(socket.AF_UNIX)
        Path(path).unlink(missing_ok=True)
        self._listener.bind(path)
        self._listener.listen()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._clients: dict[socket.socket, tuple[Frames, set[str]]] = {}
        self._told = (0, 0.0)
        self.running = True

    def run(self) -> None:
        """Serve until `running` is false."""
        due = {'fast': 0.0, 'slow': 0.0, 'picture': 0.0, 'step': 0.0}
        while self.running:
            now = time.monotonic()
            for key, _ in self._selector.select(max(min(due.values()) - now, 0.0)):
                self._readable(key.fileobj)  # type: ignore[arg-type]
            now = time.monotonic()
            self._robot.advance(now)
            for name, period in (('step', STEP_S), ('fast', FAST_S), ('slow', SLOW_S),
                                 ('picture', PICTURE_S)):
                if now >= due[name]:
                    due[name] = max(due[name] + period, now - period)
                    self._publish(name)

    def _publish(self, rate: str) -> None:
        robot = self._robot
        if rate == 'fast':
            for topic, message in robot.fast_messages().items():
                self._tell(topic, message)
            if not robot.away:
                self._tell(LIMB + 'collision_detection_state', robot.collision())
        elif rate == 'slow':
            self._tell_state()
        elif rate == 'picture' and robot.camera != 'none' and not robot.away:
            message, pixels = robot.picture()
            image = 'image_rect_color' if robot.camera == 'head_camera' else 'image_rect'
            self._tell(f'/io/internal_camera/{robot.camera}/{image}', message, pixels)

    def _tell_state(self) -> None:
        assembly = self._robot.assembly()
        if assembly is not None:
            self._tell('/robot/state', assembly)
        self._tell('/fake/connections', {'count': self._robot.connections})

    def _tell(self, topic: str, message: dict[str, Any], blob: bytes = b'') -> None:
        frame = None
        for client, (_, topics) in list(self._clients.items()):
            if topic in topics:
                frame = frame or pack({'op': 'message', 'topic': topic, 'message': message}, blob)
                self._send(client, frame)

    def _send(self, client: socket.socket, frame: bytes) -> None:
        try:
            client.settimeout(0.2)
            client.sendall(frame)
        except OSError:  # gone, or so slow that it must connect anew
            self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        if self._clients.pop(client, None) is not None:
            self._selector.unregister(client)
            client.close()

    def _readable(self, readable: socket.socket) -> None:
        if readable is self._listener:
            client, _ = self._listener.accept()
            self._clients[client] = (Frames(), set())
            self._selector.register(client, selectors.EVENT_READ)
            return
        if readable not in self._clients:
            return
        try:
            received = readable.recv(1 << 16)
        except OSError:
            received = b''
        if not received:
            self._forget(readable)
            return
        for value, _ in self._clients[readable][0].feed(received):
            self._on_frame(readable, value)

    def _on_frame(self, client: socket.socket, value: dict[str, Any]) -> None:
        robot, operation = self._robot, value['op']
        answer: Any = None
        if operation == 'subscribe':
            self._clients[client][1].add(value['topic'])
            return
        if operation == 'publish':
            robot.advance(time.monotonic())
            robot.publish(value['topic'], value['message'])
            if value['topic'].startswith('/robot/set_super'):
                self._tell_state()
            return
        if operation == 'param':
            answer = robot.parameter(value['name'])
        elif operation == 'master':
            answer = robot.knobs.master
        elif operation == 'knobs':
            robot.advance(time.monotonic())
            try:
                robot.turn(**value['changes'])
                answer = {'time': time.monotonic()}
            except RigError as error:
                answer = {'error': str(error)}
            self._publish('fast')
            self._tell_state()
        elif operation == 'heard':
            answer = [row for row in robot.heard if row[0] >= value['since']]
        elif operation == 'truth':
            robot.advance(time.monotonic())
            answer = {'time': robot.now, 'commands': robot.commands,
                      'gripper_open': robot.gripper_open,
                      'trace': [row for row in robot.truth if row[0] >= value.get('since', 0.0)]}
        self._send(client, pack({'op': 'answer', 'id': value['id'], 'value': answer}))

    def close(self) -> None:
        """Close every connection."""
        for client in list(self._clients):
            self._forget(client)
        self._listener.close()


def main() -> int:
    """Run until told to end."""
    parser = argparse.ArgumentParser(prog='fake_robot', description=__doc__)
    parser.add_argument('--socket', required=True, help='path of the socket to serve')
    parser.add_argument('--task', default='reach_xy', help='what stands on the table')
    parser.add_argument('--calibration', type=float, default=0.002,
                        help="how far its description differs from the nominal arm's [m]")
    arguments = parser.parse_args()
    with contextlib.suppress(OSError):  # a robot has a computer of its own
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    process = Process(FakeRobot(tasks.load(arguments.task), arguments.calibration),
                      arguments.socket)

    def end(number: int, frame: object) -> None:
        del number, frame
        process.running = False
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    process.run()
    process.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
