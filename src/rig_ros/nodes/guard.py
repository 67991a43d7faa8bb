"""The node between policy and robot: nothing moves that `control.guard.Guard` does not allow.

Each request is answered in its callback, on `cmd_twist` with the same stamp, a refused one with
zero. While no valid command comes, zeros are sent at 5 Hz; their stamp is one nanosecond after
the clock, so that no picture has it and lockstep simulation does not take it for an answer.

A guard that was restarted allows nothing before an episode that starts after it did. A tripped
e-stop is kept in a file of this bringup (named by the parent process), so that a restarted guard
is still tripped.
"""

from __future__ import annotations

import functools
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from std_msgs.msg import Bool

from rig_ros.control import task as tasks
from rig_ros.control.guard import HARD_MAX_SPEED, Guard, GuardLimits, Request
from rig_ros.ros import topics
from rig_ros.ros.conversions import (
    message_to_values,
    pose_to_position,
    stamp_ns,
    to_stamp,
    twist_to_velocity,
    velocity_to_twist,
)
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run

WATCH_PERIOD_S = 0.02
IDLE_PERIOD_S = 0.2


@dataclass(frozen=True)
class GuardParameters(CommonParameters):
    """The guard's parameters; the workspace comes from the task."""

    max_speed: float = param(HARD_MAX_SPEED, 'Largest hand speed [m/s].',
                             low=0.001, high=HARD_MAX_SPEED)
    acceleration: float = param(1.0, 'Deceleration that a stop can count on [m/s^2].',
                                low=0.1, high=5.0)
    latency_s: float = param(0.2, 'How long a command may stay in force after it should have '
                                  'ended [s].', low=0.01, high=1.0)
    required_nodes: str = param('', 'Nodes without whose processes nothing moves, separated by '
                                    'commas.')
    estop_file: str = param('', 'Where a tripped e-stop is kept for a restarted guard; empty: '
                                'a file of this bringup in the runtime directory.')


def estop_path(namespace: str) -> Path:
    """Return the file that outlives the guard but not its bringup, the parent process."""
    runtime = os.environ.get('XDG_RUNTIME_DIR') or tempfile.gettempdir()
    name = namespace.strip('/').replace('/', '.') or 'root'
    return Path(runtime) / f'rig_ros-{os.getuid()}' / f'estop-{os.getppid()}-{name}'


