"""The physical Sawyer behind the `Robot` protocol: a client of the side process. No ROS.

Call `poll` often (every 5 ms): it takes what the arm says, repeats the velocity in force at 50 Hz
while it is valid (zero on the way home), declares a silent link lost, and connects again. Nothing
waits, except `reset`.

Nothing moves after a start, a lost link, a fault or an e-stop until a person (or, after a start,
the first `reset`) says so: a stream of commands that goes on is refused.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rig_ros.arm_side.protocol import Refused, Reply, Request, State, Twist, Welcome
from rig_ros.errors import HardwareError, SafetyViolation
from rig_ros.hardware.robot import RobotState, Vector
from rig_ros.hardware.sawyer_link import SawyerLink, robot_state

COMMAND_TIMEOUT_S = 0.2
"""How long a velocity stays in force; the simulation's and the arm's own time-out."""
KEEP_ALIVE_S = 0.02
LINK_LOST_S = 0.3
RECONNECT_S = 0.2
IMMOBILE = ('FAULT', 'ESTOP', 'DISCONNECTED', 'DISABLED')
PAUSE_S = 0.35
"""A silence after which the side process takes a velocity for a new motion."""
WAKE_S = 0.2
SPEED_CAP = 0.30
"""No limit that the side process tells lets more through [m/s]."""
DEFAULT_SPEED = 0.10
ANSWER_S = 10.0
HOME_S = 60.0
NO_LINK = ('the side process of the arm is not connected', 'look at the log of the node sawyer; '
           '`rig_ros preflight` finds the usual causes')

Done = Callable[[bool, str], None]


@dataclass
class _Pending:
    name: str
    done: Done
    deadline_s: float


def _explained(state: State) -> tuple[str, str]:
    """Return cause and remedy of a mode in which nothing moves."""
    if state.mode == 'DISABLED':
        return 'the arm is disabled', 'call arm/enable'
    if state.mode == 'FAULT':
        return 'the arm has a fault', 'call arm/clear_fault'
    if state.mode == 'DISCONNECTED':
        return 'the robot says nothing', 'check that it is on, and the network'
    if state.estop_button == 1:
        return 'the e-stop is pressed', 'release it, then call arm/reset and arm/enable'
    if state.estop_button == 3:
        return 'the e-stop is released but not reset', 'call arm/reset, then arm/enable'
    return 'the robot is stopped', 'call arm/reset, then arm/enable'


class SawyerRobot:
    """See the module; all methods from one thread."""

    def __init__(self, connect: Callable[[], SawyerLink], reset_position: Vector,
                 command_timeout_s: float = COMMAND_TIMEOUT_S,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a connection; `poll` makes it.

        Args:
            connect: opens a link; a `HardwareError` means that there is none yet.
            reset_position: of the hand after `reset` [m], shape (3,).
            command_timeout_s: how long a velocity stays in force [s].
            clock: CLOCK_MONOTONIC in seconds.
        """
        self._connect = connect
        self._reset_position = np.asarray(reset_position, np.float64)
        self._timeout_s = command_timeout_s
        self._clock = clock
        self._link: SawyerLink | None = None
        self._next_try_s = 0.0
        self._heard_s = 0.0
        self._pending: dict[int, _Pending] = {}
        self._count = 0
        self._velocity = np.zeros(3)
        self._valid_until_s = self._repeated_s = 0.0
        self._woken_s = -math.inf
        self._when_idle: Callable[[], None] | None = None
        self._serving = False
        self._fresh_start = True
        self.latched = ('the driver has just started', 'call reset or episode/start')
        """Cause and remedy why nothing may move; ('', '') when it may."""
        self.cut = ''
        """What ended a motion, or the link, without anybody asking; until `clear`."""
        self.hearing = False
        """Whether the side process speaks, whatever it says of the arm."""
        self.link_problem = NO_LINK[0]
        """Why there is no link; empty while there is one."""
        self.welcome: Welcome | None = None
        """What the side process said of itself; None before the first connection."""
        self.newest: State | None = None

    @classmethod
    def at(cls, path: Path, reset_position: Vector,
           command_timeout_s: float = COMMAND_TIMEOUT_S, name: str = 'sawyer') -> SawyerRobot:
        """Return a driver of the side process that listens at a path."""
        return cls(lambda: SawyerLink.open(path, name), reset_position, command_timeout_s)

    # The Robot protocol ------------------------------------------------------------------------
    def state(self) -> RobotState:
        """Return the newest state.

        Raises:
            HardwareError: none is known, or the link is lost.
        """
        if self.newest is None:
            raise HardwareError(f'state of the arm: unknown, {self.link_problem}; {NO_LINK[1]}')
        return robot_state(self.newest)

    def send_twist(self, velocity: Vector) -> Vector:
        """Move the hand with that velocity until it times out; see `Robot.send_twist`.

        Raises:
            SafetyViolation: not three finite numbers; the arm stops.
            HardwareError: the arm may not move; the message holds cause and remedy. Zero is never
                refused.
        """
        wanted = np.asarray(velocity, np.float64)
        if wanted.shape != (3,) or not np.isfinite(wanted).all():
            self.stop()
            raise SafetyViolation(f'hand velocity: got {velocity}, allowed: 3 finite numbers '
                                  '[m/s]; the arm was stopped')
        if wanted.any():
            cause, remedy = self.obstacle()
            if cause:
                self._velocity = np.zeros(3)
                raise HardwareError(f'{cause}; {remedy}')
        speed = float(np.linalg.norm(wanted))
        executed: Vector = wanted * min(1.0, self.speed_limit / max(speed, 1e-12))
        now = self._clock()
        if executed.any():
            self._serving = True
            self._velocity, self._valid_until_s = executed, now + self._timeout_s
            self._repeat(now)
        elif self._serving:
            self.stop()
        return executed

    def reset(self) -> None:
        """Bring the hand to the reset position; returns when it is there.

        Raises:
            HardwareError: refused, failed or not in time; with cause and remedy.
        """
        answer: list[tuple[bool, str]] = []
        self.begin_reset(lambda success, message: answer.append((success, message)))
        while not answer:
            self.poll()
            time.sleep(0.005)
        success, message = answer[0]
        if not success:
            raise HardwareError(f'reset: {message}')

    def stop(self) -> None:
        """Ramp to a standstill now, and leave the velocity mode."""
        self._velocity, self._serving = np.zeros(3), False
        self.request('hold', lambda _success, _message: None)

    # Beyond the protocol -----------------------------------------------------------------------
    @property
    def speed_limit(self) -> float:
        """The hand's speed that the side process allows [m/s]."""
        limits = self.welcome.limits if self.welcome is not None else {}
        return min(float(limits.get('speed', DEFAULT_SPEED)), SPEED_CAP)

    @property
    def serving(self) -> bool:
        """Whether a velocity is in force."""
        return self._serving

    @property
    def connected(self) -> bool:
        """Whether the arm's state is arriving."""
        return self.newest is not None

    def obstacle(self) -> tuple[str, str]:
        """Return cause and remedy why the arm may not move; ('', '') when it may."""
        if self.newest is None:
            return self.link_problem, NO_LINK[1]
        state = self.newest
        if state.mode in IMMOBILE:
            cause, remedy = _explained(state)
            return state.fault or cause, state.remedy or remedy
        if state.mode == 'HOMING':
            return 'the arm is on its way to a reset position', 'wait until reset answers'
        return self.latched

    def latch(self, cause: str, remedy: str = 'call arm/clear_fault, then episode/start') -> None:
        """Let nothing move until `clear`; an earlier cause is kept."""
        self._velocity, self._serving = np.zeros(3), False
        if not self.latched[0] or self._fresh_start:
            self._fresh_start = False
            self.latched = (cause, remedy)

    def clear(self) -> None:
        """Forget the latched cause: a person's decision."""
        self._fresh_start = False
        self.latched, self.cut = ('', ''), ''

    def begin_reset(self, done: Done) -> None:
        """Begin to bring the hand to the reset position; `done(success, message)` once, later."""
        cause, remedy = self.obstacle()
        if cause and not (self._fresh_start and cause == self.latched[0]):
            done(False, f'{cause}; {remedy}')
            return

        def finish(success: bool, message: str) -> None:
            if success and self._fresh_start:
                self.clear()
            done(success, message or 'the hand is at the reset position')

        self.home(finish, self._reset_position)

    def home(self, done: Done, position: Vector | None = None) -> None:
        """Drive the hand to a position [m], or the arm to its reset posture; a motion ends first.

        Args:
            done: called once, with success and message.
            position: shape (3,) in `base`.
        """
        arguments = {} if position is None else {'position': position.tolist()}

        def go() -> None:
            self.request('home', done, arguments, HOME_S)

        moving = self.newest is not None and self.newest.mode == 'SERVO'
        if moving:
            self.stop()
        self._velocity, self._serving = np.zeros(3), False
        self._when_idle = go if moving else None
        if not moving:
            go()

    def request(self, name: str, done: Done, arguments: Mapping[str, Any] | None = None,
                timeout_s: float = ANSWER_S) -> None:
        """Ask the side process for something; `done(success, message)` runs once, in `poll`."""
        self._count += 1
        sent = self._link is not None and self.connected and self._link.send(
            Request(self._count, name, dict(arguments or {})))
        if not sent:
            done(False, f'{self.link_problem or "the socket is full"}; {NO_LINK[1]}')
            return
        self._pending[self._count] = _Pending(name, done, self._clock() + timeout_s)

    def poll(self) -> list[State]:
        """Do what is due and return the states that arrived, oldest first."""
        now = self._clock()
        if self._link is None and now >= self._next_try_s:
            self._try_to_connect(now)
        states = self._take(now) if self._link is not None else []
        if self._link is not None:
            silent_s = now - self._heard_s
            if self._link.closed:
                self._lose(self._link.closed)
            elif silent_s > LINK_LOST_S:
                self._lose(f'the side process said nothing for {silent_s:.1f} s')
        self._keep_alive(now)
        for number, pending in list(self._pending.items()):
            if now > pending.deadline_s:
                del self._pending[number]
                pending.done(False, f'{pending.name}: no answer in time; look at arm/status')
        return states

    def close(self) -> None:
        """Hold the arm and leave."""
        if self._link is not None:
            self.stop()
            self._link.close()
            self._link = None

    # Inside ------------------------------------------------------------------------------------
    def _try_to_connect(self, now: float) -> None:
        self._next_try_s = now + RECONNECT_S
        try:
            self._link = self._connect()
        except HardwareError as error:
            self.link_problem = str(error)
            return
        self._heard_s = now

    def _take(self, now: float) -> list[State]:
        assert self._link is not None
        states: list[State] = []
        for packet in self._link.receive():
            self._heard_s, self.hearing = now, True
            if isinstance(packet, State):
                states.append(packet)
                self._see(packet)
            elif isinstance(packet, Reply):
                pending = self._pending.pop(packet.id, None)
                if pending is not None:
                    pending.done(packet.ok, packet.message)
            elif isinstance(packet, Welcome):
                self.welcome = packet
            elif isinstance(packet, Refused):
                self._link.close(f'the side process refused: {packet.reason}')
        return states

    def _see(self, state: State) -> None:
        """Latch what stopped a motion, so that a stream of commands cannot resume it."""
        moving = self._serving  # by what was commanded until now
        self.newest = state
        self.link_problem = ''
        if self._when_idle is not None and state.mode != 'SERVO':
            go, self._when_idle = self._when_idle, None
            go()
        if moving and state.mode in IMMOBILE:
            self._cut(state.fault or f'{_explained(state)[0]} in motion')

    def _lose(self, why: str) -> None:
        if self._link is not None:
            self._link.close(why)
        self._link, self.hearing = None, False
        known, self.newest = self.newest is not None, None
        self.link_problem = why
        if known and not self._fresh_start:
            self._cut(f'the link to the arm was lost: {why}')
        if self._when_idle is not None:
            go, self._when_idle = self._when_idle, None
            go()  # is refused, and says so
        pending, self._pending = self._pending, {}
        for entry in pending.values():
            entry.done(False, f'{entry.name}: {why}')

    def _cut(self, cause: str) -> None:
        self.cut = self.cut or cause
        self.latch(cause)

    def _keep_alive(self, now: float) -> None:
        if self._serving and now >= self._valid_until_s:
            self.stop()
        elif now - self._repeated_s >= KEEP_ALIVE_S and (self._serving or self._homing):
            self._repeat(now)

    @property
    def _homing(self) -> bool:
        """Whether the arm is on its way home: the side process must see that this driver lives."""
        return any(pending.name == 'home' for pending in self._pending.values())

    def _repeat(self, now: float) -> None:
        """Send the velocity in force, or zero."""
        if self._link is None:
            return
        pause = self._homing or self._must_pause(now)
        velocity = np.zeros(3) if pause else self._velocity
        self._count += 1
        x, y, z = velocity.tolist()
        self._link.send(Twist(self._count, now, (x, y, z)))
        self._repeated_s = now

    def _must_pause(self, now: float) -> bool:
        """Tell whether a zero must come first: the side process begins no motion without a pause.

        It held the arm because a velocity was late; commands that are good again may go on.
        """
        if self.newest is not None and self.newest.mode == 'SERVO':
            self._woken_s = -math.inf
            return False
        silent = now - self._repeated_s > PAUSE_S
        woken = now - self._woken_s < WAKE_S
        if not woken:
            self._woken_s = now
        return not silent and not woken
