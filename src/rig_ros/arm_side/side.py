"""Ties socket, state machine and robot together: one loop, one thread, 100 Hz.

The loop waits for clients and for the robot; a tick follows the arrival of joint states or of a
twist, or comes by itself when they are late.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from typing import TYPE_CHECKING, Any

from .kinematics import quaternion_to_rotation
from .protocol import PROTO, Reply, Request, State, Twist, Welcome
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from .machine import Machine
    from .robot import Robot
    from .server import Client
    from .settings import Settings

EARLIEST_S = 0.007
"""Joint states that arrive sooner after the last tick do not start one [s]."""
SOONEST_S = 0.002
"""A new twist starts a tick, but not sooner after the last one [s]."""
LATEST_S = 0.012
"""A tick comes without joint states after this [s]."""
SLOW_STATE_S = 0.1
"""A state is sent at least this often [s]."""
RATES_S = 1.0
ENDING = ('disable', 'stop', 'reset')
"""What ends a motion first."""


class Waker:
    """Lets other threads end the wait of the loop."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        selector.register(self._read, selectors.EVENT_READ, self._drain)

    def __call__(self) -> None:
        """Wake the loop; any thread."""
        with contextlib.suppress(OSError):  # full: it is awake already
            self._write.send(b'.')

    def _drain(self, now: float) -> None:
        del now
        with contextlib.suppress(OSError):
            self._read.recv(4096)


