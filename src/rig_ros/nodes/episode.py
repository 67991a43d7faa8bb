"""The node that runs episodes: it asks, counts and announces; `control.episode` decides.

Modes: `collect` (smooth random actions), `practise` (imagined goals; collects while there is no
model), `reach` (a new goal starts an episode). Nothing begins by itself unless
`resume_after_abort` is set, which only simulated training does.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Bool

from rig_ros.control import task as tasks
from rig_ros.control.episode import WAITS_FOR_TRAINER, EpisodeMachine
from rig_ros.control.episode_model import NodeStatus
from rig_ros.control.episode_types import MODES, Action, Call, EpisodeConfig, Goal, State
from rig_ros.errors import DataError
from rig_ros.ros import topics
from rig_ros.ros.conversions import (
    cloud_to_latent,
    message_to_values,
    stamp_ns,
    to_stamp,
    values_to_message,
)
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run

TICK_S = 0.05
SERVICES = {'reset': topics.RESET, 'imagine': topics.GOAL_IMAGINE}


@dataclass(frozen=True)
class EpisodeParameters(CommonParameters):
    """The episode node's parameters. All times are of a real clock, also in simulation."""

    mode: str = param('reach', 'What episodes are for; a change ends the one under way.',
                      one_of=MODES, live=True)
    horizon: int = param(0, 'Steps in an episode; 0: as the task says.', low=0, high=10000)
    resume_after_abort: bool = param(False, 'Begin by itself and go on after an abort (not after '
                                            'an e-stop). Simulated training only.')
    model_nodes: tuple[str, ...] = param(('encoder', 'goal', 'policy'),
                                         'Nodes that must use the model before a start.')
    required_nodes: str = param('', 'Nodes without whose processes an episode is aborted, '
                                    'separated by commas.')
    max_lead_steps: int = param(0, 'Begin no episode while the trainer is further behind; 0: '
                                   'never wait. For lockstep simulation, whose time is free.',
                                low=0)
    camera_silence_s: float = param(0.5, 'Abort without a picture for so long [s].',
                                    low=0.1, high=60.0)
    command_silence_s: float = param(1.0, 'Abort without a guarded command for so long [s].',
                                     low=0.1, high=60.0)
    lockstep_patience: float = param(6.0, 'Factor on both when time is simulated: the graph may '
                                          'be slow then, and nothing moves meanwhile.',
                                     low=1.0, high=100.0)
    swap_timeout_s: float = param(10.0, 'For nodes to change the model [s].', low=0.1, high=600.0)
    reset_timeout_s: float = param(60.0, 'For the service reset [s].', low=0.1, high=600.0)
    imagine_timeout_s: float = param(5.0, 'For a goal to be imagined or encoded [s].',
                                     low=0.1, high=600.0)
    picture_timeout_s: float = param(5.0, 'For a picture after a reset [s].', low=0.1, high=600.0)


