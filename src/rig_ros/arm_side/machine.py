"""What the arm may do now, and what it is told: the state machine. No ROS, no clock of its own.

Call `tick` at 100 Hz with what is known about the robot; it returns the joint command to publish.
Nothing here enables the robot, clears a fault or resumes a motion by itself: after a fault, an
e-stop, a disable, a hold, homing or a change of commander, twists must pause or be zero before
they count again. Metres, radians, seconds of CLOCK_MONOTONIC, frame `base`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import homing
from .faults import Fault, fault
from .inspection import Inspector, Look
from .protocol import MAX_AGE_S, WATCHDOG_S, Twist
from .servo import Servo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kinematics import Arm, Array
    from .settings import Settings
    from .sight import Sight

RAMP_S = 0.01
"""From full speed to zero when a motion ends."""
HOLD_S = 0.5
"""Zero speed is sent for this long; then the robot holds by its own time-out."""
REARM_S = 0.3
"""Silence after which a commander's twists count again."""
MOVING = 0.05
"""A joint faster than this after a hold has not stopped [rad/s]."""
FRESH_S = 0.1
"""Joint speeds older than this prove nothing [s]."""
ABRUPT = ('collision', 'force', 'not_finite', 'joints_stale', 'endpoint_stale', 'servo_late')
"""Faults that send zero at once."""
EARLY_S = 0.02
"""A twist may come from this far in the future: clocks of one machine agree."""


@dataclass(frozen=True)
class Finished:
    """The end of a homing."""

    ticket: Any
    ok: bool
    message: str


@dataclass(frozen=True)
class Orders:
    """What a tick asks for."""

    speeds: Array | None = None
    """Joint speeds to publish, shape (7,) [rad/s]; None: publish nothing."""
    begin: bool = False
    """A motion begins: set the robot's own time-out first."""
    stop_robot: bool = False
    """The arm still moves after a hold: use the robot's own stop."""
    finished: Finished | None = None


