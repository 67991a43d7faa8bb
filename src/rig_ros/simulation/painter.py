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
DETAIL_GROUP = 2
"""Geom group of parts drawn for people only."""


@dataclass(frozen=True)
class Looks:
    """How much is drawn; everything costs time."""

    shadows: bool = False
    multisampling: int = 0
    """Samples per pixel; 0 for none."""
    slices: int = 12
    """Faces around a round shape."""
    stacks: int = 4
    """Faces along a round shape."""
    details: bool = False
    """Whether parts that only people look at are drawn (geom group 2)."""


PLAIN = Looks()
"""For learning: fast, and without what differs between drivers."""
NICE = Looks(shadows=True, multisampling=4, slices=48, stacks=24, details=True)
"""For people."""


class Painter:
    """One GL context for one model; draws any size up to the model's off-screen size."""

    def __init__(self, model: mujoco.MjModel, looks: Looks = PLAIN) -> None:
        """Open the context.

        Args:
            model: what is drawn; its `vis.quality` is changed to fit `looks`.
            looks: shadows and the like.

        Raises:
            HardwareError: when no GL backend works; the message names the packages to install.
        """
        self._model = model
        self._widest = int(model.vis.global_.offwidth), int(model.vis.global_.offheight)
        quality = model.vis.quality
        quality.offsamples = looks.multisampling
        quality.shadowsize = 4096 if looks.shadows else 0
        quality.numslices, quality.numstacks = looks.slices, looks.stacks
        self._gl = gl.open_context(*self._widest)
        try:
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except mujoco.FatalError as error:
            raise gl.drawing_failed(error) from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 10)
        for flag in (mujoco.mjtRndFlag.mjRND_FOG, mujoco.mjtRndFlag.mjRND_HAZE,
                     mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = looks.details
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = looks.shadows
        self._option = mujoco.MjvOption()
        self._option.geomgroup[DETAIL_GROUP] = looks.details
        self._perturb = mujoco.MjvPerturb()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        _log.debug('drawing with %s', gl.choose_backend())

    def paint(self, state: mujoco.MjData, view: CameraView, height: int, width: int) -> Picture:
        """Return a picture of a state. Shape (height, width, 3).

        Args:
            state: positions already computed (`mj_forward` or `mj_step`).
            view: from where.
            height: of the picture [pixel].
            width: of the picture [pixel].

        Raises:
            ConfigError: larger than the model's off-screen size.
        """
        require(0 < width <= self._widest[0] and 0 < height <= self._widest[1], 'picture size',
                (height, width), f'up to {self._widest[1]} x {self._widest[0]} pixels')
        self._model.vis.global_.fovy = view.fovy_deg
        camera = self._camera
        camera.lookat[:] = view.lookat
        camera.distance = view.distance
        camera.elevation = view.elevation_deg
        camera.azimuth = view.azimuth_deg
        gl.make_current(self._gl)
        area = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjv_updateScene(self._model, state, self._option, self._perturb, camera,
                               mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(area, self._scene, self._context)
        upside_down = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(upside_down, None, area, self._context)
        return np.ascontiguousarray(upside_down[::-1])

    def close(self) -> None:
        """Free the context; the painter cannot be used again."""
        gl.make_current(self._gl)
        self._context.free()
        self._gl.free()