class EpisodeNode(RigNode):
    """Wires `EpisodeMachine` to the graph."""

    NAME = 'episode'
    PARAMETERS = EpisodeParameters
    settings: EpisodeParameters

    def configure(self) -> None:
        """Make the machine and wire it."""
        s, task = self.settings, tasks.load(self.settings.task)
        simulated = bool(self.get_parameter('use_sim_time').value)
        patience = s.lockstep_patience if simulated else 1.0
        self._machine = EpisodeMachine(EpisodeConfig(
            mode=s.mode, task=task.name, horizon=s.horizon or task.horizon,  # type: ignore[arg-type]
            session=time.strftime('%Y%m%dT%H%M%S'), model_nodes=s.model_nodes,
            resume=s.resume_after_abort, picture_after_reply=not simulated,
            max_lead_steps=s.max_lead_steps,
            camera_silence_s=patience * s.camera_silence_s,
            command_silence_s=patience * s.command_silence_s,
            swap_timeout_s=s.swap_timeout_s, reset_timeout_s=s.reset_timeout_s,
            imagine_timeout_s=s.imagine_timeout_s, picture_timeout_s=s.picture_timeout_s))
        self._born_ns = time.time_ns()
        self._events = self.publish_on(topics.EPISODE_EVENTS)
        self.listen(topics.ESTOP, self._on_estop)
        self.listen(topics.MODEL_STATUS, self._on_status)
        self._goals = self.listen(topics.GOAL_LATENT, self._on_goal)
        self.listen(topics.CAMERA_IMAGE, self._on_picture, role='record')  # counted: none is lost
        self.listen(topics.COMMAND, self._on_command)
        if s.max_lead_steps:
            self.listen(topics.TRAINER_METRICS, self._on_trainer)
        for node in filter(None, s.required_nodes.split(',')):
            self._machine.missing.add(node)
            self.watch_process(node, functools.partial(self._on_process, node))
        self.offer(topics.EPISODE_START, self._on_start)
        self.offer(topics.EPISODE_STOP, self._on_stop)
        self.every(TICK_S, self._on_tick)

    def deactivate(self) -> None:
        """End the episode under way."""
        self._do(self._machine.on_stop(time.monotonic()))

    def _on_tick(self) -> None:
        now, mode = time.monotonic(), self.settings.mode
        if mode != self._machine.config.mode:
            self._do(self._machine.on_mode(mode, now))  # type: ignore[arg-type]
        self._do(self._machine.on_tick(now))

    def _on_estop(self, message: Bool) -> None:
        self._do(self._machine.on_estop(message.data, time.monotonic()))

    def _on_status(self, message: DiagnosticArray) -> None:
        values = message_to_values(message)
        node = values.get('node') or message.status[0].name
        self._do(self._machine.on_status(node, NodeStatus.of_values(values), time.monotonic()))

    def _on_goal(self, message: PointCloud2) -> None:
        latent = cloud_to_latent(message)
        goal = None if latent is None else Goal(str(latent.stamp_ns), latent.encoder_id)
        fresh = self._goals.source_ns > self._born_ns
        self._do(self._machine.on_goal(goal, time.monotonic(), fresh=fresh))

    def _on_picture(self, message: Image) -> None:
        stamp = stamp_ns(message.header.stamp)
        if stamp == 0:
            raise DataError('camera/image stamp: got 0, allowed: when the picture was taken; the '
                            'camera driver must stamp its pictures')
        self._do(self._machine.on_picture(stamp, time.monotonic()))

    def _on_command(self, message: TwistStamped) -> None:
        self._machine.on_command(stamp_ns(message.header.stamp), time.monotonic())

    def _on_trainer(self, message: DiagnosticArray) -> None:
        self._machine.lead_steps = int(message_to_values(message).get('lead_steps', 0))

    def _on_process(self, node: str, alive: bool) -> None:
        self._do(self._machine.on_process(node, alive, time.monotonic()))

    def _on_answer(self, token: int, success: bool, message: str) -> None:
        self._do(self._machine.on_answer(token, success, message, time.monotonic()))

    def _on_start(self) -> str:
        self._do(self._machine.on_start(time.monotonic()))
        return self._machine.note

    def _on_stop(self) -> str:
        self._do(self._machine.on_stop(time.monotonic()))
        return self._machine.note

    def _do(self, actions: list[Action]) -> None:
        """Carry out what the machine decided."""
        for action in actions:
            if isinstance(action, Call):
                self.call(SERVICES[action.service],
                          functools.partial(self._on_answer, action.token), action.timeout_s)
                continue
            stamp = self.now_stamp() if action.stamp_ns is None else to_stamp(action.stamp_ns)
            level = Level.ERROR if action.kind == 'abort' else Level.OK
            self._events.publish(values_to_message('episode', action.values, stamp,
                                                   message=action.reason, level=int(level)))
            if action.kind == 'abort':
                self.report(Level.ERROR, f'{action.episode_id} aborted: {action.reason}',
                            part='last episode')
            elif action.kind == 'end':
                self.report(Level.OK, f'ended: {action.reason}', part='last episode',
                            episode_id=action.episode_id, steps=action.steps)
        machine = self._machine
        waiting = machine.state is State.CHOOSING and machine.note != WAITS_FOR_TRAINER
        level = Level.WARN if waiting else Level.OK
        self.report(Level.ERROR if machine.goal_refused else level, machine.note, part='episode',
                    mode=self.settings.mode, episodes=machine.episodes, steps=machine.steps)


def main() -> None:
    """Run the node."""
    run(EpisodeNode)


if __name__ == '__main__':
    main()
