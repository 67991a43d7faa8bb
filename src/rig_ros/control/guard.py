"""Decides which requested hand velocity may reach the robot. Pure: no ROS, no clock of its own.

Velocities are (3,) in m/s, positions (3,) in metres, frame `base`. Two clocks come in with every
call: `now_s`, the clock of the stamps, judges how old a command or pose is; `watch_s` judges
silence and must not jump (monotonic on hardware, simulated time in simulation).

Never forwarded: NaN, stale or future commands, another frame, commands without a fresh hand pose,
outside an episode, after its horizon, while a node that the deployment requires is gone, or while
the e-stop is tripped. Reduced: speed above the cap
(the vector is scaled, its direction kept) and motion towards a wall of the box that could not stop
before it (that axis only). Every request is answered, a refused one with zero velocity.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rig_ros.control.task import TaskConfig, Vector3
from rig_ros.settings import require

Velocity = NDArray[np.float64]
HARD_MAX_SPEED = 0.30
"""No configuration allows more [m/s]."""
HORIZON_MARGIN = 1.2
HORIZON_EXTRA = 5
"""An episode may ask for horizon x margin + extra commands, then its end was missed."""


@dataclass(frozen=True)
class GuardLimits:
    """What the guard enforces. Seconds, metres, frame `base`."""

    workspace_low: Vector3
    workspace_high: Vector3
    max_speed: float = HARD_MAX_SPEED
    """Length of the velocity [m/s]."""
    acceleration: float = 1.0
    """Deceleration that a stop can count on [m/s^2]."""
    latency_s: float = 0.2
    """How long a command stays in force after it should have ended."""
    max_command_age_s: float = 0.15
    max_pose_age_s: float = 0.2
    silence_s: float = 0.2
    """Without a valid command for this long the guard sends zero."""
    outside_tolerance: float = 0.05
    """A hand further outside the box than this is not moved at all."""
    frame: str = 'base'

    def __post_init__(self) -> None:
        require(0 < self.max_speed <= HARD_MAX_SPEED, 'max_speed', self.max_speed,
                f'above 0, up to {HARD_MAX_SPEED} m/s')
        for name in ('acceleration', 'latency_s', 'max_command_age_s', 'max_pose_age_s',
                     'silence_s', 'outside_tolerance'):
            require(getattr(self, name) > 0, name, getattr(self, name), 'above 0')

    @classmethod
    def of_task(cls, task: TaskConfig, max_speed: float = HARD_MAX_SPEED,
                acceleration: float = 1.0, latency_s: float = 0.2) -> GuardLimits:
        """Return the limits of a task: its box, and no more speed than its actions can ask for."""
        asked = task.max_speed * len(task.axes) ** 0.5
        return cls(task.workspace_low, task.workspace_high, min(max_speed, 1.001 * asked),
                   acceleration, latency_s)


@dataclass(frozen=True)
class Request:
    """One requested velocity (3,) [m/s], its frame, and the stamp of its picture [s]."""

    velocity: Velocity
    frame: str
    stamp_s: float


@dataclass(frozen=True)
class Verdict:
    """What may be sent, and why it is not what was asked."""

    velocity: Velocity
    reason: str | None = None
    """Set when the request was refused; the velocity is zero then."""
    limited: str | None = None
    """Set when the request was reduced."""


@dataclass
class Guard:
    """The state between requests. Starts without an episode: nothing moves before `start`."""

    limits: GuardLimits
    tripped: str | None = None
    """Why the e-stop is tripped; None when it is not."""
    missing: set[str] = field(default_factory=set)
    """Required nodes whose processes are gone."""
    _hand: Velocity | None = None
    _hand_stamp_s: float = 0.0
    _hand_watch_s: float = 0.0
    _commands_left: int | None = None
    at_rest: bool = False
    """No episode, and no fault is the reason."""
    _no_episode: str = 'no episode was started since this guard started; call episode/start'
    _valid_watch_s: float | None = None
    _low: Velocity = field(init=False)
    _high: Velocity = field(init=False)

    def __post_init__(self) -> None:
        self._low = np.array(self.limits.workspace_low)
        self._high = np.array(self.limits.workspace_high)

    # What the guard is told ----------------------------------------------------------------------
    def trip(self, reason: str) -> None:
        """Latch the e-stop. Motion needs `clear` and a new episode afterwards."""
        self.tripped = reason
        self.refuse_all('the e-stop was tripped; call estop/clear, then episode/start')

    def clear(self) -> None:
        """Release the e-stop: a person's decision."""
        self.tripped = None

    def lose(self, node: str) -> None:
        """Stop because a required node is gone. Its return does not resume the episode."""
        self.missing.add(node)
        self.refuse_all(f'node {node} was gone during the episode; call episode/start')

    def regain(self, node: str) -> None:
        """Note that a required node is back."""
        self.missing.discard(node)

    def start_episode(self, horizon: int, watch_s: float) -> None:
        """Allow motion for one episode of `horizon` steps; silence counts from here."""
        self._valid_watch_s = watch_s
        self._commands_left = int(HORIZON_MARGIN * horizon) + HORIZON_EXTRA
        self.at_rest = False

    def end_episode(self, kind: str) -> None:
        """Allow no motion until the next start; `kind` is the event that said so."""
        if self._commands_left is not None or self.at_rest:
            self.refuse_all(f'no episode is running (last event: {kind})')
            self.at_rest = True

    def refuse_all(self, reason: str) -> None:
        """Allow no motion until the next start, because something is wrong."""
        self._commands_left = None
        self._no_episode = reason
        self.at_rest = False

    @property
    def rest_reason(self) -> str:
        """Why nothing moves although nothing is wrong; empty when something is or all may move."""
        return self._no_episode if self.at_rest else ''

    def see_hand(self, position: Velocity, stamp_s: float, watch_s: float) -> None:
        """Take the newest hand position (3,) [m]."""
        self._hand = position if np.isfinite(position).all() else None
        self._hand_stamp_s = stamp_s
        self._hand_watch_s = watch_s

    # What it decides -----------------------------------------------------------------------------
    def check(self, request: Request, now_s: float, watch_s: float) -> Verdict:
        """Return what may be sent for a request."""
        reason = self._refusal(request, now_s, watch_s)
        if reason is not None:
            return Verdict(np.zeros(3), reason)
        assert self._commands_left is not None
        self._commands_left -= 1
        self._valid_watch_s = watch_s
        return self._limit(request.velocity)

    def silent(self, watch_s: float) -> bool:
        """Return whether no valid command came for so long that zero must be sent."""
        if self._valid_watch_s is None:
            return True
        return not 0 <= watch_s - self._valid_watch_s <= self.limits.silence_s

    def _refusal(self, request: Request, now_s: float, watch_s: float) -> str | None:
        limits = self.limits
        if self.tripped is not None:
            return f'e-stop is tripped ({self.tripped}); call estop/clear when it is safe'
        if request.velocity.shape != (3,) or not np.isfinite(request.velocity).all():
            return f'velocity: got {request.velocity.tolist()}, allowed: 3 finite numbers [m/s]'
        if request.frame != limits.frame:
            return f'command frame: got {request.frame!r}, allowed: {limits.frame!r}'
        age = now_s - request.stamp_s
        if abs(age) > limits.max_command_age_s:
            return (f'command age: got {1e3 * age:.0f} ms, allowed: '
                    f'+-{1e3 * limits.max_command_age_s:.0f} ms; the graph is too slow, or clocks '
                    'differ (use_sim_time)')
        if self.missing:
            return (f'required nodes: {sorted(self.missing)} gone; wait until they are back, then '
                    'call episode/start')
        if self._commands_left is None:
            return self._no_episode
        if self._commands_left <= 0:
            return 'the episode is longer than its horizon; does the episode node run?'
        if self._hand is None:
            return 'hand pose: none, or not finite; does ee_pose arrive?'
        pose_age = max(now_s - self._hand_stamp_s, watch_s - self._hand_watch_s)
        if pose_age > limits.max_pose_age_s:
            return (f'hand pose age: got {1e3 * pose_age:.0f} ms, allowed: '
                    f'{1e3 * limits.max_pose_age_s:.0f} ms; does ee_pose arrive?')
        outside = np.maximum(self._low - self._hand, self._hand - self._high).max()
        if outside > limits.outside_tolerance:
            return (f'hand position: got {np.round(self._hand, 3).tolist()}, {outside:.3f} m '
                    f'outside the workspace {limits.workspace_low} to {limits.workspace_high}; '
                    'call reset')
        return None

    def _limit(self, velocity: Velocity) -> Verdict:
        limits, hand = self.limits, self._hand
        assert hand is not None
        notes = []
        allowed = velocity
        speed = float(np.linalg.norm(velocity))
        if speed > limits.max_speed:
            allowed = velocity * (limits.max_speed / speed)
            notes.append(f'speed {speed:.3f} m/s scaled to {limits.max_speed:.3f}')
        clipped = np.clip(allowed, -self._stoppable(hand - self._low),
                          self._stoppable(self._high - hand))
        clipped[self._low == self._high] = 0.0
        if not np.array_equal(clipped, allowed):
            notes.append('slowed towards the edge of the workspace')
        return Verdict(clipped, limited=', '.join(notes) or None)

    def _stoppable(self, distance: Velocity) -> Velocity:
        """Return the speeds [m/s] from which v^2/2a + v*latency fits into distances [m]."""
        lag = self.limits.acceleration * self.limits.latency_s
        room = np.maximum(distance, 0.0)
        return np.asarray(np.sqrt(lag**2 + 2 * self.limits.acceleration * room) - lag)
