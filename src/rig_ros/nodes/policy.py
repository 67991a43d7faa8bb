"""The node that answers pictures with requested hand velocities; `control.pilot` decides."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import Image, PointCloud2

from rig_ros.control.pilot import Exploration, Pilot, Stance
from rig_ros.errors import DataError, ModelMismatch
from rig_ros.learning.bundle import Bundle
from rig_ros.ros import topics
from rig_ros.ros.conversions import cloud_to_latent, stamp_ns, to_stamp, velocity_to_twist
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.model_slot import ModelWires
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run
from rig_ros.ros.wiring import Listener

LEVELS = {'idle': Level.OK, 'acting': Level.OK, 'waiting': Level.WARN, 'refusing': Level.ERROR}


@dataclass(frozen=True)
class PolicyParameters(CommonParameters):
    """The policy's parameters."""

    exploration_sigma: float = param(0.3, 'Noise added to actions in practice (OU sigma).',
                                     low=0.0, high=1.0)
    exploration_theta: float = param(0.15, 'Pull of that noise to zero, per step (OU theta).',
                                     low=0.01, high=1.0)
    random_sigma: float = param(0.6, 'The same for random actions, where it is all there is.',
                                low=0.0, high=2.0)
    stale_s: float = param(0.15, 'A picture older than this is not answered [s].',
                           low=0.02, high=1.0)
    seed: int = param(-1, 'Of noise and random actions; -1 draws one.', low=-1)


class PolicyNode(RigNode):
    """Wires `Pilot` to the graph."""

    NAME = 'policy'
    PARAMETERS = PolicyParameters
    settings: PolicyParameters

    def configure(self) -> None:
        """Load the model, if there is one to start with, and wire."""
        settings = self.settings
        self._born_ns = time.time_ns()
        self._stance: Stance | None = None
        self._wires = ModelWires(self, self._use, self._on_event)
        self._pilot = Pilot(
            self._wires.task,
            Exploration(settings.exploration_theta, settings.exploration_sigma,
                        settings.random_sigma),
            settings.stale_s,
            np.random.default_rng(None if settings.seed < 0 else settings.seed))
        self._commands = self.publish_on(topics.POLICY_COMMAND)
        self.listen(topics.GOAL_LATENT, self._on_goal)
        self.listen(topics.LATENT, self._on_latent)
        self._images: Listener | None = None

    def activate(self) -> None:
        """Tell which model is in use."""
        self._wires.begin()

    def deactivate(self) -> None:
        """Be silent from now on, also after the next activation, until an episode starts."""
        self._pilot.finish()

    def _use(self, model: Bundle | None) -> None:
        self._pilot.use_model(model)

    def _on_event(self, values: dict[str, str]) -> None:
        kind, bundle_id = values.get('kind'), values.get('bundle_id', '')
        if kind in ('reset', 'start'):
            self._watch_images(Pilot.is_random(values.get('mode', ''), bundle_id))
        if kind != 'start':
            self._pilot.finish()
        elif self._wires.event_source_ns > self._born_ns:  # never join an episode under way
            self._pilot.begin(values.get('mode', ''), bundle_id, int(values['stamp_ns']))
        self._act()

    def _watch_images(self, wanted: bool) -> None:
        """Subscribe to pictures only for random actions: latents tell all else about them."""
        if wanted and self._images is None:
            self._images = self.listen(topics.CAMERA_IMAGE, self._on_image)
        elif not wanted and self._images is not None:
            self.unlisten(self._images)
            self._images = None

    def _on_goal(self, message: PointCloud2) -> None:
        try:
            self._pilot.set_goal(cloud_to_latent(message))
        except DataError:
            self._pilot.set_goal(None)
            raise
        self._act()

    def _on_latent(self, message: PointCloud2) -> None:
        latent = cloud_to_latent(message)
        if latent is None:
            raise DataError('latent: got an empty message, allowed: one point')
        self._pilot.see(latent)
        self._act()

    def _on_image(self, message: Image) -> None:
        self._pilot.see_frame(stamp_ns(message.header.stamp))
        self._act()

    def _act(self) -> None:
        """Answer the newest picture if that is due, and report a changed stance."""
        try:
            command = self._pilot.decide(self.now_ns())
        except ModelMismatch as error:
            self._wires.fail(error)
            raise
        if command is not None:
            self._commands.publish(velocity_to_twist(command.velocity,
                                                     to_stamp(command.stamp_ns)))
        stance = self._pilot.stance
        if stance is not self._stance:
            self._stance = stance
            level = LEVELS[stance.kind]
            calm = 'acts when an episode runs'  # one text for both: not worth a line in the log
            self.report(level, calm if level is Level.OK else stance.message, part='action',
                        now=stance.message)


def main() -> None:
    """Run the node."""
    run(PolicyNode)


if __name__ == '__main__':
    main()
