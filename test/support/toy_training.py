"""A toy world for the learning tests: a bright square that moves over a dark picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rig_ros.learning.config import TD3Config, TrainConfig, VAEConfig
from rig_ros.learning.practice_config import ExploreConfig

IMAGE_SIZE = 48


class MovingSquare:
    """Actions (2,) move the square's centre by up to a tenth of the picture."""

    def __init__(self) -> None:
        self.position = np.zeros(2)

    def render(self) -> NDArray[np.uint8]:
        image = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 20, np.uint8)
        row, column = np.round(24 + self.position * 16).astype(int)
        image[row - 7:row + 7, column - 7:column + 7] = (250, 230, 200)
        return image

    def reset(self) -> NDArray[np.uint8]:
        self.position = np.zeros(2)
        return self.render()

    def step(self, action: NDArray[np.float32]) -> NDArray[np.uint8]:
        self.position = np.clip(self.position + 0.2 * np.asarray(action, np.float64), -1, 1)
        return self.render()


def small_config(**changes: object) -> TrainConfig:
    """Return a recipe that trains in a second."""
    settings = {
        'task': 'toy', 'image_size': IMAGE_SIZE, 'replay_frames': 500,
        'vae': VAEConfig(latent_dim=3, networks='patch', batch_size=8, first_steps=4,
                         refresh_every=20, refresh_steps=2),
        'td3': TD3Config(hidden=(16, 16), batch_size=8, first_updates=4, updates_per_step=0.5),
        'explore': ExploreConfig(random_steps=20), **changes}
    return TrainConfig(**settings)  # type: ignore[arg-type]
