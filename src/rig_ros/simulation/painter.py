"""Draws a MuJoCo scene into numpy pictures, off screen. Pictures are HWC, RGB, uint8, upright."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import mujoco
import numpy as np
import numpy.typing as npt

from rig_ros.control.task import CameraView
from rig_ros.settings import require
from rig_ros.simulation import gl

_log = logging.getLogger(__name__)
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Looks:
    """What is drawn besides the plain surfaces; each costs time."""

    shadows: bool = False
    reflections: bool = False
    multisampling: int = 0
    """Samples per pixel; 0 for none."""


PLAIN = Looks()
"""For learning: fast, and the same on every driver."""
NICE = Looks(shadows=True, multisampling=4)
"""For people."""


class Painter:
    """One GL context for one model; draws any size up to the model's off-screen size."""

    def __init__(self, model: mujoco.MjModel, view: CameraView, looks: Looks = PLAIN) -> None:
        """Open the context.

        Args:
            model: what is drawn; its `vis` settings are changed to fit `looks` and `view`.
            view: from where.
            looks: shadows and the like.

        Raises:
            HardwareError: when no GL backend works; the message names the packages to install.
        """
        self._model = model
        self._widest = int(model.vis.global_.offwidth), int(model.vis.global_.offheight)
        model.vis.quality.offsamples = looks.multisampling
        model.vis.quality.shadowsize = 2048 if looks.shadows else 0
        model.vis.global_.fovy = view.fovy_deg
        try:
            self._gl = mujoco.GLContext(*self._widest)
            self._gl.make_current()
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:  # each backend raises its own kind
            raise gl.drawing_failed(error) from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 10)
        flags = self._scene.flags
        for flag in (mujoco.mjtRndFlag.mjRND_SKYBOX, mujoco.mjtRndFlag.mjRND_FOG,
                     mujoco.mjtRndFlag.mjRND_HAZE):
            flags[flag] = False
        flags[mujoco.mjtRndFlag.mjRND_SHADOW] = looks.shadows
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = looks.reflections
        self._option = mujoco.MjvOption()
        self._perturb = mujoco.MjvPerturb()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        self._camera.lookat[:] = view.lookat
        self._camera.distance = view.distance
        self._camera.elevation = view.elevation_deg
        self._camera.azimuth = view.azimuth_deg
        _log.debug('drawing with %s', gl.choose_backend())

    def paint(self, state: mujoco.MjData, height: int, width: int) -> Picture:
        """Return a picture of a state. Shape (height, width, 3).

        Args:
            state: positions already computed (`mj_forward` or `mj_step`).
            height, width: size in pixels.

        Raises:
            ConfigError: larger than the model's off-screen size.
        """
        require(0 < width <= self._widest[0] and 0 < height <= self._widest[1], 'picture size',
                (height, width), f'up to {self._widest[1]} x {self._widest[0]} pixels')
        self._gl.make_current()
        area = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjv_updateScene(self._model, state, self._option, self._perturb, self._camera,
                               mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(area, self._scene, self._context)
        upside_down = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(upside_down, None, area, self._context)
        return np.ascontiguousarray(upside_down[::-1])

    def close(self) -> None:
        """Free the context; the painter cannot be used again."""
        self._gl.make_current()
        self._context.free()
        self._gl.free()
