"""The movable things of a task in MuJoCo's state: put them somewhere, say where they are.

Metres, radians, frame `base`.
"""

from __future__ import annotations

import mujoco
import numpy as np

from rig_ros.control.kinematics import Array
from rig_ros.control.objects import FINGER_RANGE
from rig_ros.control.task import TaskConfig
from rig_ros.settings import require
from rig_ros.simulation.layout import Layout

PARKED_X = -40.0
"""Where pucks wait that are not on the table [m]: behind what any camera can see (znear, zfar in
`sim/scene.xml`), on the plane of the table top."""
FINGERS = ('gripper/front', 'gripper/back')
GRASP_BELOW = 0.03
"""The fingers hold this far below the hand's point [m]."""
LIFTED = 0.05
"""A block whose centre is higher than this does not lie [m]."""
Truth = dict[str, tuple[float, ...]]


class Props:
    """Handles for the objects and the gripper of one model and state."""

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
        self._block = state.body('block') if task.block else None
        joint = state.joint(model.body('block').jntadr[0]) if task.block else None
        self._block_joint: Array = joint.qpos if joint else np.zeros(7)
        self._block_speed: Array = joint.qvel if joint else np.zeros(6)
        self._fingers = [state.joint(name) for name in FINGERS] if task.gripper else []
        self._grips = [state.actuator(name) for name in FINGERS] if task.gripper else []
        self._door: Array | None = state.joint('door/door').qpos if task.door else None

    def put(self, layout: Layout, hand: Array) -> None:
        """Write a layout into a state that was just reset; positions follow with `mj_forward`.

        Args:
            layout: where everything shall be.
            hand: where the hand will be, shape (3,) [m].

        Raises:
            ConfigError: when the layout is not one of the task.
        """
        pucks, block = self._task.pucks, self._task.block
        require(len(layout.pucks) == len(pucks), 'pucks', len(layout.pucks),
                f'{len(pucks)} positions (x, y), None for a puck that is not there')
        require(block is None or layout.block is not None or layout.closed, 'block', layout.block,
                'a place (x, y), or None in a closed gripper')
        self.layout = layout
        for index, (joint, place) in enumerate(zip(self._joints, layout.pucks)):
            joint[:2] = (PARKED_X - index, 0.0) if place is None else place
        if self._door is not None:
            self._door[0] = layout.door_rad
        self.grip(1.0 if layout.closed else -1.0)
        for finger in self._fingers:
            finger.qpos[0] = 0.0 if layout.closed else FINGER_RANGE
        if block is not None and layout.block is not None:
            self._block_joint[:3] = (*layout.block, block.half_size[2])
        elif block is not None:
            self._block_joint[:3] = hand - (0.0, 0.0, GRASP_BELOW)
            for finger in self._fingers:
                finger.qpos[0] = block.half_size[0]

    def grip(self, value: float) -> None:
        """Command the gripper from -1 (open) to 1 (closed); without one nothing happens."""
        for actuator in self._grips:
            actuator.ctrl[0] = FINGER_RANGE * (1.0 - value) / 2

    def keep_in_reach(self) -> None:
        """Put a block back that lies outside its box, as multiworld does; stop it there."""
        block = self._task.block
        if block is None:
            return
        place = self._block_joint
        high = place[2] >= LIFTED
        for axis, (low, top) in enumerate(zip(block.goal_low, block.goal_high)):
            inside = min(max(place[axis], low), top)
            if place[axis] != inside and (low == top or not high):
                place[axis], self._block_speed[axis] = inside, 0.0

    @property
    def opening(self) -> float:
        """Mean distance of the fingers from the middle [m]; 0 without a gripper."""
        return float(np.mean([f.qpos[0] for f in self._fingers])) if self._fingers else 0.0

    def truth(self) -> Truth:
        """Return where everything is that is there, by name: positions [m], 'door' [rad]."""
        truth = {f'puck{i}': _floats(self._places[i])
                 for i, place in enumerate(self.layout.pucks) if place is not None}
        if self._door is not None:
            truth['door'] = _floats(self._door)
        if self._block is not None:
            truth['object'] = _floats(self._block.xpos)
        return truth


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(np.asarray(values, np.float64).tolist())
