"""The movable things of a task in MuJoCo's state: put them somewhere, say where they are."""

from __future__ import annotations

import mujoco
import numpy as np

from rig_ros.control.kinematics import Array
from rig_ros.control.task import TaskConfig
from rig_ros.settings import require
from rig_ros.simulation.layout import Layout

PARKED_X = -40.0
"""Where pucks wait that are not on the table [m]: behind what any camera can see (znear, zfar in
`sim/scene.xml`), on the plane of the table top."""
Truth = dict[str, tuple[float, ...]]


class Props:
    """Handles for the objects of one model and state."""

    def __init__(self, task: TaskConfig, model: mujoco.MjModel, state: mujoco.MjData) -> None:
        self._task = task
        self.layout = Layout()
        """What was put last."""
        self._joints: list[Array] = []
        self._places: list[Array] = []
        for index in range(len(task.pucks)):
            body = model.body(f'puck{index}')
            self._joints.append(state.joint(body.jntadr[0]).qpos)
            self._places.append(state.xpos[body.id])
        self._door: Array | None = state.joint('door/door').qpos if task.door else None

    def put(self, layout: Layout) -> None:
        """Write a layout into a state that was just reset; positions follow with `mj_forward`.

        Raises:
            ConfigError: when the number of pucks is not the task's.
        """
        pucks = self._task.pucks
        require(len(layout.pucks) == len(pucks), 'pucks', len(layout.pucks),
                f'{len(pucks)} positions (x, y), None for a puck that is not there')
        self.layout = layout
        for index, (joint, place) in enumerate(zip(self._joints, layout.pucks)):
            joint[:2] = (PARKED_X - index, 0.0) if place is None else place
        if self._door is not None:
            self._door[0] = layout.door_rad

    def truth(self) -> Truth:
        """Return where everything is that is there, by name: positions [m], 'door' [rad]."""
        truth = {f'puck{i}': _floats(self._places[i])
                 for i, place in enumerate(self.layout.pucks) if place is not None}
        if self._door is not None:
            truth['door'] = _floats(self._door)
        return truth


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(np.asarray(values, np.float64).tolist())
