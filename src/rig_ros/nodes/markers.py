"""The node that draws for people: workspace, area of goals, hand, requested and allowed motion.

Optional; nothing depends on it. A goal is a picture and has no place, so that what is drawn of it
is the area that the task takes its goals from, and in words where the active one comes from.
The arrows end where the hand would be after `ahead_s` at the requested and at the allowed
velocity: that is the reference the arm follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from sensor_msgs.msg import PointCloud2
from visualization_msgs.msg import Marker, MarkerArray

from rig_ros.control import task as tasks
from rig_ros.ros import markers, topics
from rig_ros.ros.conversions import (
    message_to_values,
    pose_to_position,
    stamp_ns,
    twist_to_velocity,
)
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run

HAND_M = 0.02


@dataclass(frozen=True)
class MarkersParameters(CommonParameters):
    """How often, and how far ahead."""

    draw_hz: float = param(5.0, 'Drawings per second [Hz].', low=0.5, high=30.0)
    ahead_s: float = param(0.5, 'Length of the arrows: motion in this time [s].',
                           low=0.05, high=5.0)


class MarkersNode(RigNode):
    """Draws what it last heard."""

    NAME = 'markers'
    PARAMETERS = MarkersParameters
    settings: MarkersParameters

    def configure(self) -> None:
        """Read the task, wire."""
        self._task = tasks.load(self.settings.task)
        self._hand: np.ndarray | None = None
        self._moved: dict[str, np.ndarray] = {}
        self._goal_id = 0
        self._episode = 'no episode yet'
        self._drawing = self.publish_on(topics.MARKERS)
        self.listen(topics.EE_POSE, self._on_pose)
        self.listen(topics.POLICY_COMMAND, lambda m: self._on_twist('requested', m))
        self.listen(topics.COMMAND, lambda m: self._on_twist('allowed', m))
        self.listen(topics.GOAL_LATENT, self._on_goal)
        self.listen(topics.EPISODE_EVENTS, self._on_event)
        self.every(1.0 / self.settings.draw_hz, self._draw)

    def _on_pose(self, message: PoseStamped) -> None:
        self._hand = pose_to_position(message)

    def _on_twist(self, name: str, message: TwistStamped) -> None:
        self._moved[name] = twist_to_velocity(message)

    def _on_goal(self, message: PointCloud2) -> None:
        self._goal_id = stamp_ns(message.header.stamp) if message.width else 0

    def _on_event(self, message: DiagnosticArray) -> None:
        values = message_to_values(message)
        self._episode = ' '.join(filter(None, (values.get('mode', ''), values.get('kind', ''),
                                               values.get('reason', ''))))

    def _draw(self) -> None:
        self._drawing.publish(MarkerArray(markers=self._scene()))
        self._moved.clear()

    def _scene(self) -> list[Marker]:
        task = self._task
        goal = f'goal {self._goal_id}' if self._goal_id else 'no goal'
        top = [task.workspace_low[0], 0.0, task.workspace_high[2] + 0.1]
        drawn = [markers.box('workspace', task.workspace_low, task.workspace_high, markers.GREY),
                 markers.box('goals', task.goal_low, task.goal_high, markers.SKY),
                 markers.ball('reset', task.reset_hand, HAND_M / 2, markers.GREY),
                 markers.text('state', top, f'{task.name}: {self._episode}; {goal}')]
        if self._hand is not None and np.isfinite(self._hand).all():
            drawn.append(markers.ball('hand', self._hand, HAND_M, markers.BLUE, moves=True))
            for name, colour in (('requested', markers.ORANGE), ('allowed', markers.BLUE)):
                velocity = self._moved.get(name)
                if velocity is not None and np.isfinite(velocity).all():
                    drawn.append(markers.arrow(name, self._hand, self._hand
                                               + self.settings.ahead_s * velocity, colour))
        return drawn


def main() -> None:
    """Run the node."""
    run(MarkersNode)


if __name__ == '__main__':
    main()