class GuardNode(RigNode):
    """Wires `Guard` to the graph."""

    NAME = 'guard'
    PARAMETERS = GuardParameters
    settings: GuardParameters

    def configure(self) -> None:
        """Read the task's box, restore a tripped e-stop, wire."""
        settings, task = self.settings, tasks.load(self.settings.task)
        self._guard = Guard(GuardLimits.of_task(
            task, settings.max_speed, settings.acceleration, settings.latency_s))
        self._horizon = task.horizon
        self._born_ns = time.time_ns()
        self._idle_sent_s = 0.0
        self._refused = self._limited = 0
        self._last_reason = ''
        self._simulated = bool(self.get_parameter('use_sim_time').value)
        self._file = (Path(settings.estop_file) if settings.estop_file
                      else estop_path(self.get_namespace()))
        if self._file.exists():
            self._guard.trip(self._file.read_text() or 'tripped before this guard started')
        self._commands = self.publish_on(topics.COMMAND)
        self._estop = self.publish_on(topics.ESTOP)
        # In this order: what is ready at the same time is taken in the order of creation.
        self._events = self.listen(topics.EPISODE_EVENTS, self._on_event)
        self.listen(topics.EE_POSE, self._on_pose)
        self.listen(topics.POLICY_COMMAND, self._on_request)
        self.offer(topics.ESTOP_TRIP, self._on_trip)
        self.offer(topics.ESTOP_CLEAR, self._on_clear)
        for node in filter(None, settings.required_nodes.split(',')):
            self._guard.missing.add(node)
            self.watch_process(node, functools.partial(self._on_process, node))
        self.every(WATCH_PERIOD_S, self._watch)

    def activate(self) -> None:
        """Tell the state of the e-stop."""
        self._estop.publish(Bool(data=self._guard.tripped is not None))
        if self._guard.tripped is not None:
            self._tell(f'e-stop is still tripped ({self._guard.tripped}); call estop/clear')

    def deactivate(self) -> None:
        """Leave the robot with a zero command."""
        self._guard.refuse_all('the guard was deactivated; call episode/start')
        self._send_idle_zero()

    def _watch_s(self) -> float:
        """Return the clock for silence: simulated time where there is one, else monotonic."""
        return self.clock_s() if self._simulated else time.monotonic()

    def _on_request(self, message: TwistStamped) -> None:
        request = Request(twist_to_velocity(message), message.header.frame_id,
                          1e-9 * stamp_ns(message.header.stamp))
        verdict = self._guard.check(request, self.clock_s(), self._watch_s())
        self._commands.publish(velocity_to_twist(verdict.velocity, message.header.stamp))
        if verdict.reason is not None:
            self._refused += 1
            self._tell(verdict.reason)
        else:
            self._limited += verdict.limited is not None
            self._tell(None)

    def _on_pose(self, message: PoseStamped) -> None:
        self._guard.see_hand(pose_to_position(message), 1e-9 * stamp_ns(message.header.stamp),
                             self._watch_s())

    def _on_event(self, message: DiagnosticArray) -> None:
        values = message_to_values(message)
        kind = values.get('kind')
        if kind != 'start':
            self._guard.end_episode(str(kind))
        elif self._events.source_ns > self._born_ns:
            self._guard.start_episode(int(values.get('horizon', self._horizon)), self._watch_s())

    def _on_process(self, node: str, alive: bool) -> None:
        if alive:
            self._guard.regain(node)
        else:
            self._guard.lose(node)
            self._send_idle_zero()
            self._tell(f'node {node} is gone: killed, or it hangs; zero velocity is sent')

    def _on_trip(self) -> str:
        self._guard.trip('by service')
        self._send_idle_zero()
        self._estop.publish(Bool(data=True))
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.write_text('by service')
        self._tell('e-stop tripped by service; call estop/clear when it is safe')
        return 'tripped; the hand is commanded to hold'

    def _on_clear(self) -> str:
        self._file.unlink(missing_ok=True)
        self._guard.clear()
        self._estop.publish(Bool(data=False))
        self._tell('e-stop cleared; nothing moves before the next episode/start')
        return 'cleared; call episode/start to move'

    def _watch(self) -> None:
        if not self._guard.silent(self._watch_s()):
            return
        now = time.monotonic()
        if now - self._idle_sent_s >= IDLE_PERIOD_S:
            self._send_idle_zero()
            if self._guard.at_rest:
                self._tell(self._guard.rest_reason)
            elif self.board.level('motion') is Level.OK:
                self._tell(f'no valid command for {1e3 * self._guard.limits.silence_s:.0f} ms; '
                           'zero velocity is sent')

    def _send_idle_zero(self) -> None:
        self._idle_sent_s = time.monotonic()
        self._commands.publish(velocity_to_twist(np.zeros(3), to_stamp(self.now_ns() + 1)))

    def _tell(self, reason: str | None) -> None:
        """Report whether motion is allowed; the last reason stays visible when it is again."""
        if reason is not None:
            self._last_reason = reason
        calm = reason is None or reason == self._guard.rest_reason
        level = Level.OK if calm else Level.WARN
        if self._guard.tripped is not None:
            level = Level.ERROR
        self.report(level, reason or 'commands are forwarded', part='motion',
                    last_reason=self._last_reason, refused=self._refused, limited=self._limited,
                    estop=self._guard.tripped or 'clear')


def main() -> None:
    """Run the node."""
    run(GuardNode)


if __name__ == '__main__':
    main()
