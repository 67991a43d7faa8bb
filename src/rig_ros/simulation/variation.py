"""What one episode looks like where a task's looks are randomised; see `control.randomisation`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import mujoco
import numpy as np

from rig_ros.control.kinematics import Array
from rig_ros.control.task import TaskConfig
from rig_ros.simulation.painter import Picture


class Variation:
    """Changes colours and lights of a model; gives the camera, the noise and the delay."""

    def __init__(self, task: TaskConfig, model: mujoco.MjModel, seed: int) -> None:
        """Start with everything as the task says.

        Args:
            task: how much to vary, and the camera.
            model: its colours and lights are changed by `draw`.
            seed: of everything that is drawn.
        """
        self._settings = task.randomisation
        self._nominal_view = task.camera
        self.seed(seed)
        headlight = model.vis.headlight
        self._lights: list[Array] = [headlight.ambient, headlight.diffuse, *model.light_diffuse]
        self._nominal_lights = [light.copy() for light in self._lights]
        self._colours: Array = model.geom_rgba
        self._nominal_colours = self._colours.copy()
        _, self._paint = np.unique(self._nominal_colours, axis=0, return_inverse=True)
        self._paint = self._paint.reshape(-1)
        self._noise = 0.0
        self.view = task.camera
        """The camera of this episode."""
        self.delay_steps = 0
        """By how many control steps actions are late in this episode."""

    def seed(self, seed: int) -> None:
        """Start the draws again."""
        self._rng = np.random.default_rng((seed, 1))

    def draw(self) -> None:
        """Draw the looks and the delay of the next episode."""
        settings, rng = self._settings, self._rng
        for light, nominal in zip(self._lights, self._nominal_lights):
            light[:] = nominal * (1.0 + rng.uniform(-settings.light, settings.light))
        shifts = rng.uniform(-settings.colour, settings.colour, (self._paint.max() + 1, 3))
        self._colours[:, :3] = np.clip(self._nominal_colours[:, :3] + shifts[self._paint], 0, 1)
        camera, move, turn = (self._nominal_view, settings.camera_position,
                              settings.camera_angle_deg)
        x, y, z = (np.array(camera.lookat) + rng.uniform(-move, move, 3)).tolist()
        self.view = dataclasses.replace(
            camera, lookat=(x, y, z),
            elevation_deg=camera.elevation_deg + rng.uniform(-turn, turn),
            azimuth_deg=camera.azimuth_deg + rng.uniform(-turn, turn))
        self._noise = settings.image_noise
        self.delay_steps = int(rng.integers(0, settings.delay_steps + 1))

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Let everything look as the task says until the block ends."""
        kept = [value.copy() for value in (*self._lights, self._colours)]
        view, noise = self.view, self._noise
        self.view, self._noise = self._nominal_view, 0.0
        for light, nominal in zip(self._lights, self._nominal_lights):
            light[:] = nominal
        self._colours[:] = self._nominal_colours
        try:
            yield
        finally:
            for value, old in zip((*self._lights, self._colours), kept):
                value[:] = old
            self.view, self._noise = view, noise

    def spoil(self, picture: Picture) -> Picture:
        """Return a picture with the noise of a camera."""
        if not self._noise:
            return picture
        noise = self._noise * self._rng.standard_normal(picture.shape, dtype=np.float32)
        return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
