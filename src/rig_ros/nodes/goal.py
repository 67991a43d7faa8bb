"""The node that holds the goal: the operator's picture or an imagined one; see `goal_desk`."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import Image

from rig_ros.control.goal_desk import GoalDesk
from rig_ros.errors import DataError
from rig_ros.learning.bundle import Bundle
from rig_ros.ros import topics
from rig_ros.ros.conversions import (
    array_to_image,
    empty_cloud,
    image_to_array,
    latent_to_cloud,
    stamp_ns,
    to_stamp,
)
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.model_slot import ModelWires
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run

TICK_S = 0.1


@dataclass(frozen=True)
class GoalParameters(CommonParameters):
    """The goal node's parameters."""

    settle_s: float = param(0.3, 'How long a picture waits for a contradiction [s].',
                            low=0.05, high=5.0)
    seed: int = param(-1, 'Of imagined goals; -1 draws one.', low=-1)


class GoalNode(RigNode):
    """Wires `GoalDesk` to the graph."""

    NAME = 'goal'
    PARAMETERS = GoalParameters
    settings: GoalParameters

    def configure(self) -> None:
        """Load the model, if there is one to start with, and wire."""
        seed = self.settings.seed
        self._wires = ModelWires(self, self._use)
        self._desk = GoalDesk(self._wires.task.image_size, self.settings.settle_s,
                              np.random.default_rng(None if seed < 0 else seed))
        self._told = 0
        self._latent = self.publish_on(topics.GOAL_LATENT)
        self._preview = self.publish_on(topics.GOAL_PREVIEW)
        self.listen(topics.GOAL_IMAGE, self._on_image)
        self.offer(topics.GOAL_IMAGINE, self._on_imagine)
        self.offer(topics.GOAL_CLEAR, self._on_clear)
        self.every(TICK_S, self._on_tick)

    def activate(self) -> None:
        """Tell which model is in use, and that there is no goal."""
        self._wires.begin()
        self._latent.publish(empty_cloud(self.now_stamp()))

    def deactivate(self) -> None:
        """Withdraw the goal."""
        self._desk.clear()
        self._tell()

    def _use(self, model: Bundle | None) -> None:
        self._desk.use_model(model)
        self._tell()

    def _on_image(self, message: Image) -> None:
        goal_id = stamp_ns(message.header.stamp) or self.now_ns()
        try:
            self._desk.offer(image_to_array(message), goal_id, time.monotonic())
        except DataError as error:
            self._desk.refuse(str(error))
        self._tell()

    def _on_imagine(self) -> str:
        goal = self._desk.imagine(self.now_ns())
        self._tell()
        return f'goal {goal.goal_id} imagined'

    def _on_clear(self) -> str:
        self._desk.clear()
        self._tell()
        return 'there is no goal'

    def _on_tick(self) -> None:
        if self._desk.due_s is not None:
            self._desk.tick(time.monotonic())
            self._tell()

    def _tell(self) -> None:
        """Publish the active goal if it changed; report why there is none."""
        desk = self._desk
        if desk.revision != self._told:
            self._told = desk.revision
            goal = desk.active
            if goal is None:
                self._latent.publish(empty_cloud(self.now_stamp()))
            else:
                stamp = to_stamp(goal.goal_id)
                self._preview.publish(array_to_image(goal.picture, stamp))
                self._latent.publish(latent_to_cloud(goal.mean, goal.log_variance,
                                                     goal.encoder_id, stamp))
        if desk.problem:
            self.report(Level.WARN if desk.is_waiting else Level.ERROR, desk.problem, part='goal')
        elif desk.active is not None:
            kind = 'an imagined goal' if desk.active.imagined else "the operator's goal"
            self.report(Level.OK, f'{kind} is active', part='goal', goal_id=desk.active.goal_id)
        else:
            self.report(Level.OK, 'no goal', part='goal')


def main() -> None:
    """Run the node."""
    run(GoalNode)


if __name__ == '__main__':
    main()