class Side:
    """Handles what clients send and moves the arm."""

    def __init__(self, robot: Robot, machine: Machine, settings: Settings,
                 log: Callable[[str], None], versions: dict[str, Any],
                 camera_file: str | None) -> None:
        self._robot, self._machine, self._settings, self._log = robot, machine, settings, log
        self._versions, self._camera_file = versions, camera_file
        self._server: Server | None = None
        self._seq = 0
        self._last_tick = self._last_state = self._last_rates = 0.0
        self._rates: dict[str, Any] = {}
        self._ticks = 0
        self._logged: tuple[Any, ...] = ()
        self._fresh = False
        self.running = True

    # What the server hands over ---------------------------------------------------------------
    def welcome(self, role: str) -> Welcome:
        """Return what a new client is told."""
        settings = self._settings
        limits = {name: getattr(settings, name) for name in (
            'box_low', 'box_high', 'reset_position', 'tool_length', 'speed', 'joint_fraction')}
        return Welcome(PROTO, role, self._versions, limits, settings.dry_run, self._camera_file)

    def commander_came(self) -> None:
        """The lease has a new holder."""
        self._machine.new_commander(time.monotonic())

    def commander_left(self, why: str) -> None:
        """The lease ended: so does the motion."""
        self._machine.hold(time.monotonic(), f'the commander left ({why})')

    def twist(self, packet: Twist) -> None:
        """Take the newest twist."""
        now = time.monotonic()
        dropped = self._machine.twist(now, packet, self._robot.sight())
        self._fresh = self._fresh or dropped is None
        self._note('twist', dropped and f'twist dropped: {dropped}')

    def request(self, client: Client, request: Request) -> None:
        """Do what is asked, or start it."""
        now, name, sight = time.monotonic(), request.name, self._robot.sight()
        self._log(f'{client.label} requests {name} {request.arguments or ""}'.rstrip())
        ticket = (client, request.id)
        if name == 'hold':
            self._machine.hold(now)
            self._reply(ticket, True, 'held')
        elif name == 'clear_fault':
            why = self._machine.clear_fault(now, sight)
            self._reply(ticket, why is None, why or 'no fault')
        elif name == 'home':
            try:
                target = request.arguments.get('position', self._settings.reset_position)
                self._machine.home(now, sight, target, ticket)
            except ValueError as error:
                self._reply(ticket, False, str(error))
        else:
            if name in ENDING:
                self._machine.hold(now, name)
            if self._settings.dry_run and name != 'camera':
                self._reply(ticket, False, f'dry run: {name} is not done')
            else:
                self._robot.do(ticket, name, request.arguments)

    # The loop ---------------------------------------------------------------------------------
    def run(self, server: Server) -> None:
        """Serve until `running` is false or the master is lost."""
        self._server = server
        while self.running:
            due = self._last_tick + (SOONEST_S if self._fresh else LATEST_S) - time.monotonic()
            server.turn(due, time.monotonic)
            now = time.monotonic()
            arrived, self._robot.joints_arrived = self._robot.joints_arrived, False
            since = now - self._last_tick
            sight = self._robot.sight()
            urgent = self._fresh or sight.collided or sight.stopped
            if since >= LATEST_S or (arrived and since >= EARLIEST_S) or (
                    urgent and since >= SOONEST_S):
                self._tick(now)
            if arrived or now - self._last_state >= SLOW_STATE_S:
                self._tell(now)
            self._finish()
            if self._robot.master_lost:
                self._machine.lose_master(now)
                self._log('the ROS master is lost; this process ends when the arm stands still')
                break
        self._wind_down()

    def _tick(self, now: float) -> None:
        self._last_tick, self._fresh = now, False
        self._ticks += 1
        orders = self._machine.tick(now, self._robot.sight())
        if orders.begin and not self._settings.dry_run:
            self._robot.begin_motion()
        if orders.speeds is not None:
            if self._settings.dry_run:
                self._note('dry', 'dry run: would move the joints')
            else:
                self._robot.send(orders.speeds)
        else:
            self._note('dry', None)
        if orders.stop_robot:
            self._robot.do(None, 'stop', {})
        if orders.finished is not None:
            done = orders.finished
            self._reply(done.ticket, done.ok, done.message)

    def _wind_down(self) -> None:
        """Hold, so that the arm stands still when this process ends; the robot stays enabled."""
        self._machine.hold(time.monotonic(), 'this process ends')
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            self._tick(time.monotonic())
            self._tell(time.monotonic())
            time.sleep(0.01)

    def _finish(self) -> None:
        """Answer what the worker has done."""
        while not self._robot.outcomes.empty():
            ticket, ok, message = self._robot.outcomes.get()
            self._reply(ticket, ok, message)

    def _reply(self, ticket: Any, ok: bool, message: str) -> None:
        self._log(message if ok else f'failed: {message}')
        if ticket is not None and self._server is not None:
            client, number = ticket
            self._server.reply(client, Reply(number, ok, message[:1000]), time.monotonic())

    def _tell(self, now: float) -> None:
        """Send the state to everybody."""
        assert self._server is not None
        self._last_state = now
        if now - self._last_rates >= RATES_S:
            period, self._last_rates = now - self._last_rates, now
            self._rates = {**self._robot.rates(), 'servo': round(self._ticks / period, 1)}
            self._ticks = 0
        self._seq += 1
        self._server.broadcast(self._state(now), now)

    def _state(self, now: float) -> State:
        machine, sight = self._machine, self._robot.sight()
        mode, cause, look = machine.mode(now, sight), machine.fault, machine.look
        if mode == 'DISCONNECTED' and cause is None:
            fault: str | None = sight.missing(now, self._settings)
            remedy: str | None = 'check that the robot is on, and the network'
        else:
            fault, remedy = (cause.text, cause.remedy) if cause else (None, None)
        self._note('mode', f'mode {mode}' + (f', {fault}' if fault else ''))
        point = sight.position
        if look is not None:
            rotation = quaternion_to_rotation(sight.quaternion)
            point = tuple(p + self._settings.tool_length * r
                          for p, r in zip(sight.position, rotation[:, 2].tolist()))
        return State(
            self._seq, sight.joints_time, sight.q, sight.v, sight.effort, point, sight.quaternion,
            sight.enabled, sight.ready, sight.stopped, sight.error, sight.homed,
            sight.estop_button, sight.estop_source, sight.collided, mode, fault, remedy,
            machine.last_id, tuple(machine.reference.tolist()), machine.tracking_error,
            sight.connections, self._rates, 0.0 if look is None else look.calibration_error)

    def _note(self, subject: str, line: str | None) -> None:
        """Log a line about a subject when it changes."""
        known = dict(self._logged)
        if known.get(subject) != line:
            known[subject] = line
            self._logged = tuple(known.items())
            if line:
                self._log(line)
