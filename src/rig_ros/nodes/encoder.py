"""The node that turns pictures into latents, each with its picture's stamp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import Image, JointState

from rig_ros.errors import ModelMismatch
from rig_ros.learning.bundle import Bundle
from rig_ros.ros import topics
from rig_ros.ros.conversions import image_to_array, latent_to_cloud
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.model_slot import ModelWires
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run


@dataclass(frozen=True)
class EncoderParameters(CommonParameters):
    """The encoder's parameters."""

    plot: bool = param(False, 'Publish latent/plot (JointState z0...) for plotting tools as well.')


class EncoderNode(RigNode):
    """Wires the bundle's encoder to the graph; without a model it is silent."""

    NAME = 'encoder'
    PARAMETERS = EncoderParameters
    settings: EncoderParameters

    def configure(self) -> None:
        """Load the model, if there is one to start with, and wire."""
        self._model: Bundle | None = None
        self._wires = ModelWires(self, self._use)
        self._latents = self.publish_on(topics.LATENT)
        self._plot = self.publish_on(topics.LATENT_PLOT) if self.settings.plot else None
        self.listen(topics.CAMERA_IMAGE, self._on_image)

    def activate(self) -> None:
        """Tell which model is in use."""
        self._wires.begin()

    def _use(self, model: Bundle | None) -> None:
        self._model = model

    def _on_image(self, message: Image) -> None:
        model = self._model
        if model is None:
            return
        mean, log_variance = model.encode(image_to_array(message))
        if not (np.isfinite(mean).all() and np.isfinite(log_variance).all()):
            error = ModelMismatch('latent: NaN or infinite, allowed: finite; the encoder is '
                                  'broken, publish another bundle')
            self._wires.fail(error)
            raise error
        self._latents.publish(latent_to_cloud(mean, log_variance, model.manifest.encoder_id,
                                              message.header.stamp))
        if self._plot is not None:
            zeros = [0.0] * len(mean)
            plot = JointState(name=[f'z{i}' for i in range(len(mean))], position=mean.tolist(),
                              velocity=zeros, effort=zeros)
            plot.header.stamp = message.header.stamp
            self._plot.publish(plot)


def main() -> None:
    """Run the node."""
    run(EncoderNode)


if __name__ == '__main__':
    main()