class Machine:
    """One arm's modes, motions and faults."""

    def __init__(self, arm: Arm, settings: Settings, posture: Array) -> None:
        """Start without a motion.

        Args:
            arm: the robot's own kinematics.
            settings: limits.
            posture: joint angles the free elbow is pulled to, shape (7,) [rad].
        """
        self._arm, self._settings, self._posture = arm, settings, posture
        self._servo = Servo(arm, settings, posture)
        self._inspector = Inspector(arm, settings)
        self._homing: homing.Homing | None = None
        self._ticket: Any = None
        self._activity = 'IDLE'
        self._armed = True
        self._heard = -math.inf
        self._last_tick = -math.inf
        self._speeds = np.zeros(7)
        self._ramp = np.zeros(7)
        self._hold_end = -math.inf
        self._began = False
        self._finished: Finished | None = None
        self.fault: Fault | None = None
        self.last_id = 0
        self.look: Look | None = None
        """Of the last tick with data."""

    # What is going on -------------------------------------------------------------------------
    def mode(self, now: float, sight: Sight) -> str:
        """Return the mode's name; see protocol.MODES."""
        if sight.missing(now, self._settings):
            return 'DISCONNECTED'
        if sight.stopped or sight.estop_button in (1, 3):
            return 'ESTOP'
        if self.fault is not None:
            return 'FAULT'
        return self._activity if sight.enabled else 'DISABLED'

    @property
    def reference(self) -> Array:
        """Where the hand should be, shape (3,) [m]; where it is without a motion."""
        if self._activity == 'SERVO':
            return self._servo.reference
        return np.zeros(3) if self.look is None else self.look.point

    @property
    def tracking_error(self) -> float:
        """Distance of hand and reference [m]."""
        if self._activity != 'SERVO' or self.look is None:
            return 0.0
        return float(np.linalg.norm(self._servo.reference - self.look.point))

    # What clients ask for ---------------------------------------------------------------------
    def twist(self, now: float, packet: Twist, sight: Sight) -> str | None:
        """Take a commander's twist; return why it was dropped, or None."""
        age = now - packet.sent
        if not -EARLY_S <= age <= MAX_AGE_S:
            return f'age {1e3 * age:.0f} ms, allowed: {1e3 * MAX_AGE_S:.0f} ms'
        if packet.id <= self.last_id:
            return f'id {packet.id} after {self.last_id}'
        self.last_id = packet.id
        zero = not any(packet.velocity)
        silence, self._heard = now - self._heard, now
        mode = self.mode(now, sight)
        if mode not in ('IDLE', 'SERVO'):
            return None if mode == 'HOMING' and zero else 'mode ' + mode
        self._armed = self._armed or zero or silence > REARM_S
        if not self._armed:
            return 'a motion was interrupted: be silent for 0.3 s or send zero before the next'
        if self._activity == 'IDLE' and not zero:
            self._begin_servo(now, packet.sent, sight)
        if self._activity == 'SERVO':
            self._servo.command(packet.sent, packet.velocity)
        return None

    def new_commander(self, now: float) -> None:
        """Another commander has the lease: its ids start anew, and no motion goes on."""
        self.last_id, self._heard, self._armed = 0, now, False

    def hold(self, now: float, why: str = 'held') -> None:
        """End any motion and stand still."""
        self._interrupt(now, why)

    def clear_fault(self, now: float, sight: Sight) -> str | None:
        """Forget the fault if its cause is gone; return why not, or None."""
        if self.fault is None:
            return None
        missing = sight.missing(now, self._settings)
        if missing or sight.collided or sight.error:
            cause = missing or ('collision' if sight.collided else 'robot_error')
            return f'the cause is still there: {cause}'
        if self.fault.name == 'master_lost':
            return self.fault.remedy
        self.fault, self._armed = None, False
        return None

    def home(self, now: float, sight: Sight, target: Sequence[float], ticket: Any) -> None:
        """Begin homing; the end is reported with `ticket` by a later tick.

        Raises:
            ValueError: not possible now, or no safe way.
        """
        mode = self.mode(now, sight)
        if mode != 'IDLE':
            raise ValueError(f'mode {mode}: home needs IDLE')
        look = self._inspector.look(sight)
        problem = self._inspector.before(look, sight, homing=True)
        if problem is not None:
            raise ValueError(f'{problem.text}; {problem.remedy}')
        joints = np.array(sight.q)
        legs = homing.plan(self._arm, self._settings, joints, target, self._posture,
                           look.point)
        self._homing = homing.Homing(self._arm, self._settings, joints, legs)
        self._ticket, self._heard = ticket, now
        self._start('HOMING', look)

    def lose_master(self, now: float) -> None:
        """The ROS master is gone: end the motion for good."""
        self._fail(now, fault('master_lost', 'it does not answer or is another one'))

    # One tick ---------------------------------------------------------------------------------
    def tick(self, now: float, sight: Sight) -> Orders:
        """Return what the robot is told now."""
        late, self._last_tick = now - self._last_tick, now
        period = min(max(late, 0.001), 0.02)
        mode = self.mode(now, sight)
        if mode != 'DISCONNECTED':
            self.look = self._inspector.look(sight)
        if self._activity != 'IDLE':
            self._watch(now, sight, mode, late)
        if mode in ('ESTOP', 'DISABLED'):
            self._silence(f'the robot is {mode.lower()}')
        if self._activity == 'SERVO':
            self._servo_tick(now, sight, period)
        elif self._activity == 'HOMING':
            self._homing_tick(now, sight, period)
        return self._orders(now, sight)

    def _servo_tick(self, now: float, sight: Sight, period: float) -> None:
        assert self.look is not None
        self._speeds = self._servo.speeds(now, self.look.point, self.look.rotation,
                                          self.look.jacobian, np.array(sight.q), period)

    def _homing_tick(self, now: float, sight: Sight, period: float) -> None:
        assert self._homing is not None
        self._speeds = self._homing.speeds(np.array(sight.q), period)
        if self._homing.done:
            self._interrupt(now, 'the hand is at home', ok=True)
        elif self._homing.failed:
            self._fail(now, fault('homing_failed', f'{homing.LATE_S:.0f} s over its time'))

    def _orders(self, now: float, sight: Sight) -> Orders:
        began, self._began = self._began, False
        finished, self._finished = self._finished, None
        if self._activity != 'IDLE':
            if not np.isfinite(self._speeds).all():
                self._fail(now, fault('not_finite', 'joint speeds'))
            else:
                return Orders(self._speeds, began, False, finished)
        if now < self._hold_end:
            left = self._hold_end - HOLD_S + RAMP_S - now
            return Orders(self._ramp * max(left / RAMP_S, 0.0), began, False, finished)
        stop = False
        if self._hold_end > 0:
            self._hold_end = -math.inf
            fastest = max(map(abs, sight.v))
            if fastest > MOVING and now - sight.joints_time < FRESH_S:
                stop = True
                self.fault = fault('still_moving', f'{fastest:.2f} rad/s')
        return Orders(None, began, stop, finished)

    # Beginnings and ends ----------------------------------------------------------------------
    def _begin_servo(self, now: float, sent: float, sight: Sight) -> None:
        look = self._inspector.look(sight)
        problem = self._inspector.before(look, sight, homing=False)
        if problem is not None:
            self._fail(now, problem)
            return
        self._servo.anchor(sent, look.point)
        self._start('SERVO', look)

    def _start(self, activity: str, look: Look) -> None:
        self._inspector.begin(look)
        self.look = look
        self._activity, self._began = activity, True
        self._hold_end = -math.inf

    def _watch(self, now: float, sight: Sight, mode: str, late: float) -> None:
        """End a motion that must not go on."""
        if self._activity == 'SERVO' and now - self._heard > WATCHDOG_S:
            self._interrupt(now, 'no twist')
            self._armed = True  # the silence is over when the next twist comes
            return
        if mode in ('ESTOP', 'DISABLED'):
            return
        missing, silence = sight.missing(now, self._settings), now - self._heard
        if missing:
            self._fail(now, fault(missing, 'no news while moving'))
        elif self._activity == 'HOMING' and silence > self._settings.link_lost:
            self._fail(now, fault('commander_silent', f'no packet for {silence:.1f} s on the way '
                                                      'home'))
        elif late > self._settings.servo_late and not self._began:
            self._fail(now, fault('servo_late', f'a tick came after {1e3 * late:.0f} ms, allowed: '
                                                f'{1e3 * self._settings.servo_late:.0f} ms'))
        else:
            assert self.look is not None
            reference = None if self._homing is None else self._homing.reference
            problem = self._inspector.during(now, self.look, sight, self._servo.reference,
                                             reference)
            if problem is not None:
                self._fail(now, problem)

    def _fail(self, now: float, cause: Fault) -> None:
        self.fault = self.fault or cause
        self._interrupt(now, cause.text)
        if cause.name in ABRUPT:
            self._ramp = np.zeros(7)

    def _interrupt(self, now: float, why: str, ok: bool = False) -> None:
        """End the activity with a ramp to zero; twists must pause before the next one."""
        if self._activity != 'IDLE':
            finite = bool(np.isfinite(self._speeds).all())
            self._ramp = self._speeds if finite else np.zeros(7)
            self._hold_end = now + HOLD_S
        self._end(why, ok)

    def _silence(self, why: str) -> None:
        """End the activity without another command: the robot itself has stopped."""
        self._hold_end = -math.inf
        self._end(why, ok=False)

    def _end(self, why: str, ok: bool) -> None:
        if self._activity == 'HOMING':
            self._finished = Finished(self._ticket, ok, why)
        self._activity, self._homing, self._armed = 'IDLE', None, False
        self._speeds = np.zeros(7)
