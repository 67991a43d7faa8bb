"""A picture of the simulated robot for people: the whole arm at its table, with shadows."""

from __future__ import annotations

from pathlib import Path

import cv2

from rig_ros.control.task import CameraView, TaskConfig
from rig_ros.errors import HardwareError
from rig_ros.simulation.painter import NICE, Picture
from rig_ros.simulation.world import SawyerWorld

PORTRAIT_VIEW = CameraView(lookat=(0.36, -0.02, 0.15), distance=1.85, elevation_deg=-12,
                           azimuth_deg=135, fovy_deg=40)
"""From the robot's front right: head, arm, hand and table are all in the picture."""


def portrait(world: SawyerWorld, size: tuple[int, int] = (640, 480),
             view: CameraView = PORTRAIT_VIEW) -> Picture:
    """Return a picture of a world as it is now. Shape (height, width, 3).

    Args:
        world: what to draw.
        size: (width, height) [pixel], up to 640 x 480.
        view: from where.
    """
    width, height = size
    return world.render(height, width, NICE, view)


def render_portrait(path: Path, task: TaskConfig, size: tuple[int, int] = (640, 480)) -> None:
    """Write a picture of a task's start to a file; the suffix decides the format.

    Args:
        path: for example `sawyer.png`.
        task: whose world.
        size: (width, height) [pixel], up to 640 x 480.

    Raises:
        HardwareError: when the file cannot be written.
    """
    world = SawyerWorld(task)
    try:
        picture = portrait(world, size)
    finally:
        world.close()
    if not cv2.imwrite(str(path), picture[..., ::-1]):
        raise HardwareError(f'{path}: the picture could not be written; check folder and space')
